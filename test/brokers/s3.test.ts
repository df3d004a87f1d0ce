/** What the s3 adapter decides before it asks anybody. */
import t from "tap";
import kind from "../../brokers/s3/index.ts";
import { bucketName, readBucketName, readUserName, userName } from "../../brokers/s3/names.ts";
import { policyFor } from "../../brokers/s3/policies.ts";
import { seal, unseal } from "../../brokers/s3/seal.ts";
import { type JsonObject, Secret } from "../../src/core/adapter.ts";

const [instance, binding] = ["0".repeat(26), "z".repeat(26)];

t.test("names lead back to what they were made of, and fit", (t) => {
  t.equal(readBucketName(bucketName(instance)), instance);
  t.same(readUserName(userName(instance, binding)), { instance, binding });
  t.equal(readBucketName("lotse-somebody-elses"), undefined);
  t.equal(readUserName(bucketName(instance)), undefined);
  t.ok(bucketName(instance).length <= 63 && userName(instance, binding).length <= 64);
  t.end();
});

t.test("a key opens one bucket, and who may only read changes nothing", (t) => {
  const read = policyFor("one", "read-only", false);
  t.notMatch(read, /Put|Delete|Abort|\*"\]?,"Action/);
  t.match(policyFor("one", "read-write", false), /s3:PutObject.*s3:DeleteObjectVersion/);
  t.match(policyFor("one", "read-write", true), /s3:PutObject/);
  t.notMatch(
    policyFor("one", "read-write", true),
    /DeleteObjectVersion/,
    "where versions are kept, nobody's key deletes them",
  );
  for (const { Resource } of JSON.parse(read).Statement) t.match(Resource[0], /^arn:aws:s3:::one(\/\*)?$/);
  t.end();
});

t.test("a sealed secret is read with the same secret only", (t) => {
  const [ours, theirs] = [Buffer.alloc(32, 1).toString("base64url"), Buffer.alloc(32, 2).toString("base64url")];
  const sealed = seal("k".repeat(40), ours);
  t.equal(unseal(sealed, ours), "k".repeat(40));
  t.equal(unseal(sealed, theirs), undefined);
  t.equal(unseal("short", ours), undefined);
  t.match(sealed, /^[\w-]{1,256}$/, "it fits a tag");
  t.end();
});

t.test("secrets cross no network in the clear", async (t) => {
  const open = (more: JsonObject) =>
    kind.open({
      values: { region: "eu-central-1", accessKeyId: "key", keys: "none", ...more },
      secrets: { secretAccessKey: new Secret("secret") },
    });
  await t.rejects(open({ endpoint: "http://s3.example" }), /must begin with https/);
  await t.rejects(open({ keys: "ceph" }), /needs the endpoint/);
  const adapter = await open({});
  t.equal(adapter.bind, undefined, "without users there are no bindings");
  await adapter.close?.();
});

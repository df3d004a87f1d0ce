/** The s3 adapter on an AWS API with IAM checks on. */
import {
  CreateAccessKeyCommand,
  DeleteAccessKeyCommand,
  IAMClient,
  ListAccessKeysCommand,
  ListUsersCommand,
} from "@aws-sdk/client-iam";
import {
  GetBucketEncryptionCommand,
  GetBucketVersioningCommand,
  GetPublicAccessBlockCommand,
} from "@aws-sdk/client-s3";
import t, { type Test } from "tap";
import kind from "../../brokers/s3/index.ts";
import { type Adapter, type JsonObject, Secret } from "../../src/core/adapter.ts";
import { awsUser, policyIn } from "../support/aws.ts";
import { onPeer } from "../support/peers.ts";
import { type Account, bucketNames, bucketOf, opens, s3Client } from "../support/s3.ts";
import { closedPort, losingWire, silentWire } from "../support/wire.ts";
import { keepsEveryPromise, openStage, type Subject } from "./promise.ts";

const nothing = JSON.stringify({
  Version: "2012-10-17",
  Statement: [{ Effect: "Deny", Action: "s3:*", Resource: "*" }],
});

await onPeer(t, "aws", async (facts) => {
  const admin = facts as unknown as Account;
  // moto does not know which user a call to IAM is about, nor which objects are removed together, so names are left out.
  const policy = policyIn("brokers/s3/README.md")
    .replaceAll("arn:aws:iam::*:user/lotse/*", "*")
    .replaceAll("arn:aws:s3:::lotse-*/*", "arn:aws:s3:::lotse-*");
  const user = { ...admin, ...(await awsUser(t, facts, policy)) };
  const s3 = s3Client(admin);
  const iam = new IAMClient({ endpoint: admin.endpoint, region: admin.region, credentials: admin });
  t.teardown(() => s3.destroy());
  t.teardown(() => iam.destroy());
  const port = Number(new URL(admin.endpoint).port);

  function open(more: Partial<Account> & { readonly attempts?: number } = {}): Promise<Adapter> {
    const { endpoint, region, accessKeyId, secretAccessKey, attempts = 2 } = { ...user, ...more };
    const values: JsonObject = { endpoint, iamEndpoint: endpoint, region, accessKeyId, keys: "iam", attempts };
    return kind.open({
      values: { ...values, pollSeconds: 0.1 },
      secrets: { secretAccessKey: new Secret(secretAccessKey) },
    });
  }

  async function inventory(id = ""): Promise<string[]> {
    const { Users = [] } = await iam.send(new ListUsersCommand({ PathPrefix: "/lotse/" }));
    const buckets = await Promise.all(
      (await bucketNames(s3, id)).map(async (Bucket) => {
        const { Status = "never" } = await s3.send(new GetBucketVersioningCommand({ Bucket }));
        return `${Bucket} versions ${Status}`;
      }),
    );
    return [...buckets, ...Users.map(({ UserName = "" }) => UserName)].filter((name) => name.includes(id)).sort();
  }

  function subjectFor(t: Test, moment: "before" | "after" = "after"): Subject {
    return {
      open,
      async losing(nth) {
        const isQuestion = (data: Buffer) => /^(GET|PUT|POST|DELETE|HEAD) \//.test(data.toString("latin1", 0, 10));
        const wire = await losingWire(t, port, nth, isQuestion, moment);
        // One attempt only: otherwise the client asks again before Lotse learns of the loss.
        const adapter = await open({ endpoint: `http://127.0.0.1:${wire.port}`, attempts: 1 });
        return { adapter, lost: wire.lost };
      },
      async hanging() {
        const wire = await silentWire(t);
        return { adapter: await open({ endpoint: `http://127.0.0.1:${wire.port}` }), reached: wire.reached };
      },
      broken: async () =>
        new Map([
          ["the secret is wrong", await open({ secretAccessKey: "not the secret" })],
          ["nobody has this key", await open({ accessKeyId: "AKIAIOSFODNN7EXAMPLE" })],
          ["its user may do nothing", await open(await awsUser(t, facts, nothing))],
          ["nothing listens there", await open({ endpoint: `http://127.0.0.1:${await closedPort()}` })],
        ]),
      inventory,
      works: opens,
      backend: {},
      largerBackend: { oldVersionsDays: 30 },
      parameters: {},
      changedParameters: { versioning: true },
      bindingParameters: {},
      secrets: [user.secretAccessKey],
      atOnce: 10,
    };
  }

  await t.test("every promise is kept, and each answer lost on its way back", (t) =>
    keepsEveryPromise(t, subjectFor(t, "after")),
  );
  await t.test("every promise is kept, and each request lost on its way there", (t) =>
    keepsEveryPromise(t, subjectFor(t, "before")),
  );

  await t.test("a bucket is ordered, used, its key renewed, and given back", async (t) => {
    const adapter = await open();
    const stage = openStage(subjectFor(t));
    const before = await inventory();
    const thing = stage.instance({ versioning: true });
    await stage.run(adapter, "provision", thing);
    const Bucket = `lotse-${thing.id}`;
    t.match(await s3.send(new GetPublicAccessBlockCommand({ Bucket })), {
      PublicAccessBlockConfiguration: { BlockPublicAcls: true, RestrictPublicBuckets: true },
    });
    t.match(await s3.send(new GetBucketEncryptionCommand({ Bucket })), {
      ServerSideEncryptionConfiguration: {
        Rules: [{ ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "AES256" } }],
      },
    });
    const first = stage.binding(thing);
    const { access } = await stage.run(adapter, "bind", first);
    const reading = (await stage.run(adapter, "bind", stage.binding(thing, { access: "read-only" }))).access;
    if (access === undefined || reading === undefined) throw new Error("There is no access.");
    await bucketOf(access).put("greeting", "hello");
    t.equal(await bucketOf(reading).get("greeting"), "hello");
    await t.rejects(bucketOf(reading).put("greeting", "no"), { name: "AccessDenied" });
    const renewed = (await stage.run(adapter, "bind", stage.binding(thing))).access;
    t.ok(renewed !== undefined && (await opens(renewed)) && (await opens(access)), "old and new side by side");
    await stage.run(adapter, "unbind", first);
    t.notOk(await opens(access));
    await stage.run(adapter, "deprovision", thing);
    t.same(await inventory(), before);
  });

  await t.test("a key whose secret nobody learned is replaced, one that was given is not", async (t) => {
    const adapter = await open();
    const stage = openStage(subjectFor(t));
    const thing = stage.instance();
    await stage.run(adapter, "provision", thing);
    const binding = stage.binding(thing);
    const order = stage.order("bind", binding);
    const UserName = `lotse-${thing.id}-${binding.id}`;
    const keyIds = async () => {
      const { AccessKeyMetadata = [] } = await iam.send(new ListAccessKeysCommand({ UserName }));
      return AccessKeyMetadata.map(({ AccessKeyId = "" }) => AccessKeyId);
    };
    const { access } = await stage.done(adapter, order, binding);
    const [given = ""] = await keyIds();
    t.equal(access?.credentials?.accessKeyId, given);
    t.same((await stage.done(adapter, { ...order, attempt: 2 }, binding)).access, access, "the same again");
    // As a call leaves it that is killed between making two keys and sealing them.
    await iam.send(new DeleteAccessKeyCommand({ UserName, AccessKeyId: given }));
    for (let key = 0; key < 2; key++) await iam.send(new CreateAccessKeyCommand({ UserName }));
    const again = (await stage.done(adapter, { ...order, attempt: 3 }, binding)).access;
    t.ok(again !== undefined && (await opens(again)));
    t.same(await keyIds(), [again?.credentials?.accessKeyId], "nothing but the new key is left");
    await stage.run(adapter, "deprovision", thing);
  });
});

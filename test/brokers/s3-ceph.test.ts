/** The s3 adapter at a real Ceph. */
import {
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetBucketLifecycleConfigurationCommand,
  GetBucketTaggingCommand,
  GetBucketVersioningCommand,
  GetObjectCommand,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import t, { type Test } from "tap";
import kind from "../../brokers/s3/index.ts";
import { type Adapter, type JsonObject, Secret } from "../../src/core/adapter.ts";
import { onPeer } from "../support/peers.ts";
import { type Account, bucketNames, bucketOf, opens, s3Client } from "../support/s3.ts";
import { closedPort, losingWire, silentWire } from "../support/wire.ts";
import { keepsEveryPromise, openStage, type Subject } from "./promise.ts";

const backend = { encryption: "provider", publicAccess: "ignored" };
const largerBackend = { ...backend, oldVersionsDays: 30 };

await onPeer(t, "ceph", async (facts) => {
  const account = facts as unknown as Account & { readonly ordinary: Pick<Account, "accessKeyId" | "secretAccessKey"> };
  const ceph = s3Client(account);
  t.teardown(() => ceph.destroy());
  const port = Number(new URL(account.endpoint).port);

  function open(more: JsonObject = {}): Promise<Adapter> {
    const { endpoint, region, accessKeyId, secretAccessKey } = { ...account, ...more };
    return kind.open({
      values: { endpoint, region, accessKeyId, keys: "ceph", pollSeconds: 0.1, ...numbersOf(more) },
      secrets: { secretAccessKey: new Secret(String(secretAccessKey)) },
    });
  }

  const eye = await open();
  t.teardown(() => eye.close?.());

  async function inventory(id = ""): Promise<string[]> {
    const buckets = await Promise.all(
      (await bucketNames(ceph, id)).map(async (Bucket) => {
        const { Status = "never" } = await ceph.send(new GetBucketVersioningCommand({ Bucket }));
        return `${Bucket} versions ${Status}`;
      }),
    );
    const users = (await eye.inventory?.(new AbortController().signal)) ?? [];
    return [...buckets, ...users.filter(({ thing }) => thing === "binding").map(({ name }) => name)]
      .filter((name) => name.includes(id))
      .sort();
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
          ["nobody has this key", await open({ accessKeyId: "NOBODYSKEY" })],
          ["nothing listens there", await open({ endpoint: `http://127.0.0.1:${await closedPort()}`, attempts: 1 })],
        ]),
      inventory,
      works: opens,
      backend,
      largerBackend,
      parameters: {},
      changedParameters: { versioning: true },
      bindingParameters: {},
      secrets: [account.secretAccessKey],
      atOnce: 6,
    };
  }

  await t.test("every promise is kept, and each answer lost on its way back", (t) =>
    keepsEveryPromise(t, subjectFor(t, "after")),
  );
  await t.test("every promise is kept, and each request lost on its way there", (t) =>
    keepsEveryPromise(t, subjectFor(t, "before")),
  );

  await t.test(
    "a bucket is ordered, used, changed, its key renewed, and given back with all that is in it",
    async (t) => {
      const adapter = await open();
      const stage = openStage(subjectFor(t));
      const before = await inventory();
      const thing = stage.instance({ versioning: true, expireDays: 90 });
      await stage.run(adapter, "provision", thing);
      const Bucket = `lotse-${thing.id}`;
      const { TagSet = [] } = await ceph.send(new GetBucketTaggingCommand({ Bucket }));
      t.match(Object.fromEntries(TagSet.map(({ Key, Value }) => [Key, Value])), {
        "lotse-instance": thing.id,
        "lotse-organization": "organisation",
        "lotse-space": "space",
        "lotse-operation": /^[0-9a-z]{26}$/,
      });
      const { Rules } = await ceph.send(new GetBucketLifecycleConfigurationCommand({ Bucket }));
      t.match(Rules, [{ Expiration: { Days: 90 }, AbortIncompleteMultipartUpload: { DaysAfterInitiation: 7 } }]);

      const first = stage.binding(thing);
      const { access } = await stage.run(adapter, "bind", first);
      if (access === undefined) throw new Error("There is no access.");
      const writer = bucketOf(access);
      await writer.put("greeting", "hello");
      await writer.put("greeting", "hello again");
      await writer.client.send(new CreateMultipartUploadCommand({ Bucket, Key: "never finished" }));
      t.equal(await writer.get("greeting"), "hello again");

      const reading = (await stage.run(adapter, "bind", stage.binding(thing, { access: "read-only" }))).access;
      if (reading === undefined) throw new Error("There is no access.");
      const reader = bucketOf(reading);
      t.equal(await reader.get("greeting"), "hello again");
      await t.rejects(reader.put("greeting", "no"), { name: "AccessDenied" }, "who may read only does not write");

      const neighbour = stage.instance();
      await stage.run(adapter, "provision", neighbour);
      const beyond = bucketOf({ credentials: { ...access.credentials, bucket: `lotse-${neighbour.id}` } });
      await t.rejects(beyond.put("greeting", "no"), { name: "AccessDenied" }, "no other bucket is opened");
      await stage.run(adapter, "deprovision", neighbour);

      const order = stage.order("provision", thing);
      const period = { from: new Date(), to: new Date() };
      const used = await adapter.usage?.(order, period, stage.tools(order.token));
      t.match(used, [
        { meter: "stored", unit: "GB", quantity: "0.000000016" },
        { meter: "objects", quantity: /^[23]$/ },
      ]);

      const second = stage.binding(thing);
      const rotation = stage.order("bind", second);
      const renewed = await stage.done(
        adapter,
        { ...rotation, binding: { ...rotation.binding, predecessorId: first.id } },
        second,
      );
      t.ok((await opens(access)) && renewed.access !== undefined && (await opens(renewed.access)), "side by side");
      await stage.run(adapter, "unbind", first);
      t.notOk(await opens(access), "the old key is gone");
      await stage.run(adapter, "deprovision", thing);
      t.same(await inventory(), before);
      await adapter.close?.();
    },
  );

  await t.test("more objects than one call removes go batch by batch, and progress is told", async (t) => {
    const adapter = await open();
    const stage = openStage(subjectFor(t));
    const thing = stage.instance();
    await stage.run(adapter, "provision", thing);
    const { put } = bucketOf({ credentials: { ...account, bucket: `lotse-${thing.id}` } });
    for (let index = 0; index < 1001; index += 91)
      await Promise.all(Array.from({ length: 91 }, (_, more) => put(`object ${index + more}`, "x")));
    const order = stage.order("deprovision", thing);
    const tools = stage.tools(order.token);
    const outcome = await adapter.deprovision(order, tools);
    t.match(outcome, { state: "pending", handle: { removed: 1000 }, note: /1000 objects.*are removed/ });
    if (outcome.state !== "pending") throw new Error("It is not pending.");
    t.match(await adapter.poll?.(order, outcome.handle ?? null, tools), { state: "done" });
    t.same(await inventory(thing.id), []);
  });

  await t.test("in a bucket for backups, nobody's key deletes what was written over", async (t) => {
    const adapter = await open();
    const stage = openStage(subjectFor(t));
    const thing = { ...stage.instance(), backend: { ...backend, versioning: "always", keepVersions: true } };
    await stage.run(adapter, "provision", thing);
    const { access } = await stage.run(adapter, "bind", stage.binding(thing));
    if (access === undefined) throw new Error("There is no access.");
    const { client, bucket: Bucket, put, get } = bucketOf(access);
    const { VersionId } = await client.send(new PutObjectCommand({ Bucket, Key: "backup", Body: "monday" }));
    await put("backup", "ransom");
    await client.send(new DeleteObjectCommand({ Bucket, Key: "backup" }));
    const erase = client.send(new DeleteObjectCommand({ Bucket, Key: "backup", VersionId }));
    await t.rejects(erase, { name: "AccessDenied" });
    await t.rejects(get("backup"), { name: "NoSuchKey" });
    const kept = await client.send(new GetObjectCommand({ Bucket, Key: "backup", VersionId }));
    t.equal(await kept.Body?.transformToString(), "monday");
    await stage.run(adapter, "deprovision", thing);
    await adapter.close?.();
  });

  await t.test("what this Ceph does not do is told, and not left out", async (t) => {
    const adapter = await open();
    const stage = openStage(subjectFor(t));
    const thing = { ...stage.instance(), backend: { ...backend, encryption: "AES256" } };
    const outcome = await stage.carry(adapter, stage.order("provision", thing), thing);
    t.match(outcome, { state: "failed", clean: false, reason: /does not do encryption with AES256/ });
    await stage.run(adapter, "deprovision", thing);
    t.same(await inventory(thing.id), []);
  });

  await t.test("an account that may make no users is told so by a check", async (t) => {
    const ordinary = await open(account.ordinary);
    t.match(await ordinary.check?.(new AbortController().signal), /Users cannot be listed.*AccessDenied.*README/);
  });
});

function numbersOf(settings: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => typeof value === "number"));
}

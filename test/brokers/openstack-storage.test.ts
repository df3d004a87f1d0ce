/** Object storage at a real OpenStack: every promise an adapter makes, and the way of a container from order to return. */
import assert from "node:assert/strict";
import t, { type Test } from "tap";
import kind from "../../brokers/openstack/index.ts";
import { type Adapter, type JsonObject, Secret } from "../../src/core/adapter.ts";
import { startCloudLine } from "../support/openstack-line.ts";
import { bucketOf, containerOf, type ObjectProject, openObjectProject, opens } from "../support/openstack-objects.ts";
import { onPeer } from "../support/peers.ts";
import { closedPort, silentWire } from "../support/wire.ts";
import { keepsEveryPromise, openStage, type Subject } from "./promise.ts";

await onPeer(t, "openstack", async (facts) => {
  const project = await openObjectProject(t, facts);
  const subject = subjectIn(t, project);
  await t.test("a customer's container from order to return", (t) => wholeWay(t, project, subject));
  await t.test("what a plan, a cloud or an account cannot do is told", (t) => refusals(t, project, subject));
  await keepsEveryPromise(t, subject);
});

function accountOf(project: ObjectProject, more: JsonObject = {}, password = project.password): Promise<Adapter> {
  const { authUrl, username, name, accessRole } = project;
  return kind.open({
    values: { authUrl, username, project: name, accessRole, pollSeconds: 0.1, ...more },
    secrets: { password: new Secret(password) },
  });
}

function subjectIn(t: Test, project: ObjectProject): Subject {
  const open = (more?: JsonObject, password?: string) => accountOf(project, more, password);
  return {
    open: () => open(),
    async losing(nth) {
      const line = await startCloudLine(t, project.authUrl, (asked) => (asked.nth === nth ? "after" : undefined));
      return { adapter: await open({ authUrl: line.authUrl }), lost: line.lost };
    },
    async hanging() {
      const { port, reached } = await silentWire(t);
      return { adapter: await open({ authUrl: `http://127.0.0.1:${port}/v3` }), reached };
    },
    broken: async () =>
      new Map([
        ["the password is wrong", await open({}, "not the password")],
        ["nothing listens there", await open({ authUrl: `http://127.0.0.1:${await closedPort()}/v3` })],
        ["the region is not there", await open({ regions: ["nowhere"] })],
      ]),
    inventory: (id) => project.inventory(id),
    works: opens,
    backend: { kind: "object-storage", maxBytes: 1_000_000 },
    largerBackend: { kind: "object-storage", maxBytes: 2_000_000 },
    parameters: {},
    changedParameters: { versioning: true },
    bindingParameters: {},
    secrets: [project.password],
    patienceMs: 60_000,
    paceMs: 200,
    atOnce: 4,
  };
}

async function wholeWay(t: Test, project: ObjectProject, subject: Subject): Promise<void> {
  const stage = openStage(subject);
  const adapter = await subject.open();
  t.teardown(() => adapter.close?.());
  const before = await project.inventory();
  const thing = { ...stage.instance({ versioning: true }), backend: { kind: "object-storage", maxBytes: 100_000 } };
  await stage.run(adapter, "provision", thing);

  const writer = stage.binding(thing, { access: "read-write" });
  const reader = stage.binding(thing, { access: "read-only" });
  const { access: writing = {} } = await stage.run(adapter, "bind", writer);
  const { access: reading = {} } = await stage.run(adapter, "bind", reader);
  const [bucket, container] = [bucketOf(writing), await containerOf(writing)];
  assert.equal((await bucket("PUT", "/greetings/hello", { body: "hello by S3" })).status, 200, "S3 takes an object");
  const other = await container?.("GET", "/greetings/hello");
  assert.equal(await other?.text(), "hello by S3", "Swift gives the same object");
  assert.equal((await container?.("PUT", "/second", "by Swift"))?.status, 201, "Swift takes one");
  assert.equal((await bucket("PUT", "/greetings/hello", { body: "hello again" })).status, 200, "and it is overwritten");
  t.pass("objects are put and read by S3 and by Swift");

  const upload = await bucket("POST", "/large", { query: "uploads=" });
  assert.match(upload.text, /<UploadId>/, "an upload in parts begins");
  const uploadId = /<UploadId>([^<]+)</.exec(upload.text)?.[1] ?? "";
  const part = await bucket("PUT", "/large", { query: `partNumber=1&uploadId=${uploadId}`, body: "half a file" });
  assert.equal(part.status, 200, "a part is taken; the upload is never finished");

  const [seen, own] = [bucketOf(reading), await containerOf(reading)];
  assert.equal((await seen("GET", "/second")).text, "by Swift", "who may read reads");
  assert.equal((await seen("PUT", "/third", { body: "no" })).status, 403, "who may read only does not write by S3");
  assert.equal((await seen("DELETE", "/second")).status, 403);
  assert.equal((await own?.("PUT", "/third", "no"))?.status, 403, "nor by Swift");
  t.pass("a binding for reading does not write");

  const full = await container?.("PUT", "/big", "x".repeat(200_000));
  assert.equal(full?.status, 413, "more than the plan allows is not taken");
  const usage = await adapter.usage?.(stage.order("provision", thing), period(), stage.tools("usage"));
  assert.ok(
    usage?.some(({ meter, quantity }) => meter === "stored" && Number(quantity) > 0),
    "what is stored is told",
  );
  assert.ok(
    usage?.some(({ meter, quantity }) => meter === "objects" && Number(quantity) >= 3),
    "and how many objects",
  );

  const successor = stage.binding(thing);
  const rotated = stage.order("bind", successor);
  const { access: fresh = {} } = await stage.done(adapter, rotated, successor);
  await stage.run(adapter, "unbind", writer);
  assert.equal(await opens(writing), false, "the old keys are gone");
  assert.ok(await opens(fresh), "the new ones work");
  t.pass("keys are rotated");

  await stage.run(adapter, "deprovision", thing);
  assert.equal(await opens(fresh), false, "access ends with the container");
  assert.deepEqual(await project.inventory(), before, "objects, versions, parts, users and containers are gone");
  assert.deepEqual(await adapter.inventory?.(AbortSignal.timeout(60_000)), []);
  stage.nothingLeaked();
}

function period() {
  return { from: new Date(Date.now() - 3_600_000), to: new Date() };
}

async function refusals(t: Test, project: ObjectProject, subject: Subject): Promise<void> {
  const stage = openStage(subject);
  const adapter = await subject.open();
  const member = await kind.open({
    values: { authUrl: project.authUrl, applicationCredentialId: project.member.id, accessRole: project.accessRole },
    secrets: { applicationCredentialSecret: new Secret(project.member.secret) },
  });
  t.teardown(() => Promise.all([adapter.close?.(), member.close?.()]));
  const thing = stage.instance();
  await stage.run(adapter, "provision", thing);

  await project.swift("PUT", `/lotse-${thing.id}/some`, { body: "1234567890" });
  const smaller = { ...thing, backend: { kind: "object-storage", maxBytes: 5 } };
  const full = await stage.carry(adapter, stage.order("update", smaller), smaller);
  assert.ok(full.state === "failed" && full.clean, "a plan too small for what is stored is refused");
  assert.match(full.reason, /too full.*10 bytes/, "and it is told by how much");
  t.pass("too full");

  const binding = stage.binding(thing);
  const no = await stage.carry(member, stage.order("bind", binding), binding);
  assert.ok(no.state === "failed", "a mere member makes no users");
  assert.match(no.reason, /may not make users/);
  assert.match((await member.check?.(AbortSignal.timeout(60_000))) ?? "", /too few rights/, "the check says so before");
  t.pass("an account without the right to make users says so");

  await stage.run(adapter, "deprovision", thing);
}

/** Object storage at a real OpenStack: every promise an adapter makes, and the way of a container from order to return. */
import assert from "node:assert/strict";
import t, { type Test } from "tap";
import kind from "../../brokers/openstack/index.ts";
import { projectName } from "../../brokers/openstack/names.ts";
import { type Adapter, type JsonObject, Secret } from "../../src/core/adapter.ts";
import { startCloudLine } from "../support/openstack-line.ts";
import { bucketOf, containerOf, type ObjectProject, openObjectProject, opens } from "../support/openstack-objects.ts";
import { onPeers } from "../support/peers.ts";
import { closedPort, silentWire } from "../support/wire.ts";
import { type AnyOrder, keepsEveryPromise, openStage, type Subject, type Thing } from "./promise.ts";

await onPeers(t, ["openstack", "openstack-2"], async ({ openstack: facts, "openstack-2": otherFacts }) => {
  const project = await openObjectProject(t, facts);
  const subject = subjectIn(t, project);
  await t.test("a customer's container from order to return", (t) => wholeWay(t, project, subject));
  await t.test("what a plan, a cloud or an account cannot do is told", (t) => refusals(t, project, subject));
  await t.test("a full container is emptied before it goes, and how far that is can be seen", (t) =>
    emptied(t, project, subject),
  );
  await t.test("each request gets lost once before and once after it took effect", (t) => badLine(t, project, subject));
  await t.test("a container is not given up because a busy Swift says that it is not there", (t) =>
    denied(t, project, subject),
  );
  await t.test("an organisation's containers are in a project of its own", (t) => ownProject(t, project, subject));
  await t.test("the same order and the same use do at another provider's cloud", async (t) => {
    for (const place of [project, await openObjectProject(t, otherFacts)]) await orderAndUse(t, place);
  });
  await keepsEveryPromise(t, subject);
});

async function orderAndUse(t: Test, place: ObjectProject): Promise<void> {
  const subject = subjectIn(t, place);
  const stage = openStage(subject);
  const adapter = await subject.open();
  t.teardown(() => adapter.close?.());
  const thing = stage.instance();
  await stage.run(adapter, "provision", thing);
  const { access = {} } = await stage.run(adapter, "bind", stage.binding(thing));
  const bucket = bucketOf(access);
  assert.equal((await bucket("PUT", "/one", { body: "by S3" })).status, 200);
  assert.equal((await bucket("GET", "/one")).text, "by S3");
  await stage.run(adapter, "deprovision", thing);
  assert.deepEqual(await place.inventory(), []);
  t.pass(`at ${new URL(place.authUrl).host}`);
}

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

/** Swift whose account servers do not answer says 404 of every container, and 503 of the account: seen at version 2.30. */
async function denied(t: Test, project: ObjectProject, subject: Subject): Promise<void> {
  const stage = openStage(subject);
  const untroubled = await subject.open();
  t.teardown(() => untroubled.close?.());
  const thing = stage.instance();
  await stage.run(untroubled, "provision", thing);
  const { access = {} } = await stage.run(untroubled, "bind", stage.binding(thing));

  let overloaded = true;
  const line = await startCloudLine(t, project.authUrl, ({ path }) => {
    const [, , inAccount] = /\/v1\/AUTH_[0-9a-f]+(\/([^?]*))?/.exec(path) ?? [];
    if (!overloaded || !path.includes("/v1/AUTH_")) return undefined;
    return { status: inAccount ? 404 : 503, body: "" };
  });
  const adapter = await accountOf(project, { authUrl: line.authUrl, retries: 0 });
  t.teardown(() => adapter.close?.());
  const undecided = { message: /Swift answered GET .* with 503/ };
  const refuses = (name: string, order: AnyOrder) =>
    t.rejects(stage.carry(adapter, order, thing), undecided, `${name} is not decided by that`);
  await refuses("a change", stage.order("update", thing));
  await refuses("a binding", stage.order("bind", stage.binding(thing)));
  const order = stage.order("provision", thing);
  await t.rejects(async () => adapter.fetch?.(order, stage.tools(order.token)), undecided, "nor is what is fetched");
  assert.equal((await bucketOf(access)("PUT", "/kept", { body: "x" })).status, 200);
  t.pass("the container and the access to it are still there");
  await refuses("the return", stage.order("deprovision", thing));
  overloaded = false;
  await stage.run(adapter, "deprovision", thing);
  assert.deepEqual(await project.inventory(thing.id), []);
  t.pass("and go when they are to");
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

  await project.swift("PUT", "/neighbour");
  const neighbour = { credentials: { ...writing.credentials, bucket: "neighbour", container: "neighbour" } };
  assert.equal((await bucketOf(neighbour)("GET")).status, 403, "nobody looks into a neighbour's container by S3");
  assert.equal((await (await containerOf(neighbour))?.("PUT", "/one", "1"))?.status, 403, "or writes there by Swift");
  await project.swift("DELETE", "/neighbour");
  t.pass("a binding enters its own container only");

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

async function emptied(t: Test, project: ObjectProject, subject: Subject): Promise<void> {
  const stage = openStage(subject);
  const adapter = await subject.open();
  t.teardown(() => adapter.close?.());
  const before = await project.inventory();
  const thing = stage.instance();
  await stage.run(adapter, "provision", thing);
  const due = Array.from({ length: 105 }, (_, index) => `/lotse-${thing.id}/${encodeURIComponent(`ä/${index}?`)}`);
  const put = async () => {
    for (let path = due.pop(); path !== undefined; path = due.pop())
      assert.equal((await project.swift("PUT", path, { body: "x" })).status, 201, "an object is put");
  };
  await Promise.all(Array.from({ length: 8 }, put));

  const order = stage.order("deprovision", thing);
  const first = await adapter.deprovision(order, stage.tools(order.token));
  assert.ok(first.state === "pending", "it takes more than one call");
  assert.match(first.note ?? "", /100 objects are removed, about 5 are left/);
  const last = await adapter.poll?.(order, first.handle ?? null, stage.tools(order.token));
  assert.equal(last?.state, "done");
  assert.deepEqual(await project.inventory(), before);
}

async function badLine(t: Test, project: ObjectProject, subject: Subject): Promise<void> {
  const stage = openStage(subject);
  const before = await project.inventory();
  const thing = stage.instance({ versioning: true });
  const binding = stage.binding(thing);
  const times = new Map<string, number>();
  const line = await startCloudLine(t, project.authUrl, ({ method, path }) => {
    const count = (times.get(`${method} ${path}`) ?? 0) + 1;
    times.set(`${method} ${path}`, count);
    return ([undefined, "before", "after"] as const)[count];
  });
  const adapter = await accountOf(project, { authUrl: line.authUrl });
  t.teardown(() => adapter.close?.());
  // As the engine does: a call that threw is made again, with the same token.
  const insist = async (order: AnyOrder, about: Thing) => {
    for (let attempt = 1; ; attempt++)
      try {
        const outcome = await stage.carry(adapter, { ...order, attempt, repeated: attempt > 1 }, about);
        assert.equal(outcome.state, "done");
        return outcome;
      } catch (error) {
        if (error instanceof assert.AssertionError || attempt > 60) throw error;
      }
  };
  await insist(stage.order("provision", thing), thing);
  await insist(stage.order("bind", binding), binding);
  assert.equal((await project.inventory(thing.id)).length, 3, "a container, one for parts, and a user");
  await insist(stage.order("unbind", binding), binding);
  await insist(stage.order("deprovision", thing), thing);
  assert.deepEqual(await project.inventory(), before, "nothing is left");
  t.ok([...times.values()].filter((count) => count > 2).length > 10, "all of them were lost twice and then answered");
}

async function ownProject(t: Test, project: ObjectProject, subject: Subject): Promise<void> {
  const stage = openStage(subject);
  const adapter = await accountOf(project, { projectPerOrganization: true });
  t.teardown(() => adapter.close?.());
  const organization = `Stadt ${project.name}`;
  t.teardown(() => project.removeProjects(`lotse-Stadt-${project.name}`));
  await project.makeProject(`lotse-Stadt-${project.name}-of-another-account`, "another");
  await project.makeProject(projectName(organization));
  const thing = stage.instance();
  const of = (order: AnyOrder): AnyOrder => ({ ...order, instance: { ...order.instance, organization } });
  await stage.done(adapter, of(stage.order("provision", thing)), thing);
  const binding = stage.binding(thing);
  const { access = {} } = await stage.done(adapter, of(stage.order("bind", binding)), binding);
  assert.equal((await bucketOf(access)("PUT", "/one", { body: "1" })).status, 200, "it is used as any other");
  assert.equal((await project.swift("GET", `/lotse-${thing.id}`)).status, 404, "it is not in Lotse's own project");
  const found = await adapter.inventory?.(AbortSignal.timeout(60_000));
  assert.deepEqual(found?.map((one) => one.thing).sort(), ["binding", "instance"], "it is found there");
  await stage.done(adapter, of(stage.order("deprovision", thing)), thing);
  assert.deepEqual(await adapter.inventory?.(AbortSignal.timeout(60_000)), []);
  t.pass("made, used, found and removed, though it was cut off between making the project and joining it");
  t.pass("another account's project beside it is none of its business");
}

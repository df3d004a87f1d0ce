/** What the store promises, on both databases. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import knex, { type Knex } from "knex";
import t, { type Test } from "tap";
import type { Change } from "../../src/core/change.ts";
import type { Binding, Instance, Offering, Operation } from "../../src/core/model.ts";
import { Secret } from "../../src/core/secret.ts";
import { createAccounts } from "../../src/store/accounts.ts";
import { verifyAudit } from "../../src/store/audit.ts";
import { createBeliefs } from "../../src/store/beliefs.ts";
import { holdDataDirectory } from "../../src/store/data-directory.ts";
import { type OpenStore, openStore } from "../../src/store/open.ts";
import { createRememberPlans } from "../../src/store/plans.ts";
import { forgetBefore } from "../../src/store/retention.ts";
import { openSeal } from "../../src/store/seal.ts";
import { createTokens } from "../../src/store/tokens.ts";
import { offering, planOf, temporaryDirectory } from "../support/broker.ts";
import { postgresqlForTests } from "../support/postgresql.ts";
import { type Asked, queryPlan } from "../support/query-plan.ts";

const server = await postgresqlForTests(t);
const key = { id: "new", key: Buffer.alloc(32, 1) };
const oldKey = { id: "old", key: Buffer.alloc(32, 2) };
let databases = 0;

type Story = (t: Test, open: (keys?: readonly (typeof key)[]) => Promise<OpenStore>) => Promise<void>;

/** `open` opens the same database each time it is called. */
function promise(name: string, keep: Story): void {
  for (const database of ["SQLite", "PostgreSQL"] as const)
    t.test(`${name} (${database})`, async (inner) => {
      const dataDir = temporaryDirectory(inner);
      const databaseUrl = database === "SQLite" ? "" : await server.emptyDatabase(`store_${++databases}`);
      await keep(inner, async (keys = [key]) => {
        const opened = await openStore({ databaseUrl, dataDir }, openSeal(keys));
        inner.teardown(() => opened.store.close());
        return opened;
      });
    });
}

const instanceRow = (uid: string, more: Partial<Instance> = {}): Instance => ({
  uid,
  platformId: "p",
  instanceId: `id of ${uid}`,
  incarnation: 1,
  bindsBegun: 0,
  offeringId: "o",
  planId: "plan",
  provider: "provider",
  organization: "org",
  space: "space",
  parameters: new Secret({ word: `parameters of ${uid}` }),
  context: {},
  facts: new Secret({ made: uid }),
  labels: {},
  attributes: {},
  usable: true,
  state: "ready",
  version: 1,
  createdAt: 1,
  updatedAt: 1,
  ...more,
});

const operationRow = (token: string, instanceUid: string, more: Partial<Operation> = {}): Operation => ({
  token,
  kind: "provision",
  purpose: "request",
  platformId: "p",
  instanceUid,
  instanceId: `id of ${instanceUid}`,
  provider: "somewhere",
  state: "open",
  attempt: 1,
  failures: 0,
  dueAt: 10,
  deadlineAt: 1000,
  leaseNumber: 0,
  again: false,
  startedAt: 1,
  ...more,
});

const bindingRow = (uid: string, instanceUid: string, more: Partial<Binding> = {}): Binding => ({
  uid,
  platformId: "p",
  bindingId: `id of ${uid}`,
  incarnation: 1,
  instanceUid,
  instanceId: `id of ${instanceUid}`,
  offeringId: "o",
  planId: "plan",
  bindResource: {},
  parameters: new Secret({}),
  context: {},
  facts: new Secret(null),
  state: "bound",
  version: 1,
  createdAt: 1,
  updatedAt: 1,
  ...more,
});

const addInstance = (uid: string, more?: Partial<Instance>): Change => ({
  insert: "instance",
  row: instanceRow(uid, more),
});
const addBinding = (uid: string, instanceUid: string, more?: Partial<Binding>): Change => ({
  insert: "binding",
  row: bindingRow(uid, instanceUid, more),
});
const addOperation = (token: string, instanceUid: string, more?: Partial<Operation>): Change => ({
  insert: "operation",
  row: operationRow(token, instanceUid, more),
});
const addAudit = (action: string): Change => ({ insert: "audit", row: { at: 1, action, outcome: "begun" } });
const usable = (uid: string, version: number): Change => ({
  update: "instance",
  uid,
  version,
  set: { usable: false },
  at: 2,
});

promise("what is written comes back as it was", async (t, open) => {
  const { store } = await open();
  const row = instanceRow("i1", {
    dashboardUrl: "https://d.example",
    labels: { a: "ü" },
    attributes: { n: [1, null] },
  });
  await store.apply([{ insert: "instance", row }]);
  const read = await store.readInstanceByUid("i1");
  t.same({ ...read, parameters: 0, facts: 0 }, { ...row, parameters: 0, facts: 0 });
  t.same(read?.parameters.reveal(), { word: "parameters of i1" });
  t.same(read?.facts.reveal(), { made: "i1" });
});

promise("a change set is written whole or not at all", async (t, open) => {
  const { store } = await open();
  t.equal(await store.apply([addInstance("i1")]), true);
  t.equal(await store.apply([addInstance("i2"), usable("i1", 99)]), false, "the version read is not the one there");
  t.equal(await store.readInstanceByUid("i2"), undefined);
  t.equal(await store.apply([addInstance("i3"), addInstance("i4", { instanceId: "id of i1" })]), false, "an id twice");
  t.equal(await store.readInstanceByUid("i3"), undefined);
  t.equal(await store.apply([usable("i1", 1), usable("i1", 2)]), true, "each write raises the version");
  t.match(await store.readInstanceByUid("i1"), { version: 3, usable: false });
});

promise("of writers that come at once each wins or loses for itself", async (t, open) => {
  const { store } = await open();
  const outcomes = await Promise.all(
    Array.from({ length: 40 }, (_, index) =>
      store.apply([addInstance(`i${index}`, { instanceId: `id ${index % 10}` })]),
    ),
  );
  t.equal(outcomes.filter(Boolean).length, 10);
});

promise("an operation has one worker at a time, and each lease has a higher number", async (t, open) => {
  const { store } = await open();
  await store.apply([addInstance("i1"), addOperation("op1", "i1")]);
  t.same(await store.readDue(9, 10), [], "it is not due yet");
  t.same(await store.readDue(10, 10), [{ token: "op1", provider: "somewhere" }]);
  t.same(await store.readDue(10, 10, ["elsewhere"]), [{ token: "op1", provider: "somewhere" }]);
  t.same(await store.readDue(10, 10, ["elsewhere", "somewhere"]), [], "a provider that has no room is passed over");
  const claims = await Promise.all(["a", "b", "c"].map((owner) => store.claim("op1", { owner, until: 20 }, 10)));
  t.equal(claims.filter((claim) => claim !== undefined).length, 1);
  t.same(await store.readDue(19, 10), []);
  t.equal(await store.claim("op1", { owner: "d", until: 30 }, 19), undefined);
  t.match(await store.claim("op1", { owner: "d", until: 30 }, 20), { leaseNumber: 2, lease: { owner: "d" } });
  const late: Change = {
    update: "operation",
    token: "op1",
    only: { state: "open", leaseNumber: 1 },
    set: { dueAt: 5 },
  };
  t.equal(await store.apply([late]), false, "a worker that lost its lease writes nothing");
  t.same(await store.extendLeases("d", [], 21, 40), [], "only the leases that are named");
  t.same(await store.extendLeases("d", ["op1"], 21, 40), ["op1"]);
  t.same(await store.extendLeases("a", ["op1"], 21, 40), []);
  await store.releaseLeases("d", []);
  t.equal(await store.claim("op1", { owner: "e", until: 50 }, 22), undefined);
  await store.releaseLeases("d", ["op1"]);
  t.match(await store.claim("op1", { owner: "e", until: 50 }, 22), { leaseNumber: 3 });
});

promise("a removal waits until nobody carries out what it interrupts", async (t, open) => {
  const { store } = await open();
  const lease = { owner: "a", until: 20 };
  await store.apply([
    addInstance("i1"),
    addOperation("op1", "i1", { state: "failed", lease, leaseNumber: 1 }),
    addOperation("op2", "i1", { kind: "deprovision", interrupts: "op1" }),
  ]);
  t.equal(await store.claim("op2", { owner: "b", until: 30 }, 15), undefined);
  t.match(await store.claim("op2", { owner: "b", until: 30 }, 20), { token: "op2" });
});

promise("an instance and a binding have one open operation each", async (t, open) => {
  const { store } = await open();
  const onBinding = { kind: "bind", bindingUid: "b1", bindingId: "b" } as const;
  t.ok(await store.apply([addInstance("i1"), addOperation("op1", "i1")]));
  t.notOk(await store.apply([addOperation("op2", "i1")]));
  t.ok(await store.apply([addOperation("op3", "i1", onBinding)]));
  t.notOk(await store.apply([addOperation("op4", "i1", onBinding)]));
  t.ok(await store.apply([addOperation("op5", "i1", { state: "failed" })]), "finished ones do not count");
});

promise("sealed data opens with an older key, and only in its own place", async (t, open) => {
  const before = await open([oldKey]);
  await before.store.apply([addInstance("i1"), addInstance("i2")]);
  const after = await open([key, oldKey]);
  t.same((await after.store.readInstanceByUid("i1"))?.parameters.reveal(), { word: "parameters of i1" });
  const without = await open([key]);
  const unread = await without.store.readInstanceByUid("i1");
  t.throws(() => unread?.parameters.reveal(), /needs the key "old"/);
  const { parameters } = await after.knex("instances").where({ uid: "i1" }).first("parameters");
  await after.knex("instances").where({ uid: "i2" }).update({ parameters });
  const moved = await after.store.readInstanceByUid("i2");
  t.throws(() => moved?.parameters.reveal(), /authenticate/);
});

promise("nobody changes or removes an audit row", async (t, open) => {
  const { store, knex } = await open();
  await store.apply([addAudit("a.begun")]);
  await t.rejects(knex("audit").update({ outcome: "succeeded" }), /append-only/);
  await t.rejects(knex("audit").delete(), /append-only/);
  t.equal(await store.sealAudit(key, 5), 1);
  await t.rejects(knex("audit").update({ hash: "0" }), /append-only/);
  await t.rejects(knex("audit_seals").delete(), /append-only/);
});

promise(
  "the audit chain holds, with rows sealed by several at once, and shows what was done to it",
  async (t, open) => {
    const { store, knex } = await open();
    const other = await open();
    for (let round = 0; round < 3; round++) {
      await Promise.all(Array.from({ length: 300 }, (_, index) => store.apply([addAudit(`a${index}.begun`)])));
      await Promise.all([store.sealAudit(key, round), other.store.sealAudit(key, round)]);
    }
    while ((await store.sealAudit(key, 9)) > 0);
    const report = await verifyAudit(knex, [key]);
    t.match(report, { sealed: 900, unsealed: 0, faults: [] });
    t.match((await verifyAudit(knex, [oldKey])).faults, [/needs the key "new"/]);
    t.match((await verifyAudit(knex, [{ id: "new", key: oldKey.key }])).faults, [/not made with this broker's key/]);
    await disarm(knex);
    await knex("audit").where({ position: 17 }).update({ outcome: "refused" });
    t.match((await verifyAudit(knex, [key])).faults, [/position 17 was changed/]);
    await knex("audit").where({ position: 17 }).update({ outcome: "begun" });
    await knex("audit").where({ position: 500 }).delete();
    t.match((await verifyAudit(knex, [key])).faults, [/missing after position 499/]);
  },
);

/** What somebody with every right on the database would do first. */
async function disarm(knex: Knex): Promise<void> {
  if (knex.client.config.client === "pg") await knex.raw("ALTER TABLE audit DISABLE TRIGGER USER");
  else for (const name of ["audit_no_change", "audit_no_delete"]) await knex.raw("DROP TRIGGER ??", [name]);
}

promise("what is old and over is forgotten, and what can still be asked for is kept", async (t, open) => {
  const { store, knex } = await open();
  const ended = { state: "succeeded", finishedAt: 100 } as const;
  await store.apply([
    addInstance("living", { state: "ready" }),
    addInstance("gone", { state: "deleted", updatedAt: 100 }),
    addInstance("lately gone", { state: "deleted", updatedAt: 900 }),
    addBinding("unbound", "living", { state: "deleted", updatedAt: 100 }),
    addBinding("bound", "living"),
    addOperation("01 first", "living", ended),
    addOperation("02 newest", "living", ended),
    addOperation("03 bind", "living", { ...ended, kind: "bind", bindingUid: "bound" }),
    addOperation("04 unbind", "living", { ...ended, kind: "unbind", bindingUid: "unbound" }),
    addOperation("05 deprovision", "gone", { ...ended, kind: "deprovision" }),
    addOperation("06 deprovision", "lately gone", { ...ended, finishedAt: 900, kind: "deprovision" }),
    addInstance("half", { state: "deleted", updatedAt: 100 }),
    addOperation("07 failed", "half", { ...ended, state: "failed" }),
    addOperation("08 cleanup", "half", { kind: "deprovision", purpose: "cleanup", interrupts: "07 failed" }),
  ]);
  t.same(await forgetBefore(knex, 500), { operations: 3, bindings: 1, instances: 1, orphans: 0, tasks: 0 });
  const tokens: string[] = await knex("operations").orderBy("token").pluck("token");
  t.same(tokens, ["02 newest", "03 bind", "06 deprovision", "07 failed", "08 cleanup"]);
  t.same(await knex("instances").orderBy("uid").pluck("uid"), ["half", "lately gone", "living"]);
  t.same(await knex("bindings").pluck("uid"), ["bound"]);
  t.same(await forgetBefore(knex, 500), { operations: 0, bindings: 0, instances: 0, orphans: 0, tasks: 0 });
});

promise("forgetting goes through more than fits one look", async (t, open) => {
  const { store, knex } = await open();
  const old = { state: "deleted", updatedAt: 100 } as const;
  await store.apply(Array.from({ length: 1100 }, (_, index) => addInstance(`i${index}`, old)));
  await store.apply(
    Array.from({ length: 1100 }, (_, index) =>
      addOperation(`op${index}`, `i${index}`, { state: "failed", finishedAt: 1 }),
    ),
  );
  t.same(await forgetBefore(knex, 500), { operations: 1100, bindings: 0, instances: 1100, orphans: 0, tasks: 0 });
});

promise("plans that left the catalog are kept for as long as anything may lead to them", async (t, open) => {
  const { store, knex } = await open();
  const planNamed = (id: string, offeringId: string) => planOf(id, { offeringId });
  const catalog = (offeringId: string, ...ids: string[]): Offering => ({
    ...offering,
    id: offeringId,
    plans: ids.map((id) => planNamed(id, offeringId)),
  });
  const rememberPlans = createRememberPlans(knex);
  await rememberPlans([catalog("o", "plan", "aim"), catalog("p", "cleaned"), catalog("q", "unused")], 1);
  await store.apply([
    addInstance("i1"),
    addInstance("i2", { offeringId: "p", planId: "cleaned", state: "deleted" }),
    addOperation("op", "i2", { kind: "deprovision", purpose: "cleanup" }),
  ]);
  const kept = await rememberPlans([catalog("o", "new")], 2);
  t.same(kept.map(({ plan }) => plan.id).sort(), ["aim", "cleaned", "plan"]);
  t.same(kept.find(({ plan }) => plan.id === "aim")?.offering.id, "o");
});

t.test("a data directory has one broker at a time, until that one ends in whatever way", async (t) => {
  const directory = temporaryDirectory(t);
  const letGo = holdDataDirectory(directory);
  t.throws(() => holdDataDirectory(directory), /Another Lotse serves/);
  letGo();
  const module = new URL("../../src/store/data-directory.ts", import.meta.url);
  const program = `import { holdDataDirectory } from "${module}"; holdDataDirectory(process.argv[1]); console.log("held"); setInterval(() => {}, 1e6);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program, directory], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(child.stdout, "data");
  t.throws(() => holdDataDirectory(directory), /Another Lotse serves/, "also between processes");
  child.kill("SIGKILL");
  await once(child, "exit");
  holdDataDirectory(directory)();
  t.pass("a killed broker holds nothing");
});

t.test(
  "what an older version left is understood: its tokens are administrators', its instances know their provider",
  async (t) => {
    for (const databaseUrl of ["", await server.emptyDatabase("older")]) {
      const dataDir = temporaryDirectory(t);
      const directory = fileURLToPath(new URL("../../src/store/migrations", import.meta.url));
      const older = knex({
        ...(databaseUrl === ""
          ? {
              client: "better-sqlite3",
              connection: { filename: join(dataDir, "lotse.sqlite") },
              useNullAsDefault: true,
            }
          : { client: "pg", connection: databaseUrl }),
        migrations: { directory, loadExtensions: [".ts"], tableName: "migrations" },
      });
      for (let step = 1; step <= 4; step++) await older.migrate.up();
      await older("admin_tokens").insert({ id: "t1", name: "first", hash: "h", created_at: 1 });
      await older("platforms").insert({ id: "p", name: "cf", username: "cf", state: "active", created_at: 1 });
      const definition = JSON.stringify({ offering: {}, plan: planOf("plan", { provider: "it-nord" }) });
      await older("plans").insert({ plan_id: "plan", offering_id: "o", definition, seen_at: 1 });
      const texts = { platform_id: "p", offering_id: "o", organization: "org", space: "s", state: "ready" };
      const json = { context: "{}", labels: "{}", attributes: "{}" };
      const numbers = { incarnation: 1, binds_begun: 0, usable: 1, version: 1, created_at: 1, updated_at: 1 };
      for (const [uid, plan_id] of [
        ["i1", "plan"],
        ["i2", "forgotten"],
      ])
        await older("instances").insert({ uid, instance_id: uid, plan_id, ...texts, ...json, ...numbers });
      await older.destroy();

      const { store, knex: now } = await openStore({ databaseUrl, dataDir }, openSeal([key]));
      t.match(await createTokens(now).byHash("h"), {
        id: "t1",
        principal: "first",
        roles: ["administrator"],
        providers: [],
      });
      t.match(await createAccounts(now).byName("cf"), { version: 1, state: "active" });
      t.equal((await store.readInstanceByUid("i1"))?.provider, "it-nord");
      t.equal((await store.readInstanceByUid("i2"))?.provider, "", "of a plan nobody remembers");
      await store.close();
    }
  },
);

promise("no table is read through for the comparison with a provider", async (t, open) => {
  const { store, knex } = await open();
  await store.apply([addInstance("i1"), addBinding("b1", "i1"), addOperation("o1", "i1", { bindingUid: "b1" })]);
  const asked: Asked[] = [];
  const listen = (query: Asked) => asked.push(query);
  knex.on("query", listen);
  const beliefs = createBeliefs(knex);
  t.same([...(await beliefs.look("provider")).keys()], ["i1", "b1"]);
  t.same([...(await beliefs.find(["i1", "b1"])).keys()], ["i1", "b1"]);
  await beliefs.newestOperation("instance", "i1");
  t.equal(await beliefs.newestOperation("binding", "b1"), "o1");
  knex.removeListener("query", listen);
  const selects = asked.filter(({ sql }) => /^select/i.test(sql));
  t.equal(selects.length, 8);
  for (const one of selects) {
    const plan = await queryPlan(knex, one);
    t.notMatch(plan, /SCAN |Seq Scan|TEMP B-TREE|Sort/, `${one.sql}: ${plan}`);
  }
});

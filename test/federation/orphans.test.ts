/** What Lotse believes against what providers have: the orphan ledger, on both databases, with a real PostgreSQL. */
import type { AddressInfo } from "node:net";
import t, { type Test } from "tap";
import osb from "../../brokers/osb/index.ts";
import postgresql from "../../brokers/postgresql/index.ts";
import { type Adapter, type Found, type JsonObject, Secret } from "../../src/core/adapter.ts";
import type { Orphan } from "../../src/store/orphans.ts";
import { clientOf } from "../support/admin.ts";
import {
  access,
  hints,
  offering,
  order,
  planOf,
  startTestBroker,
  syncPlan,
  type TestBroker,
  temporaryDirectory,
  type Wanted,
} from "../support/broker.ts";
import { lotse } from "../support/command.ts";
import { holdAt } from "../support/gate.ts";
import { postgresqlForTests } from "../support/postgresql.ts";
import { createScripted, type Scripted } from "../support/scripted.ts";
import { answers, basic, startScriptedBroker } from "../support/scripted-broker.ts";
import { type Database, onBothDatabases } from "../support/stories.ts";

const server = await postgresqlForTests(t);
const onBoth = onBothDatabases(t, server);

type Start = (wanted: Partial<Wanted> & Pick<Wanted, "adapter">) => Promise<TestBroker>;

function story(name: string, tell: (t: Test, start: Start) => Promise<void>, on?: readonly Database[]): void {
  onBoth(
    name,
    async (t, databaseUrl) => {
      const dataDir = temporaryDirectory(t);
      await tell(t, (wanted) => startTestBroker(t, { databaseUrl, dataDir, ...wanted }));
    },
    on,
  );
}

const instance = (n: number) => `/service_instances/i${n}`;
const binding = (n: number) => `${instance(n)}/service_bindings/b${n}`;

/** Looks now; what is open afterwards, the newest first. */
async function look({ admin }: TestBroker): Promise<readonly Orphan[]> {
  t.match(await admin.orphans.inventory.run("scripted"), { is: "compared" });
  return openOnes({ admin });
}

const openOnes = ({ admin }: Pick<TestBroker, "admin">): Promise<readonly Orphan[]> =>
  admin.orphans.ledger.list({ state: "open" }, undefined, 100);

const told = (orphans: readonly Orphan[]) =>
  orphans.map(({ kind, instanceId, bindingId }) => [kind, bindingId ?? instanceId ?? "unheard of"].join(" ")).sort();

// ---- a real provider ----------------------------------------------------------------------------------------------

async function realPostgresql(): Promise<Adapter> {
  const { host, port, user, password } = server;
  return postgresql.open({ values: { host, port, user, tls: "off" }, secrets: { password: new Secret(password) } });
}

const databaseNames = async (): Promise<string[]> =>
  (await server.query("SELECT datname FROM pg_database WHERE starts_with(datname, 'lotse_') ORDER BY 1")).rows.map(
    ({ datname }) => datname,
  );

const uidOf = async ({ open }: TestBroker, n: number): Promise<string> =>
  (await open.store.readInstance("a", `i${n}`))?.uid ?? "";

story("what is left at the provider is told with its operation and what to do, and stays there", async (t, start) => {
  const broker = await start({ adapter: await realPostgresql() });
  const { ask, open } = broker;
  for (const n of [1, 2]) t.equal((await ask("PUT", instance(n), order())).status, 201);
  t.equal((await ask("PUT", binding(1), access())).status, 201);
  t.same(await look(broker), [], "everything is as it should be");
  const [one, two] = [await uidOf(broker, 1), await uidOf(broker, 2)];
  for (const n of [1, 2]) t.equal((await ask("DELETE", `${instance(n)}?${hints()}`)).status, 200);
  t.same(await look(broker), [], "what was removed is gone");

  // As if a removal had been told done and was not, and a backup had brought another one's roles back.
  await server.query(`CREATE DATABASE lotse_${one}`);
  await server.query(`CREATE ROLE lotse_o_${two}`);
  const stranger = "0".repeat(26);
  await server.query(`CREATE DATABASE lotse_${stranger}`);
  await server.query(`COMMENT ON DATABASE lotse_${stranger} IS '{"by":"lotse","operation":"${"1".repeat(26)}"}'`);
  const found = await look(broker);
  t.same(told(found), ["leftover i1", "leftover i2", "leftover unheard of"]);
  const of = (uid: string) => found.find((orphan) => orphan.uid === uid);
  const removal = await open.store.readNewestOperation(one, undefined);
  t.match(of(one), {
    thing: "instance",
    provider: "scripted",
    platformId: "a",
    name: `database lotse_${one}`,
    operation: removal?.token,
    suggestion: /removed, as far as Lotse knows.*whether its data is still needed/,
  });
  t.match(of(two), { name: `role lotse_o_${two}`, suggestion: /No data is left/ });
  t.match(of(stranger), { operation: "1".repeat(26), suggestion: /no record of it.*another Lotse's/ });

  for (let turn = 0; turn < 3; turn++) t.same(told(await look(broker)), told(found));
  const names = await databaseNames();
  t.ok(names.includes(`lotse_${one}`) && names.includes(`lotse_${stranger}`), "nobody removed anything");
  const again = (await openOnes(broker)).find(({ uid }) => uid === one);
  t.equal(again?.id, of(one)?.id, "it is one finding");
  t.equal(again?.firstSeen, of(one)?.firstSeen, "since then");
  t.ok((again?.lastSeen ?? 0) >= (of(one)?.lastSeen ?? 1), "and still");

  for (const uid of [one, stranger]) await server.query(`DROP DATABASE lotse_${uid}`);
  await server.query(`DROP ROLE lotse_o_${two}`);
  t.same(await look(broker), [], "whoever removes it need not tell Lotse");
  t.match(await broker.admin.orphans.ledger.byId(of(one)?.id ?? ""), { state: "gone", endedAt: Number });
  await server.query(`CREATE DATABASE lotse_${one}`);
  t.not((await look(broker))[0]?.id, of(one)?.id, "back again, it is another finding");
  await server.query(`DROP DATABASE lotse_${one}`);
});

story("a database and a login dropped behind Lotse's back are missing, until they are restored", async (t, start) => {
  const broker = await start({ adapter: await realPostgresql() });
  const { ask } = broker;
  for (const n of [1, 2]) {
    t.equal((await ask("PUT", instance(n), order())).status, 201);
    t.equal((await ask("PUT", binding(n), access())).status, 201);
  }
  const one = await uidOf(broker, 1);
  await server.query(`DROP DATABASE lotse_${one} WITH (FORCE)`);
  const login = `l_${await uidOf(broker, 2)}_${(await broker.open.store.readBinding("a", "b2"))?.uid}`;
  await server.query(`DROP ROLE ${login}`);
  const missing = await look(broker);
  t.same(told(missing), ["missing b2", "missing i1"]);
  t.match(
    missing.find(({ instanceId }) => instanceId === "i1"),
    { suggestion: /restored there under its old name/ },
  );
  const provision = await broker.open.store.readNewestOperation(one, undefined);
  t.equal(missing.find(({ instanceId }) => instanceId === "i1")?.operation, provision?.token);
  t.match(await ask("GET", instance(1)), { status: 200 }, "the order is still on record");
  await server.query(`CREATE DATABASE lotse_${one}`);
  t.same(told(await look(broker)), ["missing b2"]);
  t.equal((await ask("DELETE", `${binding(2)}?${hints()}`)).status, 200);
  t.same(await look(broker), [], "deleted by its platform, it is missed no more");
  for (const n of [1, 2]) t.equal((await ask("DELETE", `${instance(n)}?${hints()}`)).status, 200);
  t.same(await look(broker), []);
});

// ---- what is under way --------------------------------------------------------------------------------------------

/** A back end that lists what it has; `meanwhile` happens after it has answered and before the answer arrives. */
function listing(scripted: Scripted): { readonly adapter: Adapter; meanwhile: () => Promise<unknown>; early: boolean } {
  const both = {
    meanwhile: async (): Promise<unknown> => undefined,
    /** It happens before the back end has answered. */
    early: false,
    adapter: {
      ...scripted.adapter,
      async inventory() {
        if (both.early) await both.meanwhile();
        const found = [...scripted.inventory].map((name): Found => {
          const [id = "", bound] = name.split("/");
          return bound === undefined
            ? { thing: "instance", id, name }
            : { thing: "binding", id: bound, instance: id, name };
        });
        if (!both.early) await both.meanwhile();
        return found;
      },
    } satisfies Adapter,
  };
  return both;
}

story("what is ordered, bound and removed while the provider is asked is never a finding", async (t, start) => {
  const scripted = createScripted();
  const provider = listing(scripted);
  const broker = await start({ adapter: provider.adapter });
  const { ask } = broker;
  let n = 0;
  for (const early of [true, false]) {
    provider.early = early;
    const when = early ? "before the list was made" : "after it was made";
    const steps = [
      ["ordered", () => ask("PUT", instance(n), order())],
      ["bound", () => ask("PUT", binding(n), access())],
      ["changed", () => ask("PATCH", instance(n), { service_id: hints().slice(11, 47), parameters: { size: 2 } })],
      ["unbound", () => ask("DELETE", `${binding(n)}?${hints()}`)],
      ["removed", () => ask("DELETE", `${instance(n)}?${hints()}`)],
    ] as const;
    n++;
    for (const [what, step] of steps) {
      provider.meanwhile = async () => t.ok((await step()).status < 300, what);
      t.same(told(await look(broker)), [], `${what} ${when}`);
      provider.meanwhile = async () => undefined;
      t.same(told(await look(broker)), [], `${what}, and looked at once more`);
    }
    n++;
    provider.meanwhile = async () => {
      for (const [, step] of steps.filter(([what]) => what !== "changed")) t.ok((await step()).status < 300);
    };
    t.same(told(await look(broker)), [], `a whole life ${when}`);
  }
});

story("operations that take long are left alone, at whichever step they are", async (t, start) => {
  const scripted = createScripted();
  const provider = listing(scripted);
  const broker = await start({ adapter: provider.adapter, patience: { syncMs: 30_000, quickMs: 0 } });
  const { ask } = broker;
  const slow = "accepts_incomplete=true";
  for (const half of [true, false]) {
    const provision = holdAt(scripted.script.provision, scripted.succeed);
    t.equal((await ask("PUT", `${instance(1)}?${slow}`, order())).status, 202);
    await provision.entered;
    const uid = await uidOf(broker, 1);
    if (half) scripted.inventory.add(uid);
    t.same(told(await look(broker)), [], half ? "half made" : "not made yet");
    provision.open();
    await finished(broker, uid);
    t.same(told(await look(broker)), []);
    const removal = holdAt(scripted.script.deprovision, scripted.succeed);
    t.equal((await ask("DELETE", `${instance(1)}?${hints()}&${slow}`)).status, 202);
    await removal.entered;
    if (half) scripted.inventory.delete(uid);
    t.same(told(await look(broker)), [], half ? "half removed" : "not removed yet");
    removal.open();
    await finished(broker, uid);
    t.same(told(await look(broker)), []);
  }
  // Our own clean-up of a failed order goes on until nothing is left.
  scripted.script.provision.push((failing) => {
    scripted.inventory.add(failing.instance.id);
    return { state: "failed", reason: "It broke half way, and left something.", clean: false };
  });
  const cleanup = holdAt(scripted.script.deprovision, scripted.succeed);
  await ask("PUT", `${instance(2)}?${slow}`, order());
  await cleanup.entered;
  t.same(told(await look(broker)), [], "it is being cleaned up");
  cleanup.open();
  await finished(broker, await uidOf(broker, 2));
  t.same(told(await look(broker)), []);
  scripted.inventory.add(await uidOf(broker, 2));
  const [left] = await look(broker);
  t.match(left, { kind: "leftover", suggestion: /order failed and was cleaned up/ }, "what is left after it is told");
});

/** Until no operation about the instance is open. */
async function finished({ engine, open }: TestBroker, uid: string): Promise<void> {
  for (;;) {
    const row = await open.store.readInstanceByUid(uid);
    if (row?.operation === undefined) return;
    await engine.finished(row.operation, 5_000);
  }
}

// ---- what cannot be listed ----------------------------------------------------------------------------------------

async function osbAdapter(t: Test, url: string): Promise<Adapter> {
  const values: JsonObject = {
    url,
    username: basic.username,
    apiVersion: "2.17",
    context: "pass",
    originatingIdentity: "pass",
    requestIdentity: "pass",
    timeoutMs: 1000,
    connectTimeoutMs: 1000,
    connections: 4,
    maxResponseBytes: 10_000,
    retries: 1,
    pace: { repeatMs: 5, busyMs: 5, settleMs: 10 },
    breaker: { failures: 1000, coolDownMs: 100 },
  };
  const adapter = await osb.open({ values, secrets: { password: new Secret(basic.password) } });
  t.teardown(() => adapter.close?.());
  return adapter;
}

const downstreamPlan = (retrievable: boolean) => ({
  ...offering,
  plans: [
    planOf(syncPlan, {
      backend: { serviceId: "s", planId: "p", instancesRetrievable: retrievable, bindingsRetrievable: retrievable },
    }),
  ],
});

story(
  "a broker that lists nothing is asked for a few things each turn, and for all of them in the end",
  async (t, start) => {
    const downstream = await startScriptedBroker(t);
    const broker = await start({
      adapter: await osbAdapter(t, downstream.url),
      offerings: [downstreamPlan(true)],
      looksPerTurn: 2,
    });
    for (const n of [1, 2, 3]) t.equal((await broker.ask("PUT", instance(n), order())).status, 201);
    t.equal((await broker.ask("PUT", binding(3), access())).status, 201);
    downstream.calls.length = 0;
    for (let turn = 0; turn < 2; turn++) {
      t.same(await look(broker), []);
      t.equal(downstream.calls.filter(({ asked }) => asked === "fetch").length, (turn + 1) * 2);
    }
    t.equal(new Set(downstream.calls.map(({ path }) => path)).size, 4, "each was asked for once");

    const gone = [...downstream.inventory.keys()].filter((path) => path !== [...downstream.inventory.keys()][0]);
    for (const path of gone) downstream.inventory.delete(path);
    for (let turn = 0; turn < 2; turn++) await look(broker);
    t.same(told(await openOnes(broker)), ["missing b3", "missing i2", "missing i3"]);
    downstream.script.fetch.push(...Array(4).fill(answers(503)));
    for (let turn = 0; turn < 2; turn++) await look(broker);
    t.same(told(await openOnes(broker)).length, 3, "a broker that is away neither adds nor takes back anything");
    t.same([...downstream.inventory.keys()].length, 1);
  },
);

story("access that is nothing beside its instance is there as long as the instance is", async (t, start) => {
  const scripted = createScripted();
  let list: readonly Found[] = [];
  const broker = await start({ adapter: { ...scripted.adapter, inventory: async () => list } });
  const { ask } = broker;
  t.equal((await ask("PUT", instance(1), order())).status, 201);
  t.equal((await ask("PUT", binding(1), access())).status, 201);
  const own = { thing: "instance", id: await uidOf(broker, 1), name: "state" } as const;
  list = [own];
  t.same(told(await look(broker)), ["missing b1"]);
  list = [{ ...own, bindingsWithin: true }];
  t.same(told(await look(broker)), []);
  list = [];
  t.same(told(await look(broker)), ["missing b1", "missing i1"]);
});

story("a broker that does not let things be fetched is not asked", async (t, start) => {
  const downstream = await startScriptedBroker(t);
  const broker = await start({ adapter: await osbAdapter(t, downstream.url), offerings: [downstreamPlan(false)] });
  t.equal((await broker.ask("PUT", instance(1), order())).status, 201);
  downstream.inventory.clear();
  t.same(await look(broker), [], "nobody knows, so nothing is said");
  t.equal(downstream.calls.filter(({ asked }) => asked === "fetch").length, 0);
});

// ---- turns ---------------------------------------------------------------------------------------------------------

story("a list that cannot be read changes nothing in the ledger, and its reason is on record", async (t, start) => {
  const scripted = createScripted();
  const provider = listing(scripted);
  const broker = await start({ adapter: provider.adapter });
  scripted.inventory.add("0".repeat(26));
  t.same(told(await look(broker)), ["leftover unheard of"]);
  scripted.inventory.clear();
  provider.meanwhile = async () => {
    throw new Error("The server is away.");
  };
  t.match(await broker.admin.orphans.inventory.run("scripted"), { is: "unread", reason: "The server is away." });
  t.same(told(await openOnes(broker)), ["leftover unheard of"]);
  t.match(await broker.admin.orphans.ledger.turn("scripted", 0), { failure: "The server is away.", readAt: Number });
  t.equal(await broker.admin.orphans.inventory.run("nobody"), undefined);
});

story(
  "of several replicas one takes each turn",
  async (t, start) => {
    const scripted = createScripted();
    let asked = 0;
    const adapter: Adapter = {
      ...scripted.adapter,
      async inventory() {
        asked++;
        return [];
      },
    };
    const replicas = [await start({ adapter }), await start({ adapter }), await start({ adapter })];
    await Promise.all(replicas.map(({ admin }) => admin.orphans.inventory.runDue()));
    t.equal(asked, 1);
    for (const { admin } of replicas) await admin.orphans.inventory.runDue();
    t.equal(asked, 1, "the next turn is an hour away");
    const metrics = await replicas[0]?.app.inject("/metrics");
    t.match(metrics?.body, /lotse_orphans/);
  },
  ["PostgreSQL"],
);

// ---- what people do with it ---------------------------------------------------------------------------------------

story(
  "the ledger over the API: filtered, in pages, each editor their own, dismissed once and with a reason",
  async (t, start) => {
    const scripted = createScripted();
    const provider = listing(scripted);
    const broker = await start({ adapter: provider.adapter });
    const uids = ["0", "1", "2"].map((digit) => digit.repeat(26));
    for (const uid of uids) scripted.inventory.add(uid);
    await broker.admin.federation.providers.add(
      {
        name: "scripted",
        origin: "configuration",
        adapter: "scripted",
        state: "published",
        details: { identities: "derived", editors: [] },
        reading: { failures: 0 },
        version: 1,
        createdAt: 0,
        updatedAt: 0,
      },
      { at: 0, action: "provider.configured", outcome: "succeeded" },
    );
    const { ask } = await clientOf(broker);
    t.match(await ask("POST", "/providers/scripted/inventory"), {
      status: 200,
      body: { is: "compared", found: 3, fresh: 3, gone: 0 },
    });
    t.equal((await ask("POST", "/providers/nobody/inventory")).status, 404);
    const first = await ask("GET", "/orphans?limit=2&state=open&kind=leftover&provider=scripted");
    t.match(first.body, {
      items: [{ kind: "leftover", state: "open", suggestion: String, firstSeen: /Z$/ }, {}],
      next: String,
    });
    t.equal((await ask("GET", `/orphans?limit=2&state=open&cursor=${first.body.next}`)).body.next, undefined);
    t.same((await ask("GET", "/orphans?kind=missing")).body.items, []);
    t.equal((await ask("GET", "/orphans?kind=other")).status, 400);

    const [one] = first.body.items as readonly JsonObject[];
    const path = `/orphans/${one?.id}`;
    const seen = await ask("GET", path);
    const etag = seen.headers.get("etag") ?? "";
    t.equal((await ask("POST", `${path}/dismiss`, { reason: "kept on purpose" })).status, 428);
    t.equal((await ask("POST", `${path}/dismiss`, {}, { "if-match": etag })).status, 400);
    const done = await ask("POST", `${path}/dismiss`, { reason: "kept on purpose" }, { "if-match": etag });
    t.match(done, { status: 200, body: { state: "dismissed", dismissedBy: "anna", reason: "kept on purpose" } });
    t.equal((await ask("POST", `${path}/dismiss`, { reason: "again" }, { "if-match": etag })).status, 412);
    const now = done.headers.get("etag") ?? "";
    t.match(await ask("POST", `${path}/dismiss`, { reason: "again" }, { "if-match": now }), { status: 409 });
    t.equal((await broker.open.knex("audit").where({ action: "orphan.dismissed" })).length, 1);
    await look(broker);
    t.match((await ask("GET", path)).body, { state: "dismissed" }, "seen again, it stays dismissed");
    const counted = await broker.app.inject("/metrics");
    t.match(counted.body, 'lotse_orphans{provider="scripted",kind="leftover"} 2');

    const own = await clientOf(broker, { roles: ["provider-editor"], providers: ["scripted"] });
    const other = await clientOf(broker, { roles: ["provider-editor"], providers: ["other"] });
    t.equal(((await own.ask("GET", "/orphans")).body.items as unknown[]).length, 3);
    t.same((await other.ask("GET", "/orphans")).body.items, []);
    t.equal((await other.ask("GET", path)).status, 404);
    t.equal((await own.ask("POST", `${path}/dismiss`, { reason: "mine" }, { "if-match": now })).status, 403);
    t.equal((await own.ask("POST", "/providers/scripted/inventory")).status, 403);

    const { port } = broker.app.server.address() as AddressInfo;
    const env = { LOTSE_URL: `http://127.0.0.1:${port}`, LOTSE_TOKEN: (await clientOf(broker)).secret };
    const listed = await lotse(["orphans"], env);
    t.match(listed, { code: 0, stdout: /leftover\tscripted\t.*\n {2}Lotse has no record of it/ });
    t.equal(listed.stdout.split("\n").filter((line) => line.includes("\tleftover\t")).length, 2);
    scripted.inventory.clear();
    t.match(await lotse(["orphans", "look", "scripted"], env), {
      code: 0,
      stdout: /0 differences.*3 earlier ones are gone/,
    });
    t.match(await lotse(["orphans"], env), { code: 0, stdout: /Nothing is open/ });
    t.match(await lotse(["orphans", "dismiss", "nothing", "why"], env), { code: 1, stderr: /no such thing/ });
  },
);

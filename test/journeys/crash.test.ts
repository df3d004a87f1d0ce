/**
 * Kills the broker, and breaks its connections, at every statement it says to its provider and to its own database.
 *
 * Every instance of a lane is stopped at another statement of the same verb: the first at its first, the second at its
 * second, and so on. When all of them stand still the process is killed once, another one is started on the same data,
 * and the platform repeats what was not answered. So one kill reaches all boundaries of a verb.
 *
 * Every boundary is met by default, after its statement took effect and before the answer is there: to the world that is
 * the same as before the next statement. CRASH_TESTS=all also stops before each statement; `.ci/run` sets it.
 */
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import Database from "better-sqlite3";
import pg from "pg";
import t, { type Test } from "tap";
import type { JsonObject } from "../../src/core/adapter.ts";
import { type Boundaries, providerBoundaries, storeBoundaries } from "../support/boundaries.ts";
import { type Answer, order, settledState, startTestBroker, temporaryDirectory } from "../support/broker.ts";
import {
  type BrokerProcess,
  credentialsIn,
  largerPlan,
  newSealingKey,
  offeringId,
  smallPlan,
  startBrokerProcess,
} from "../support/broker-process.ts";
import { createPlatform, type Platform, type Wish } from "../support/platform.ts";
import { postgresqlForTests, type TestPostgresql } from "../support/postgresql.ts";
import { createScripted } from "../support/scripted.ts";
import { type StatementProxy, startStatementProxy, type Verdict, type Watcher } from "../support/statement-proxy.ts";

const sealingKey = newSealingKey();
let databases = 0;
const wishes: readonly Wish[] = ["provision", "update", "bind", "unbind", "deprovision"];

// ---- what there really is ----------------------------------------------------------------------------------------

interface Found {
  /** Of each database the platform's id, from the note on it, and how many connections it allows. */
  readonly instances: readonly string[];
  readonly roles: number;
}

/** What the provider's server holds of these instances, by Lotse's own ids. */
async function inventory(server: TestPostgresql, ids: ReadonlySet<string>): Promise<Found> {
  const mine = (name: string) => [...ids].some((id) => name.includes(id));
  const databases = await server.query(
    "SELECT datname, datconnlimit, shobj_description(oid, 'pg_database') AS note FROM pg_database ORDER BY datname",
  );
  const roles = await server.query("SELECT rolname FROM pg_roles");
  const rows = (databases.rows as { datname: string; datconnlimit: number; note: string | null }[]).filter(
    ({ datname }) => mine(datname),
  );
  return {
    instances: rows
      .map(
        ({ datname, datconnlimit, note }) => `${note === null ? datname : JSON.parse(note).instance} ${datconnlimit}`,
      )
      .sort(),
    roles: (roles.rows as { rolname: string }[]).filter(({ rolname }) => mine(rolname)).length,
  };
}

/** "works", or what the server says to these credentials. */
async function login(credentials: unknown): Promise<string> {
  const { uri } = credentials as { uri: string };
  const client = new pg.Client({ connectionString: uri });
  client.on("error", () => undefined);
  try {
    await client.connect();
    await client.query("CREATE TABLE IF NOT EXISTS notes (text text); INSERT INTO notes VALUES ('kept')");
    return "works";
  } catch (error) {
    return String((error as { readonly code?: unknown }).code);
  } finally {
    await client.end();
  }
}

/** The states that the operations in a broker's own database are in. */
async function operationStates(own: { readonly databaseUrl: string; readonly directory: string }): Promise<string[]> {
  const question = "SELECT DISTINCT state FROM operations ORDER BY state";
  if (own.databaseUrl === "") {
    const database = new Database(join(own.directory, "lotse.sqlite"), { readonly: true });
    const rows = database.prepare<[], { state: string }>(question).all();
    database.close();
    return rows.map(({ state }) => state);
  }
  const client = new pg.Client({ connectionString: own.databaseUrl });
  await client.connect();
  const { rows } = await client.query<{ state: string }>(question);
  await client.end();
  return rows.map(({ state }) => state);
}

// ---- lanes -------------------------------------------------------------------------------------------------------

interface Lane {
  readonly where: "provider" | "store";
  readonly verdict: Verdict;
}

/** Verbs whose boundaries are reached before one and the same kill, each with the instances that are stopped there. */
type Round = readonly (readonly [Wish, readonly string[]])[];

/** Many instances' lives, in which every boundary of every verb is met by a fault once. */
async function runLane(t: Test, server: TestPostgresql, { where, verdict }: Lane): Promise<void> {
  const atProvider = providerBoundaries();
  const atStore = storeBoundaries(/crash-\d\d/);
  const watched: Boundaries = where === "provider" ? atProvider : atStore;
  const providerProxy = await startStatementProxy(t, server, atProvider);
  const storeProxy = await startStatementProxy(t, server, atStore);
  const databaseUrl = where === "provider" ? "" : await server.emptyDatabase(`own_${++databases}`);
  const directory = join(temporaryDirectory(t), "data");
  const { user, password } = server;
  const start = () =>
    startBrokerProcess(t, {
      directory,
      provider: { port: providerProxy.port, publicPort: server.port, user, password },
      databaseUrl: databaseUrl.replace(`:${server.port}/`, `:${storeProxy.port}/`),
      sealingKey,
      engine: { quickAnswerSeconds: 0 },
    });
  let broker = await start();
  let fate = Promise.withResolvers<void>();
  fate.resolve();
  const platform = createPlatform({
    broker: () => broker,
    patience: () => fate.promise,
    waits: (id) => Number(id.slice(-2)) % 2 === 0,
  });
  const world: World = new Map();
  const fulfil = async (wish: Wish, id: string) => {
    const { status, body } = await platform.insist(wish, id);
    if (![200, 201, 410].includes(status) || body.state === "failed")
      throw new Error(`${wish} of ${id} ended with ${status} ${JSON.stringify(body)}`);
    note(world, wish, id);
  };

  // Two lives without a fault. The second is measured, as the first still prepares statements and opens connections.
  const counts = new Map<Wish, number>();
  for (const wish of wishes)
    for (const id of ["crash-97", "crash-99"]) {
      watched.longest();
      await fulfil(wish, id);
      counts.set(wish, watched.longest());
    }
  const most = (...of: readonly Wish[]) => Math.max(...of.map((wish) => counts.get(wish) ?? 0));
  const ids = Array.from({ length: 90 }, (_, index) => `crash-${String(index).padStart(2, "0")}`);
  const take = (count: number) => ids.splice(0, count);

  const rounds: Round[] = [];
  if (where === "provider") {
    const [changed, bound, deleted] = [
      take(most("provision", "update")),
      take(most("bind", "unbind")),
      take(most("deprovision")),
    ];
    await Promise.all([...bound, ...deleted].map((id) => fulfil("provision", id)));
    rounds.push(
      [
        ["provision", changed],
        ["bind", bound],
        ["deprovision", deleted],
      ],
      [
        ["update", changed],
        ["unbind", bound],
      ],
    );
  } else {
    // What is stopped here keeps a connection of the broker's pool, and that holds 16.
    const all = take(most(...wishes));
    for (const wish of wishes) rounds.push([[wish, all]]);
  }

  const credentials = new Map<string, unknown>();
  for (const round of rounds) {
    fate = Promise.withResolvers();
    const answers: Promise<void>[] = [];
    for (const [wish, instances] of round) {
      const count = counts.get(wish) ?? 0;
      watched.arm(count, verdict);
      answers.push(...instances.map((id) => fulfil(wish, id)));
      await watched.allStopped();
      t.equal(watched.stopped(), count, `${wish}: all ${count} boundaries were reached`);
    }
    if (verdict.startsWith("hold")) {
      await broker.end("SIGKILL");
      broker = await start();
    }
    fate.resolve();
    await Promise.all(answers);
    await compare(t, server, platform, atProvider.ids, world, credentials);
  }
  await Promise.all([...world.keys()].map((id) => fulfil("deprovision", id)));
  await compare(t, server, platform, atProvider.ids, world, credentials);
  t.equal(await broker.end("SIGTERM"), 0);
  const states = await operationStates({ databaseUrl, directory });
  t.same(states, ["succeeded"], "no operation was called failed and none is left open");
}

/** What there should be: instances by id, with their plan and whether they are bound. */
type World = Map<string, { readonly plan: string; readonly bound: boolean }>;

function note(world: World, wish: Wish, id: string): void {
  const { plan = smallPlan, bound = false } = world.get(id) ?? {};
  if (wish === "deprovision") world.delete(id);
  else
    world.set(id, {
      plan: wish === "update" ? largerPlan : plan,
      bound: wish === "bind" || (bound && wish !== "unbind"),
    });
}

/** What should be, what the broker says and what the provider's server holds are the same. */
async function compare(
  t: Test,
  server: TestPostgresql,
  platform: Platform,
  known: ReadonlySet<string>,
  world: World,
  credentials: Map<string, unknown>,
): Promise<void> {
  const limits = new Map([
    [smallPlan, 20],
    [largerPlan, 50],
  ]);
  const bound = [...world.values()].filter((instance) => instance.bound).length;
  const found = await inventory(server, known);
  t.same(
    found.instances,
    [...world].map(([id, { plan }]) => `${id} ${limits.get(plan)}`).sort(),
    `${world.size} databases are there, each once and in its plan's size`,
  );
  t.equal(found.roles, 2 * world.size + bound, `and their roles, ${bound} of them logins`);
  const untold: string[] = [];
  for (const [id, { plan, bound }] of world) {
    const instance = await platform.fetchInstance(id);
    const binding = await platform.fetchBinding(id);
    if (instance.status !== 200 || instance.body.plan_id !== plan || binding.status !== (bound ? 200 : 404))
      untold.push(`${id}: ${instance.status}, ${instance.body.plan_id}, binding ${binding.status}`);
    if (!bound) continue;
    credentials.set(id, binding.body.credentials);
    const answer = await login(binding.body.credentials);
    if (answer !== "works") untold.push(`the credentials of ${id}: ${answer}`);
  }
  for (const [id, old] of credentials) {
    if (world.get(id)?.bound) continue;
    const answer = await login(old);
    // 28: invalid authorisation, whether by password or by name.
    if (!answer.startsWith("28")) untold.push(`the former credentials of ${id}: ${answer}`);
    if (!world.has(id) && (await platform.fetchInstance(id)).status !== 404) untold.push(`${id} is still told of`);
  }
  t.same(untold, [], "the broker says so, too; credentials log in, and those taken back do not");
}

const lanes: readonly (readonly [string, Lane])[] = [
  ["killed after each statement at the provider", { where: "provider", verdict: "hold after" }],
  ["killed after each statement in its own database", { where: "store", verdict: "hold after" }],
  ["cut off after each statement at the provider", { where: "provider", verdict: "cut after" }],
  ["cut off after each statement in its own database", { where: "store", verdict: "cut after" }],
];
const thorough: typeof lanes = [
  ["killed before each statement at the provider", { where: "provider", verdict: "hold before" }],
  ["killed before each statement in its own database", { where: "store", verdict: "hold before" }],
  ["cut off before each statement at the provider", { where: "provider", verdict: "cut before" }],
  ["cut off before each statement in its own database", { where: "store", verdict: "cut before" }],
];

/** Two stories at a time, each with a server to itself: most of the time is spent waiting for leases to run out. */
const servers = await Promise.all([postgresqlForTests(t), postgresqlForTests(t)]);
t.jobs = servers.length;

function story(name: string, tell: (t: Test, server: TestPostgresql) => Promise<void>): void {
  void t.test(name, { buffered: true, timeout: 200_000 }, async (t) => {
    const server = servers.shift();
    if (server === undefined) throw new Error("More stories run at once than there are servers.");
    await tell(t, server).finally(() => servers.push(server));
  });
}

for (const [name, lane] of process.env.CRASH_TESTS === "all" ? [...lanes, ...thorough] : lanes)
  story(`a broker ${name} loses nothing and leaves nothing behind`, (t, server) => runLane(t, server, lane));

// ---- at random moments -------------------------------------------------------------------------------------------

story("a broker on SQLite killed at random moments loses nothing and leaves nothing behind", async (t, server) => {
  const boundaries = providerBoundaries();
  const proxy = await startStatementProxy(t, server, boundaries);
  const directory = join(temporaryDirectory(t), "data");
  const { user, password } = server;
  const provider = { port: proxy.port, publicPort: server.port, user, password };
  const start = () => startBrokerProcess(t, { directory, provider, sealingKey });
  let broker = await start();
  let killing = true;
  const platform = createPlatform({ broker: () => broker, waits: (id) => Number(id.slice(-2)) % 2 === 0 });
  let lives = 0;

  const live = async (customer: number) => {
    while (killing) {
      const id = `life-${++lives}-${String(customer).padStart(2, "0")}`;
      for (const wish of wishes) {
        const { status, body } = await platform.insist(wish, id);
        if (![200, 201, 410].includes(status) || body.state === "failed")
          t.fail(`${wish} of ${id} ended with ${status} ${JSON.stringify(body)}`);
        if (wish !== "bind") continue;
        const bound = await untilAnswered(() => platform.fetchBinding(id));
        if ((await login(bound.body.credentials)) !== "works") t.fail(`the credentials of ${id} do not log in`);
      }
    }
  };
  const customers = Array.from({ length: 8 }, (_, customer) => live(customer));
  for (const ms of [20, 45, 80, 130, 210, 340, 550, 890]) {
    await wait(ms);
    await broker.end("SIGKILL");
    broker = await start();
  }
  killing = false;
  await Promise.all(customers);
  t.ok(lives >= customers.length, `${lives} instances lived from order to deletion`);
  t.same(await inventory(server, boundaries.ids), { instances: [], roles: 0 });
  t.equal(await broker.end("SIGTERM"), 0);
  t.same(await operationStates({ databaseUrl: "", directory }), ["succeeded"]);
});

async function untilAnswered(ask: () => Promise<Answer>): Promise<Answer> {
  for (;;) {
    const answer = await ask().catch(() => undefined);
    if (answer !== undefined && answer.status < 500) return answer;
    await wait(50);
  }
}

// ---- an intent whose writing nobody heard of ----------------------------------------------------------------------

story(
  "an order written without the broker hearing of it is carried out although the broker is busy",
  async (t, server) => {
    let deaf = false;
    const proxy = await startStatementProxy(t, server, {
      judge({ text }) {
        if (!deaf || !text.includes("COMMIT")) return "pass";
        deaf = false;
        return "cut after";
      },
    });
    const url = await server.emptyDatabase(`own_${++databases}`);
    const databaseUrl = url.replace(`:${server.port}/`, `:${proxy.port}/`);
    const { adapter, script, succeed } = createScripted();
    const broker = await startTestBroker(t, { adapter, databaseUrl });
    const long = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<AbortSignal>();
    script.provision.push(async (given, tools) => {
      begun.resolve(tools.signal);
      await long.promise;
      return succeed(given, tools);
    });
    const slow = broker.ask("PUT", "/service_instances/slow", order());
    const signal = await begun.promise;
    deaf = true;
    t.equal((await broker.ask("PUT", "/service_instances/unheard", order())).status, 500, "nobody knows");
    const end = await settledState(broker, "/service_instances/unheard/last_operation");
    t.match(end.body, { state: "succeeded" });
    t.notOk(signal.aborted, "its lease ran out while the lease of what ran was prolonged");
    long.resolve();
    t.equal((await slow).status, 201);
  },
);

// ---- two replicas on one database --------------------------------------------------------------------------------

interface Replica {
  broker: BrokerProcess;
  readonly proxy: StatementProxy;
  start(): Promise<void>;
}

/** Each replica talks to the provider through a proxy of its own, so that a test can stop one of them. */
async function startReplicas(
  t: Test,
  server: TestPostgresql,
  watchers: readonly Watcher[],
  settings: { readonly engine?: JsonObject; readonly statementTimeoutMs?: number } = {},
) {
  const databaseUrl = await server.emptyDatabase(`own_${++databases}`);
  const first = join(temporaryDirectory(t), "first");
  const { user, password } = server;
  const replicas: Replica[] = [];
  for (const [index, watcher] of watchers.entries()) {
    const proxy = await startStatementProxy(t, server, watcher);
    const { engine = {}, statementTimeoutMs = 60_000 } = settings;
    const start = () =>
      startBrokerProcess(
        t,
        {
          directory: index === 0 ? first : join(temporaryDirectory(t), "other"),
          provider: { port: proxy.port, publicPort: server.port, user, password, statementTimeoutMs },
          databaseUrl,
          sealingKey,
          engine: { quickAnswerSeconds: 0, ...engine },
        },
        index === 0 ? undefined : credentialsIn(first),
      );
    const replica: Replica = {
      proxy,
      broker: await start(),
      async start() {
        replica.broker = await start();
      },
    };
    replicas.push(replica);
  }
  const [a, b] = replicas;
  if (a === undefined || b === undefined) throw new Error("Two replicas are needed.");
  return { a, b, own: { databaseUrl, directory: first } };
}

const passing: Watcher = { judge: () => "pass" };

/** Meets the first `count` statements with these words with the verdict. */
function stopAt(words: string, verdict: Verdict, count = 1): { watcher: Watcher; reached: () => Promise<void> } {
  const all = Promise.withResolvers<void>();
  let left = count;
  let reached = 0;
  return {
    reached: () => all.promise,
    watcher: {
      judge: ({ text }) => (text.includes(words) && left-- > 0 ? verdict : "pass"),
      onReached() {
        if (++reached === count) all.resolve();
      },
    },
  };
}

const waits = () => true;

/** What the operator's notes on all databases of the server say: which instance, made by which operation. */
async function notes(server: TestPostgresql): Promise<{ instance: string; operation: string }[]> {
  const { rows } = await server.query(
    "SELECT datname, shobj_description(oid, 'pg_database') AS note FROM pg_database WHERE datname LIKE 'lotse\\_%' ORDER BY 1",
  );
  return rows.map(({ datname, note }) => {
    const { instance, operation } = note === null ? { instance: datname, operation: "" } : JSON.parse(note);
    return { instance, operation };
  });
}

story("what a killed replica began, the other one finishes under the same token", async (t, server) => {
  const stop = stopAt("CREATE DATABASE", "hold after");
  const { a, b, own } = await startReplicas(t, server, [stop.watcher, passing]);
  const begun = await createPlatform({ broker: () => a.broker, waits }).send("provision", "handed-over");
  await stop.reached();
  await a.broker.end("SIGKILL");
  const platform = createPlatform({ broker: () => b.broker, waits });
  const { operation } = begun.body;
  t.match((await platform.follow("provision", "handed-over", operation)).body, { state: "succeeded" });
  t.same(await notes(server), [{ instance: "handed-over", operation }], "one database, and it bears the first token");
  await platform.insist("deprovision", "handed-over");
  t.same(await notes(server), []);
  t.equal(await b.broker.end("SIGTERM"), 0);
  t.same(await operationStates(own), ["succeeded"]);
});

story("a replica that was frozen longer than its lease changes nothing when it comes back", async (t, server) => {
  // The last thing a provision says; its answer waits in the frozen process's socket.
  const stop = stopAt("COMMENT ON DATABASE", "hold after", 2);
  // The frozen session keeps its lock until the server ends it, after twice the time a statement may take.
  const settings = { statementTimeoutMs: 3000 };
  const { a, b, own } = await startReplicas(t, server, [stop.watcher, passing], settings);
  const onA = createPlatform({ broker: () => a.broker, waits });
  const platform = createPlatform({ broker: () => b.broker, waits });
  const tokens = new Map<string, unknown>();
  for (const id of ["kept", "deleted"]) tokens.set(id, (await onA.send("provision", id)).body.operation);
  await stop.reached();
  a.broker.child.kill("SIGSTOP");
  a.proxy.release();
  for (const [id, operation] of tokens)
    t.match((await platform.follow("provision", id, operation)).body, { state: "succeeded" }, `${id} is there`);
  await platform.insist("deprovision", "deleted");
  a.broker.child.kill("SIGCONT");
  const late = () => a.broker.logged.filter((entry) => entry.msg === "step" && entry.dropped === true);
  await until(() => late().length === 2);
  await until(async () => (await operationStates(own)).join() === "succeeded");
  t.same(await notes(server), [{ instance: "kept", operation: tokens.get("kept") }], "nothing was made a second time");
  t.equal((await untilAnswered(() => onA.fetchInstance("kept"))).status, 200);
  t.equal((await untilAnswered(() => onA.fetchInstance("deleted"))).status, 404);
  await platform.insist("deprovision", "kept");
  for (const { broker } of [a, b]) t.equal(await broker.end("SIGTERM"), 0);
  t.same(await notes(server), []);
});

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await wait(50);
}

story("a replica told to stop hands over what does not end in time", async (t, server) => {
  const stop = stopAt("CREATE DATABASE", "hold before");
  const engine = { stopGraceSeconds: 1, leaseSeconds: 3600 };
  const { a, b, own } = await startReplicas(t, server, [stop.watcher, passing], { engine });
  const { body } = await createPlatform({ broker: () => a.broker, waits }).send("provision", "handed-over");
  await stop.reached();
  t.equal(await a.broker.end("SIGTERM"), 0);
  const platform = createPlatform({ broker: () => b.broker, waits });
  const end = await platform.follow("provision", "handed-over", body.operation);
  t.match(end.body, { state: "succeeded" }, "although its lease would have lasted an hour");
  await platform.insist("deprovision", "handed-over");
  t.equal(await b.broker.end("SIGTERM"), 0);
  t.same(await operationStates(own), ["succeeded"]);
  t.same(await notes(server), []);
});

story("a rolling restart under a stream of orders fails none of them", async (t, server) => {
  const { a, b, own } = await startReplicas(t, server, [passing, passing]);
  let asked = 0;
  let serving: readonly Replica[] = [a, b];
  // As a load balancer does: in turn, and not to those that are being restarted.
  const broker = () => (serving[++asked % serving.length] ?? a).broker;
  const platform = createPlatform({ broker, waits: () => asked % 2 === 0 });
  let restarting = true;
  let lives = 0;
  const unexpected: string[] = [];
  const live = async () => {
    while (restarting) {
      const id = `rolling-${++lives}`;
      for (const wish of wishes) {
        const { status, body } = await platform.insist(wish, id);
        if (![200, 201, 410].includes(status) || body.state === "failed")
          unexpected.push(`${wish} of ${id} ended with ${status} ${JSON.stringify(body)}`);
      }
    }
  };
  const customers = Array.from({ length: 6 }, live);
  for (const [leaving, staying] of [
    [a, b],
    [b, a],
  ] as const) {
    serving = [staying];
    t.equal(await leaving.broker.end("SIGTERM"), 0);
    await leaving.start();
    serving = [a, b];
  }
  restarting = false;
  await Promise.all(customers);
  t.same(unexpected, [], `${lives} instances lived from order to deletion`);
  for (const { broker } of [a, b]) t.equal(await broker.end("SIGTERM"), 0);
  t.same(await operationStates(own), ["succeeded"]);
  t.same(await notes(server), []);
});

story("fifty orders at once on one id make one database", async (t, server) => {
  const { a, b, own } = await startReplicas(t, server, [passing, passing]);
  const ask = (index: number, instanceId: string, space: string) =>
    (index % 2 === 0 ? a : b).broker.ask("PUT", `/service_instances/${instanceId}?accepts_incomplete=true`, {
      service_id: offeringId,
      plan_id: smallPlan,
      organization_guid: "org",
      space_guid: space,
    });
  const fifty = Array.from({ length: 50 }, (_, index) => index);
  const same = await Promise.all(fifty.map((index) => ask(index, "same", "space")));
  t.same(
    [...new Set(same.map(({ status }) => status))].filter((status) => ![200, 201, 202].includes(status)),
    [],
  );
  const tokens = new Set(same.flatMap(({ body }) => body.operation ?? []));
  t.equal(tokens.size, 1, "all that were answered 202 name one operation");
  const different = await Promise.all(fifty.map((index) => ask(index, "different", `space-${index}`)));
  t.equal(different.filter(({ status }) => status === 409).length, 49);
  t.equal(different.filter(({ status }) => [201, 202].includes(status)).length, 1);
  const platform = createPlatform({ broker: () => a.broker, waits });
  for (const id of ["same", "different"]) await until(async () => (await platform.fetchInstance(id)).status === 200);
  t.same((await notes(server)).map(({ instance }) => instance).sort(), ["different", "same"]);
  for (const id of ["same", "different"]) await platform.insist("deprovision", id);
  for (const { broker } of [a, b]) t.equal(await broker.end("SIGTERM"), 0);
  t.same(await operationStates(own), ["succeeded"]);
  t.same(await notes(server), []);
});

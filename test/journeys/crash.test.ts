/**
 * Kills the broker, and breaks its connections, at every statement it says to its provider and to its own database.
 *
 * Every instance of a lane is stopped at another statement of the same verb: the first at its first, the second at its
 * second, and so on. When all of them stand still the process is killed once, another one is started on the same data,
 * and the platform repeats what was not answered. So one kill reaches all boundaries of a verb.
 *
 * Every boundary is met by default, after its statement took effect and before the answer is there: to the world that is
 * the same as before the next statement. CRASH_TESTS=all also cuts the line before each statement; `.ci/run` sets it.
 */
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import t, { type Test } from "tap";
import { type Boundaries, providerBoundaries, storeBoundaries } from "../support/boundaries.ts";
import { temporaryDirectory } from "../support/broker.ts";
import { largerPlan, newSealingKey, smallPlan, startBrokerProcess } from "../support/broker-process.ts";
import { keepNote, login, operationStates, storyteller, untilAnswered } from "../support/crashes.ts";
import { createPlatform, type Platform, type Wish, wishes } from "../support/platform.ts";
import type { TestPostgresql } from "../support/postgresql.ts";
import { startStatementProxy, type Verdict } from "../support/statement-proxy.ts";

const story = await storyteller(t);
const sealingKey = newSealingKey();
let databases = 0;

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
  // Where lines are only cut, nothing stands still: what goes on by itself would take the numbers meant for the next verb.
  const together = verdict.startsWith("hold") ? rounds : rounds.flatMap((round) => round.map((one) => [one] as const));
  for (const round of together) {
    fate = Promise.withResolvers();
    const answers: Promise<void>[] = [];
    for (const [wish, instances] of round) {
      const count = counts.get(wish) ?? 0;
      watched.arm(count, verdict);
      answers.push(...instances.map((id) => fulfil(wish, id)));
      await Promise.race([watched.allStopped(), wait(30_000, undefined, { ref: false })]);
      // On a busy machine some lives share a transaction with others, and have a boundary less than one that is alone.
      const reached = watched.stopped();
      t.ok(reached > count / 2, `${wish}: ${reached} of ${count} boundaries were reached`);
      watched.arm(0, "pass");
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
    const answer = await login(binding.body.credentials, keepNote);
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
  ["killed after each change in its own database", { where: "store", verdict: "hold after" }],
  ["cut off after each statement at the provider", { where: "provider", verdict: "cut after" }],
  ["cut off after each change in its own database", { where: "store", verdict: "cut after" }],
];
const thorough: typeof lanes = [
  ["cut off before each statement at the provider", { where: "provider", verdict: "cut before" }],
  ["cut off before each change in its own database", { where: "store", verdict: "cut before" }],
];

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
        if ((await login(bound.body.credentials, keepNote)) !== "works")
          t.fail(`the credentials of ${id} do not log in`);
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

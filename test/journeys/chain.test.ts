/**
 * Platform, broker, broker, server: lives of instances through both brokers, each of which is killed again and again
 * while the line between them fails as networks do.
 *
 * Everything is drawn from one seed, which is told: `CHAIN_SEED=… npx tap test/journeys/chain.test.ts` draws the same
 * lives, faults and kills. 40 lives by default; with CRASH_TESTS=all, as in `.ci/run`, more than 500.
 */
import { randomInt } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import t, { type Test } from "tap";
import { patienceText } from "../../src/core/give-up.ts";
import { type Carried, lineFaults, type Watcher } from "../support/bad-line.ts";
import {
  type Chain,
  type End,
  farPlans,
  notedInstances,
  startChain,
  takeInventories,
  wares,
} from "../support/chain.ts";
import { login, until } from "../support/crashes.ts";
import { drawLife, leadLife, type Standing } from "../support/lives.ts";
import { postgresqlForTests, type TestPostgresql } from "../support/postgresql.ts";
import { type Chance, chanceOf } from "../support/seeded.ts";

const seed = Number(process.env.CHAIN_SEED ?? randomInt(2 ** 31));
const thorough = process.env.CRASH_TESTS === "all";
/** So many have to meet a fault; some are lived between two of them. */
const faulty = thorough ? 500 : 30;
const lives = thorough ? 535 : 40;
/** At once; most of their time is spent waiting for leases to run out. */
const together = thorough ? 100 : 40;

const nameOf = (life: number) => `life-${life}`;

/** Which request of which life meets which fault. Each life meets one at least. */
function drawFaults(): { readonly judge: Watcher["judge"]; readonly met: Map<string, number> } {
  const lifeOf = new Map<string, string>();
  const met = new Map<string, number>();
  const faultsOf = new Map<string, ReturnType<typeof faultsOfLife>>();
  const judge = ({ path, body }: Carried) => {
    const id = /^\/v2\/service_instances\/([^/?]+)/.exec(path)?.[1];
    if (id === undefined) return undefined;
    const space = /"space_guid":"(life-\d+)"/.exec(body)?.[1];
    if (space !== undefined) lifeOf.set(id, space);
    const life = lifeOf.get(id) ?? "";
    const faults = faultsOf.get(life) ?? faultsOfLife(life);
    faultsOf.set(life, faults);
    const fault = faults();
    if (fault !== undefined) met.set(life, (met.get(life) ?? 0) + 1);
    return fault;
  };
  return { judge, met };
}

function faultsOfLife(life: string) {
  const chance = chanceOf(seed, `faults of ${life}`);
  const first = chance.whole(1, 2);
  let requests = 0;
  return () => {
    requests++;
    const meets = chance.happens(0.15) || requests === first;
    // The line holds nothing for longer than the near broker's account says (settleMs).
    return meets ? { fault: chance.pick(lineFaults), delayMs: chance.whole(10, 500) } : undefined;
  };
}

/** Kills one end or both, again and again: at a request between them, at its answer, or whenever. */
async function keepKilling(chain: Chain, moments: Moments, over: AbortSignal): Promise<number> {
  const chance = chanceOf(seed, "kills");
  let kills = 0;
  while (!over.aborted) {
    const ends = chance.pick<readonly End[]>([["near"], ["far"], ["near"], ["far"], ["near", "far"]]);
    const moment = chance.pick(["request", "answer", "whenever"] as const);
    const nth = chance.whole(1, 8 * Math.min(lives, 100));
    const afterMs = chance.whole(0, 2_000);
    const engines = ends.map(() => drawEngine(chance));
    // Counted by what gets done, so that on a slow machine there are fewer kills and not less progress.
    const come = moments.reaches(moment === "whenever" ? "answer" : moment, nth);
    await Promise.race([come, wait(20_000, undefined, { signal: over }).catch(() => undefined)]);
    if (moment === "whenever") await wait(afterMs);
    if (over.aborted) break;
    kills += ends.length;
    await Promise.all(ends.map((end, index) => chain.restart(end, engines[index] ?? {})));
  }
  return kills;
}

/** Quick answers make a broker synchronous, and none make it asynchronous. */
const drawEngine = (chance: Chance) => ({ quickAnswerSeconds: chance.pick([0, 2]), slotsPerProvider: 30 });

interface Moments {
  readonly onMoment: Watcher["onMoment"];
  /** Resolves at the nth such moment from now on. */
  reaches(moment: "request" | "answer", nth: number): Promise<void>;
}

function watchMoments(): Moments {
  let awaited = { moment: "", left: 0, come: () => {} };
  return {
    onMoment(moment) {
      if (moment === awaited.moment && --awaited.left === 0) awaited.come();
    },
    reaches: (moment, left) =>
      new Promise((come) => {
        awaited = { moment, left, come };
      }),
  };
}

async function leadLives(t: Test): Promise<void> {
  t.comment(`CHAIN_SEED=${seed}`);
  const server = await postgresqlForTests(t);
  const faults = drawFaults();
  const moments = watchMoments();
  const onPostgresql = chanceOf(seed, "books").pick<End>(["near", "far"]);
  t.comment(`the ${onPostgresql} broker keeps its books in PostgreSQL, the other one in SQLite`);
  const chain = await startChain(t, server, { judge: faults.judge, onMoment: moments.onMoment }, { onPostgresql });
  const standings = new Map<string, Standing>();

  let next = 0;
  const lead = async () => {
    while (next < lives) {
      const id = nameOf(++next);
      const steps = drawLife(chanceOf(seed, id), wares);
      standings.set(id, await leadLife(steps, { id, wares, ask: (...asked) => chain.broker("near").ask(...asked) }));
    }
  };
  const over = new AbortController();
  const killing = keepKilling(chain, moments, over.signal);
  await Promise.all(Array.from({ length: together }, lead));
  over.abort();
  const kills = await killing;
  const met = [...faults.met.values()].reduce((sum, some) => sum + some, 0);
  t.comment(`CHAIN_SEED=${seed}: ${kills} kills, ${met} faults on the line`);
  const troubled = [...standings.keys()].filter((id) => faults.met.has(id)).length;
  t.ok(troubled >= faulty, `${troubled} of ${lives} lives met a fault`);
  t.same(
    [...standings.values()].flatMap(({ problems }) => problems),
    [],
    "no platform was told what is not so",
  );
  await compare(t, chain, server, standings);
  for (const end of ["near", "far"] as const)
    t.equal(await chain.broker(end).end("SIGTERM"), 0, `the ${end} broker ends when told to`);
}

/** What the platforms were told, what both brokers have on record and what the server holds are the same. */
async function compare(
  t: Test,
  chain: Chain,
  server: TestPostgresql,
  standings: ReadonlyMap<string, Standing>,
): Promise<void> {
  for (const end of ["near", "far"] as const)
    await until(async () => (await chain.readBooks(end)).operations.every(({ state }) => state !== "open"));
  const living = [...standings].flatMap(([id, standing]) =>
    standing.living === undefined ? [] : [{ id, ...standing.living }],
  );
  const due = living
    .flatMap(({ id, plan, bindings }) => [
      `${id} ${farPlans[plan]}`,
      ...[...bindings.keys()].map((binding) => `${id}-${binding}`),
    ])
    .sort();
  const found = await takeInventories(chain, server);
  t.same(found.near, due, `${living.length} instances live, and their bindings: on record at the near broker`);
  t.same(found.far, due, "on record at the far broker");
  t.same(found.server, due, "and on the server");
  t.same(found.repeated, [], "and none of them was made twice");
  const noted = living.filter(({ noted }) => noted).map(({ id }) => id);
  t.same(await notedInstances(chain, server), noted.sort(), "nothing was lost of what their customers wrote");

  const untold: string[] = [];
  for (const { id, plan, parameters, bindings } of living) {
    const { body } = await chain.broker("near").ask("GET", `/service_instances/${id}`);
    if (body.plan_id !== plan || JSON.stringify(body.parameters) !== JSON.stringify(parameters))
      untold.push(`${id} is told as ${JSON.stringify(body)}`);
    for (const [binding, credentials] of bindings) {
      const works = await login(credentials);
      if (works !== "works") untold.push(`credentials of ${id}-${binding}: ${works}`);
    }
  }
  for (const [id, { former }] of standings)
    for (const credentials of former) {
      const works = await login(credentials);
      // 28: invalid authorisation, whether by password or by name.
      if (!works.startsWith("28")) untold.push(`former credentials of ${id}: ${works}`);
    }
  t.same(untold, [], "living instances are told as they were ordered; credentials log in, those taken back do not");
  const failed: string[] = [];
  for (const end of ["near", "far"] as const)
    for (const { state, kind, description } of (await chain.readBooks(end)).operations)
      if (state === "failed") failed.push(`${end}: ${kind}, ${description}`);
  // A request that allows no 202 is given up after 50 s, undone, and asked again.
  const late = failed.filter((line) => line.endsWith(patienceText));
  if (late.length > 0) t.comment(`${late.length} requests were not done in time`);
  const wrongly = failed.filter((line) => !late.includes(line) && !line.includes(", Cancelled: "));
  t.same(wrongly, [], "and nothing was called failed but what its platform took back or could not wait for");
}

t.test(
  `${lives} lives through two brokers that are killed, over a bad line, end as they should`,
  { timeout: 1_400_000 },
  leadLives,
);

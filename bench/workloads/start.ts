/** Goal 14: how long until the first answer, and how much memory at rest and after many requests. */
import { setTimeout as delay } from "node:timers/promises";
import type { Findings, Workload } from "../harness/findings.ts";
import { makeOfferings } from "../harness/offerings.ts";
import { memoryMiB } from "../harness/proc.ts";
import { disturbedShare, leastDisturbed, waitForQuiet } from "../harness/quiet.ts";
import { type Goal, median, type Verdict, verdict } from "../harness/ratio.ts";
import type { RequestSpec } from "../harness/request.ts";
import type { Server } from "../harness/server.ts";
import type { Stage } from "../harness/stage.ts";
import { type BrokerAsk, prepareBroker } from "../subjects/lotse.ts";
import { getCatalog, osbHeaders, putInstance } from "./osb-requests.ts";

const quickStart: Goal = { name: "14a", says: "start to first answer ÷ bare", better: "less", aim: 4 };
const atRest: Goal = { name: "14b", says: "memory at rest ÷ bare", better: "less", aim: 1.7 };
const afterMany: Goal = { name: "14c", says: "MiB after all requests", better: "less", aim: 160 };
const growth: Goal = { name: "14d", says: "memory at the end ÷ halfway", better: "less", aim: 1.05 };

/** What counts as at rest. */
const restMs = 1_000;

/** One start: milliseconds until the first answer, MiB once at rest, and how disturbed it was. */
interface Start {
  readonly firstAnswerMs: number;
  readonly restMiB: number;
  readonly others: number;
}

export const start: Workload = {
  name: "start",
  about: "start, memory at rest and after many requests",
  run: async (stage) => {
    const offerings = makeOfferings(17, 4);
    const provider = await stage.startProvider("sync", 0);
    const providerUrl = `http://127.0.0.1:${provider.port}`;
    const ask = { name: "lotse", depth: "whole", offerings, providerUrl } as const;
    const launch = await prepareBroker(stage.folder(ask.name), ask);
    const starts = await manyStarts(stage, {
      bare: () => stage.startBare(Buffer.from(JSON.stringify({ services: offerings }))),
      lotse: () => stage.start("server", launch),
    });
    const after = await memoryAfterMany(stage, { ...ask, name: "lotse many" });
    return {
      readings: new Map(),
      verdicts: [...startVerdicts(starts), ...after.verdicts],
      tables: [startsTable(starts), ...after.tables],
    };
  },
};

type Starts = ReadonlyMap<string, readonly Start[]>;

/** Starts each server once in every round; the first round is for the file cache and does not count. */
async function manyStarts(stage: Stage, servers: { readonly [name: string]: () => Promise<Server> }): Promise<Starts> {
  const { own, pace } = stage.parts;
  const starts = new Map<string, Start[]>(Object.keys(servers).map((name) => [name, []]));
  for (let round = 0; round <= pace.rounds; round++) {
    await waitForQuiet(own, pace.patience);
    for (const [name, begin] of Object.entries(servers)) {
      const { result, others } = await leastDisturbed(own, pace.patience, () => startOnce(begin));
      if (round > 0) starts.get(name)?.push({ ...result, others });
    }
  }
  return starts;
}

async function startOnce(begin: () => Promise<Server>): Promise<Omit<Start, "others">> {
  const beganAt = performance.now();
  const server = await begin();
  const answer = await fetch(`http://127.0.0.1:${server.port}/v2/catalog`, { headers: osbHeaders });
  await answer.arrayBuffer();
  const firstAnswerMs = performance.now() - beganAt;
  await delay(restMs);
  const restMiB = memoryMiB(server.pid).now;
  await server.stop();
  if (answer.status !== 200) throw new Error(`${server.name} answered its first request with ${answer.status}`);
  return { firstAnswerMs, restMiB };
}

function startVerdicts(starts: Starts): Verdict[] {
  const bare = starts.get("bare") ?? [];
  const lotse = starts.get("lotse") ?? [];
  const quiet = median([...bare, ...lotse].map((one) => one.others)) <= disturbedShare;
  const ratios = (of: (one: Start) => number) =>
    lotse.map((mine, at) => of(mine) / of(bare[at] ?? { firstAnswerMs: Number.NaN, restMiB: Number.NaN, others: 0 }));
  return [
    verdict(
      quickStart,
      ratios((one) => one.firstAnswerMs),
      quiet,
    ),
    verdict(
      atRest,
      ratios((one) => one.restMiB),
      quiet,
    ),
  ];
}

function startsTable(starts: Starts) {
  const rows = [...starts].map(([name, list]) => [
    `  ${name}`,
    median(list.map((one) => one.firstAnswerMs)),
    median(list.map((one) => one.restMiB)),
  ]);
  return { title: "", columns: ["start", "first answer ms", "at rest MiB"], rows };
}

/** Catalog and orders in turn, a tenth of the requests at a time or more, and a look at memory after each tenth. */
async function memoryAfterMany(stage: Stage, ask: BrokerAsk): Promise<Pick<Findings, "verdicts" | "tables">> {
  const { quick, pace } = stage.parts;
  const requests = quick ? 2_000 : 1_000_000;
  const server = await stage.startLotse(ask);
  const mix: readonly RequestSpec[] = [getCatalog(), putInstance];
  const contestants = mix.map((request) => stage.asking("", server, 64, request));
  const looks: [number, number][] = [[0, memoryMiB(server.pid).now]];
  for (let answered = 0; answered < requests; ) {
    const until = Math.min(requests, answered + requests / 10);
    while (answered < until)
      for (const contestant of contestants) answered += (await contestant.turn(pace.seconds)).operations;
    looks.push([answered, memoryMiB(server.pid).now]);
  }
  await server.stop();
  const last = looks.at(-1)?.[1] ?? Number.NaN;
  const halfway = looks.find(([answered]) => answered >= requests / 2)?.[1] ?? Number.NaN;
  return {
    verdicts: [verdict(afterMany, [last], true), verdict(growth, [last / halfway], true)],
    tables: [{ title: "", columns: ["memory after requests", "MiB"], rows: looks.map(([n, mib]) => [`  ${n}`, mib]) }],
  };
}

/** Goals 3, 8, 10 and 11: provision requests over 64 connections, with and without commits and the provider. */
import type { Workload } from "../harness/findings.ts";
import { makeOfferings } from "../harness/offerings.ts";
import { type Goal, judge, throughput } from "../harness/ratio.ts";
import type { Stage } from "../harness/stage.ts";
import { authorization, type Depth } from "../subjects/lotse.ts";
import { putInstance } from "./osb-requests.ts";

const connections = 64;

/** Each goal, and the contestants whose throughput it compares. */
const goals: readonly (Goal & { readonly measured: string; readonly yardstick: string })[] = [
  {
    name: "3",
    says: "PUT checked against the plan's schema ÷ bare PUT",
    measured: "lotse answer",
    yardstick: "bare",
    better: "more",
    aim: 0.75,
    floor: 0.65,
    limit: 0.94,
  },
  {
    name: "8",
    says: "PUT with 2 commits ÷ answered by itself",
    measured: "lotse store",
    yardstick: "lotse answer",
    better: "more",
    aim: 0.4,
    limit: 0.5,
  },
  {
    name: "10a",
    says: "proxied PUT, no store ÷ answered by itself",
    measured: "lotse call",
    yardstick: "lotse answer",
    better: "more",
    aim: 0.45,
    limit: 0.5,
  },
  {
    name: "10b",
    says: "proxied PUT, 2 commits ÷ answered by itself",
    measured: "lotse whole",
    yardstick: "lotse answer",
    better: "more",
    aim: 0.25,
    limit: 0.33,
  },
  {
    name: "11a",
    says: "proxied PUT, 2 commits ÷ one commit at a time",
    measured: "lotse whole",
    yardstick: "each commit",
    better: "more",
    aim: 6,
  },
  {
    name: "11b",
    says: "proxied PUT, 2 commits ÷ knex and request",
    measured: "lotse whole",
    yardstick: "knex",
    better: "more",
    aim: 10,
  },
];

const depths: readonly Depth[] = ["answer", "call", "store", "whole"];

export const orders: Workload = {
  name: "orders",
  about: "PUT instance over 64 connections",
  run: async (stage) => {
    const provider = await stage.startProvider("sync", 0);
    const providerUrl = `http://127.0.0.1:${provider.port}`;
    const environment = {
      BENCH_PROVIDER: providerUrl,
      BENCH_AUTHORIZATION: authorization,
      BENCH_FOLDER: stage.folder("baselines"),
    };
    const yardsticks = {
      bare: await stage.startBare(Buffer.from("{}")),
      "each commit": await stage.startOwn("server", "baselines/each.ts", environment),
      knex: await stage.startOwn("server", "baselines/knex.ts", environment),
    };
    const servers = { ...yardsticks, ...(await startDepths(stage, providerUrl)) };
    const contestants = Object.entries(servers).map(([name, server]) =>
      stage.asking(name, server, connections, putInstance),
    );
    const readings = await stage.runRounds(contestants);
    const verdicts = goals.map(({ measured, yardstick, ...goal }) =>
      judge(goal, readings, throughput(measured, yardstick)),
    );
    return { readings, verdicts, tables: [] };
  },
};

async function startDepths(stage: Stage, providerUrl: string) {
  const offerings = makeOfferings(3, 4);
  const started = depths.map(async (depth) => {
    const name = `lotse ${depth}`;
    return [name, await stage.startLotse({ name, depth, offerings, providerUrl })] as const;
  });
  return Object.fromEntries(await Promise.all(started));
}

/** W4: what nine providers' customers feel of a tenth that takes orders and never answers. */
import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { Pool } from "undici";
import type { Workload } from "../harness/findings.ts";
import { makeOfferings } from "../harness/offerings.ts";
import { type Goal, judge } from "../harness/ratio.ts";
import type { Server } from "../harness/server.ts";
import type { Stage } from "../harness/stage.ts";
import { osbHeaders, provisionBody, putInstance } from "./osb-requests.ts";

const goal: Goal = {
  name: "W4",
  says: "p99 at nine providers, tenth hangs ÷ answers",
  better: "less",
  aim: 1.2,
};

/** The last one is the neighbour. */
const accounts = Array.from({ length: 10 }, (_, index) => `provider-${index}`);
const others = accounts.length - 1;

/** Seven for each of the nine: fewer than an account has slots, so that nobody waits for himself. */
const connections = 7 * others;

/** How long the nine take for an instance. */
const finishAfterMs = 20;

/** The neighbour's customers do not know that it hangs: they go on ordering at this pace. */
const orderEveryMs = 50;
/** So many orders wait for it before anything is measured: its slots are taken, and a queue has grown. */
const queued = 300;

export const w4Neighbour: Workload = {
  name: "w4-neighbour",
  about: "PUT instance at nine providers, beside a tenth that answers or hangs",
  run: async (stage) => {
    const good = await stage.startProvider("sync", finishAfterMs);
    const hanging = await stage.startProvider("hang", 0);
    const beside = { "tenth answers": good, "tenth hangs": hanging } as const;
    const orders = Array.from({ length: others }, (_, offering) => ({
      ...putInstance,
      body: provisionBody("sync", "small", offering),
    }));
    const contestants = [];
    const neighbours = [];
    for (const [name, tenth] of Object.entries(beside)) {
      const lotse = await stage.startLotse({ name, depth: "whole", ...market(good, tenth) });
      neighbours.push(await startNeighbour(lotse));
      contestants.push(stage.asking(name, lotse, connections, orders));
    }
    try {
      const readings = await stage.runRounds(contestants);
      const verdict = judge(goal, readings, (of) => of("tenth hangs").p99Ms / of("tenth answers").p99Ms);
      return { readings, verdicts: [verdict], tables: [] };
    } finally {
      for (const stop of neighbours) await stop();
    }
  },
};

function market(good: Server, tenth: Server): Pick<Parameters<Stage["startLotse"]>[0], "offerings" | "accounts"> {
  const addresses = accounts.map((name, index) => [name, `http://127.0.0.1:${(index < others ? good : tenth).port}`]);
  return {
    offerings: makeOfferings(accounts.length, 2, (offering) => accounts[offering] ?? ""),
    accounts: Object.fromEntries(addresses),
  };
}

/** Customers of the tenth provider, who order at their own pace whether they are answered or not. Resolves to their end. */
async function startNeighbour({ port }: Server): Promise<() => Promise<void>> {
  const pool = new Pool(`http://127.0.0.1:${port}`, { connections: 1000 });
  const body = provisionBody("sync", "small", others);
  const headers = { ...osbHeaders, "content-type": "application/json" };
  const order = async () => {
    const path = `/v2/service_instances/${randomUUID()}?accepts_incomplete=true`;
    const answer = await pool.request({ method: "PUT", path, headers, body });
    await answer.body.dump();
  };
  const orders = Array.from({ length: queued }, order);
  await Promise.race([Promise.all(orders), delay(3_000)]);
  const pace = setInterval(() => void order().catch(() => undefined), orderEveryMs);
  return async () => {
    clearInterval(pace);
    await pool.destroy();
  };
}

/** W3 and goal 9: what the broker adds to one proxied order, against two disk syncs and one hop. */
import { fileURLToPath } from "node:url";
import type { Workload } from "../harness/findings.ts";
import { makeOfferings } from "../harness/offerings.ts";
import { type Figure, type Goal, judge, median } from "../harness/ratio.ts";
import type { Readings } from "../harness/rounds.ts";
import { putInstance } from "./osb-requests.ts";

const goal: Goal = {
  name: "9",
  says: "added to a proxied PUT, p50 ÷ (2 fsyncs + 1 hop)",
  better: "less",
  aim: 1.2,
  limit: 1,
};

const added: Figure = (reading) => reading("lotse").p50Ms - reading("provider").p50Ms;
const unavoidable: Figure = (reading) => 2 * reading("fsync").p50Ms + reading("provider").p50Ms;

export const w3Overhead: Workload = {
  name: "w3-overhead",
  about: "one proxied order at a time, against the provider asked directly",
  run: async (stage) => {
    const provider = await stage.startProvider("sync", 0);
    const fsync = stage.startWork(fileURLToPath(new URL("../harness/fsync.ts", import.meta.url)), "fsync");
    const providerUrl = `http://127.0.0.1:${provider.port}`;
    const ask = { name: "lotse", depth: "whole", offerings: makeOfferings(3, 4), providerUrl } as const;
    const readings = await stage.runRounds([
      stage.asking("provider", provider, 1, putInstance),
      fsync.contestant("fsync", 1),
      stage.asking("lotse", await stage.startLotse(ask), 1, putInstance),
    ]);
    const verdict = judge(goal, readings, (reading) => added(reading) / unavoidable(reading));
    return { readings, verdicts: [verdict], tables: [overhead(readings)] };
  },
};

/** Our latency less the provider's own, round by round. */
function overhead(readings: Readings) {
  const difference = (of: "p50Ms" | "p99Ms") =>
    median((readings.get("lotse") ?? []).map((mine, at) => mine[of] - (readings.get("provider")?.[at]?.[of] ?? 0)));
  const row = ["proxied PUT", difference("p50Ms"), difference("p99Ms")];
  return { title: "W3: added by the broker", columns: ["", "p50 ms", "p99 ms"], rows: [row] };
}

/** Goal 4: reads by key, in a small and in a large database. */
import type { Workload } from "../harness/findings.ts";
import { makeOfferings } from "../harness/offerings.ts";
import { type Goal, judge, throughput } from "../harness/ratio.ts";
import type { Stage } from "../harness/stage.ts";
import { getInstance, getLastOperation } from "./osb-requests.ts";

const connections = 64;

/** Instances in the two databases. */
const sizes = { small: 1_000, large: 1_000_000 } as const;
const quickSizes = { small: 100, large: 10_000 } as const;

/** Each goal, and the contestants whose throughput it compares. */
const goals: readonly (Goal & { readonly measured: string; readonly yardstick: string })[] = [
  "last_operation",
  "instance",
].flatMap((what) => [
  {
    name: "4a",
    says: `${what}, large ÷ bare 200 B`,
    measured: `${what}, large`,
    yardstick: "bare",
    better: "more",
    aim: 0.4,
    limit: 0.55,
  },
  {
    name: "4b",
    says: `${what}, large ÷ small`,
    measured: `${what}, large`,
    yardstick: `${what}, small`,
    better: "more",
    aim: 0.85,
  },
]);

export const reads: Workload = {
  name: "reads",
  about: "GET last_operation and GET instance, in a small and a large database",
  run: async (stage) => {
    const counts = stage.parts.quick ? quickSizes : sizes;
    const bare = await stage.startBare(Buffer.from("{}"));
    const small = await startSeeded(stage, "small", counts.small);
    const large = await startSeeded(stage, "large", counts.large);
    const readings = await stage.runRounds([
      stage.asking("bare", bare, connections, getLastOperation(counts.small)),
      stage.asking("last_operation, small", small, connections, getLastOperation(counts.small)),
      stage.asking("last_operation, large", large, connections, getLastOperation(counts.large)),
      stage.asking("instance, small", small, connections, getInstance(counts.small)),
      stage.asking("instance, large", large, connections, getInstance(counts.large)),
    ]);
    const verdicts = goals.map(({ measured, yardstick, ...goal }) =>
      judge(goal, readings, throughput(measured, yardstick)),
    );
    return { readings, verdicts, tables: [] };
  },
};

const startSeeded = (stage: Stage, name: string, instances: number) =>
  stage.startLotse({ name, depth: "store", offerings: makeOfferings(3, 4), instances });

/** Goals 4 and 5: reads by key and pages of 50, in a small and in a large database. */
import type { Workload } from "../harness/findings.ts";
import { makeOfferings } from "../harness/offerings.ts";
import { type Goal, judge, throughput } from "../harness/ratio.ts";
import type { Stage } from "../harness/stage.ts";
import type { BrokerUnderTest } from "../subjects/subject.ts";
import { anyAuthorization, getInstance, getLastOperation, osbHeaders } from "./osb-requests.ts";

const connections = 64;

/** Instances in the three databases. */
const sizes = { small: 1_000, middle: 100_000, large: 1_000_000 } as const;
const quickSizes = { small: 100, middle: 1_000, large: 10_000 } as const;
type Sizes = { readonly [size in keyof typeof sizes]: number };

/** Each goal, and the contestants whose throughput it compares. */
const goals: readonly (Goal & { readonly measured: string; readonly yardstick: string })[] = [
  ...["last_operation", "instance"].flatMap((what) => [
    {
      name: "4a",
      says: `${what}, large ÷ bare 200 B`,
      measured: `${what}, large`,
      yardstick: "bare",
      better: "more" as const,
      aim: 0.4,
      limit: 0.55,
    },
    {
      name: "4b",
      says: `${what}, large ÷ small`,
      measured: `${what}, large`,
      yardstick: `${what}, small`,
      better: "more" as const,
      aim: 0.85,
    },
  ]),
  // Times, so the yardstick's throughput is above the line.
  {
    name: "5a",
    says: "time of the first page, large ÷ middle",
    measured: "first page, middle",
    yardstick: "first page, large",
    better: "less",
    aim: 1.6,
    limit: 1,
  },
  {
    name: "5b",
    says: "time of the last page ÷ the first, large",
    measured: "first page, large",
    yardstick: "last page, large",
    better: "less",
    aim: 1.2,
    limit: 1,
  },
];

export const reads: Workload = {
  name: "reads",
  about: "GET by key and pages, in a small and a large database",
  run: async (stage) => {
    const { broker, quick } = stage.parts;
    const bare = await stage.startBare(Buffer.from("{}"));
    const headers = osbHeaders(broker?.authorization ?? anyAuthorization);
    const contestants = [stage.asking("bare", bare, connections, getLastOperation(headers, 1_000))];
    if (broker !== undefined) contestants.push(...(await readers(stage, broker, quick ? quickSizes : sizes)));
    const readings = await stage.runRounds(contestants);
    const verdicts = goals
      .filter((goal) => readings.has(goal.measured))
      .map(({ measured, yardstick, ...goal }) => judge(goal, readings, throughput(measured, yardstick)));
    return { readings, verdicts, tables: [] };
  },
};

async function readers(stage: Stage, broker: BrokerUnderTest, counts: Sizes) {
  const headers = osbHeaders(broker.authorization);
  const ask = (name: string, server: Parameters<Stage["asking"]>[1], request: Parameters<Stage["asking"]>[3]) =>
    stage.asking(name, server, connections, request);
  const small = await startSeeded(stage, broker, "small", counts.small);
  const middle = await startSeeded(stage, broker, "middle", counts.middle);
  const large = await startSeeded(stage, broker, "large", counts.large);
  const middlePages = await broker.pages(middle.port, counts.middle);
  const largePages = await broker.pages(large.port, counts.large);
  return [
    ask("last_operation, small", small, getLastOperation(headers, counts.small)),
    ask("last_operation, large", large, getLastOperation(headers, counts.large)),
    ask("instance, small", small, getInstance(headers, counts.small)),
    ask("instance, large", large, getInstance(headers, counts.large)),
    ask("first page, middle", middle, middlePages.first),
    ask("first page, large", large, largePages.first),
    ask("last page, large", large, largePages.last),
  ];
}

async function startSeeded(stage: Stage, broker: BrokerUnderTest, name: string, count: number) {
  const offerings = makeOfferings(3, 4);
  await broker.seed(stage.folder(name), offerings, count);
  return stage.startBroker(broker, { name, depth: "store", offerings, providerUrl: "http://127.0.0.1:9" });
}

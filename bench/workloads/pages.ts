/** Goal 5: pages of a long list, at its beginning, in its middle and at its end. */
import { join } from "node:path";
import Database from "better-sqlite3";
import { cursorOf } from "../../src/admin/paging.ts";
import { firstRunFile, readFirstRun } from "../../src/first-run.ts";
import type { Workload } from "../harness/findings.ts";
import { account, makeOfferings } from "../harness/offerings.ts";
import { type Goal, judge, throughput } from "../harness/ratio.ts";
import type { RequestSpec } from "../harness/request.ts";
import type { Contestant } from "../harness/rounds.ts";
import type { Stage } from "../harness/stage.ts";

/** Few, as administrators are; enough that the broker is never idle. */
const connections = 8;
const pageSize = 50;

/** Instances in the two databases. */
const sizes = { small: 100_000, large: 1_000_000 } as const;
const quickSizes = { small: 1_000, large: 10_000 } as const;

const places = ["first", "middle", "last"] as const;
type Place = (typeof places)[number];

/** Which instances are listed: all of them, or by a filter that has an index. */
const lists = { all: "", "one provider's": `&provider=${account}` } as const;
type List = keyof typeof lists;

/** A page may take 1.6 times as long at ten times the rows, and as long wherever it stands. */
const goals: readonly (Goal & { readonly measured: string; readonly yardstick: string })[] = (
  Object.keys(lists) as List[]
).flatMap((list) => [
  ...places.map((place) => ({
    name: "5a",
    says: `${list}, ${place} page, large ÷ small`,
    measured: `${list}, ${place}, large`,
    yardstick: `${list}, ${place}, small`,
    better: "more" as const,
    aim: 1 / 1.6,
    limit: 1,
  })),
  ...(["middle", "last"] as const).map((place) => ({
    name: "5b",
    says: `${list}, large, ${place} page ÷ first`,
    measured: `${list}, ${place}, large`,
    yardstick: `${list}, first, large`,
    better: "more" as const,
    aim: 0.85,
    limit: 1,
  })),
]);

export const pages: Workload = {
  name: "pages",
  about: `GET /api/v1/instances, ${pageSize} of them, in a small and a large database`,
  run: async (stage) => {
    const counts = stage.parts.quick ? quickSizes : sizes;
    const contestants = [
      ...(await startListed(stage, "small", counts.small)),
      ...(await startListed(stage, "large", counts.large)),
    ];
    const readings = await stage.runRounds(contestants);
    const verdicts = goals.map(({ measured, yardstick, ...goal }) =>
      judge(goal, readings, throughput(measured, yardstick)),
    );
    return { readings, verdicts, tables: [] };
  },
};

async function startListed(stage: Stage, name: string, instances: number): Promise<readonly Contestant[]> {
  const server = await stage.startLotse({ name, depth: "store", offerings: makeOfferings(3, 4), instances });
  const data = join(stage.folder(name), "data");
  const { adminToken } = readFirstRun(firstRunFile(data));
  const cursors = cursorsIn(join(data, "lotse.sqlite"), instances);
  return (Object.keys(lists) as List[]).flatMap((list) =>
    places.map((place) => {
      const request: RequestSpec = {
        method: "GET",
        path: `/api/v1/instances?limit=${pageSize}${lists[list]}${cursors[place]}`,
        headers: { Authorization: `Bearer ${adminToken}` },
        expect: 200,
      };
      return stage.asking(`${list}, ${place}, ${name}`, server, connections, request);
    }),
  );
}

/** Where the pages begin; the last one is as full as the others. */
function cursorsIn(file: string, instances: number): Readonly<Record<Place, string>> {
  const database = new Database(file, { readonly: true });
  const nth = database.prepare<[number], { uid: string }>("SELECT uid FROM instances ORDER BY uid LIMIT 1 OFFSET ?");
  const at = (offset: number) => `&cursor=${cursorOf("instances", nth.get(offset)?.uid ?? "")}`;
  const cursors = { first: "", middle: at(Math.floor(instances / 2)), last: at(pageSize) };
  database.close();
  return cursors;
}

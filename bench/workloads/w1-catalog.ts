/** W1 and goals 1 and 2: the catalog whole, zipped and unchanged, against ready bytes served by node:http. */
import type { Workload } from "../harness/findings.ts";
import { makeOfferings } from "../harness/offerings.ts";
import { type Goal, judge, throughput } from "../harness/ratio.ts";
import type { RequestSpec } from "../harness/request.ts";
import type { Server } from "../harness/server.ts";
import type { Stage } from "../harness/stage.ts";
import { getCatalog, osbHeaders } from "./osb-requests.ts";

const connections = 64;

/** The three ways to ask; a yardstick and the broker are asked alike. */
const ways = ["whole", "unchanged", "zipped"] as const;
type Way = (typeof ways)[number];

/** Promised for a catalog of 100 KiB. */
const goals: { readonly [way in Way]: Omit<Goal, "says"> } = {
  whole: { name: "1", better: "more", aim: 0.9, floor: 0.8, limit: 1 },
  unchanged: { name: "2a", better: "more", aim: 0.8, floor: 0.68, limit: 0.95 },
  zipped: { name: "2b", better: "more", aim: 0.8, floor: 0.68, limit: 0.95 },
};

export interface CatalogSize {
  readonly offerings: number;
  readonly plansEach: number;
  /** Held against the goals, not only shown. */
  readonly judged: boolean;
}

export function w1Catalog(name: string, { offerings, plansEach, judged }: CatalogSize): Workload {
  return {
    name,
    about: `GET /v2/catalog with ${offerings} offerings of ${plansEach} plans`,
    long: !judged,
    run: async (stage) => {
      const lotse = await stage.startLotse({
        name: "lotse",
        depth: "store",
        offerings: makeOfferings(offerings, plansEach),
      });
      // The yardstick serves the very bytes the broker serves.
      const bytes = Buffer.from(await (await askCatalog(lotse)).arrayBuffer());
      const bare = await stage.startBare(bytes);
      const contestants = [...(await asked(stage, "bare", bare)), ...(await asked(stage, "lotse", lotse))];
      const readings = await stage.runRounds(contestants);
      const size = `catalog of ${Math.round(bytes.length / 1024)} KiB`;
      const verdicts = ways.map((way) =>
        judge({ ...goals[way], says: `${size}, ${way} ÷ bare` }, readings, throughput(`lotse ${way}`, `bare ${way}`)),
      );
      if (judged) return { readings, verdicts, tables: [] };
      const rows = verdicts.map(({ goal, median }) => [goal.says, median]);
      return { readings, verdicts: [], tables: [{ title: "", columns: ["", "ratio"], rows }] };
    },
  };
}

async function asked(stage: Stage, name: string, server: Server) {
  const answer = await askCatalog(server);
  await answer.arrayBuffer();
  const etag = answer.headers.get("etag") ?? "";
  const requests: { readonly [way in Way]: RequestSpec } = {
    whole: getCatalog(),
    unchanged: getCatalog({ "If-None-Match": etag }, 304),
    zipped: getCatalog({ "Accept-Encoding": "gzip" }),
  };
  return ways.map((way) => stage.asking(`${name} ${way}`, server, connections, requests[way]));
}

async function askCatalog(server: Server): Promise<Response> {
  const headers = { ...osbHeaders, "Accept-Encoding": "identity" };
  const answer = await fetch(`http://127.0.0.1:${server.port}/v2/catalog`, { headers });
  if (answer.status !== 200) throw new Error(`${server.name} answered its catalog with ${answer.status}`);
  return answer;
}

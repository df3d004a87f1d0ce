/** W1 and goals 1 and 2: the catalog whole, zipped and unchanged, against ready bytes served by node:http. */
import type { Workload } from "../harness/findings.ts";
import { makeOfferings } from "../harness/offerings.ts";
import { type Goal, judge, throughput } from "../harness/ratio.ts";
import type { RequestSpec } from "../harness/request.ts";
import type { Server } from "../harness/server.ts";
import type { Stage } from "../harness/stage.ts";
import { anyAuthorization, getCatalog, type Headers, osbHeaders } from "./osb-requests.ts";

const connections = 64;

/** The three ways to ask; a yardstick and the broker are asked alike. */
const ways = ["whole", "unchanged", "zipped"] as const;
type Way = (typeof ways)[number];

const goals: { readonly [way in Way]: Omit<Goal, "says"> } = {
  whole: { name: "1", better: "more", aim: 0.9, floor: 0.8, limit: 1 },
  unchanged: { name: "2a", better: "more", aim: 0.8, floor: 0.68, limit: 0.95 },
  zipped: { name: "2b", better: "more", aim: 0.8, floor: 0.68, limit: 0.95 },
};

/** The workload for a catalog of this many offerings with this many plans each. */
export function w1Catalog(name: string, offerings: number, plansEach: number): Workload {
  return {
    name,
    about: `GET /v2/catalog with ${offerings} offerings of ${plansEach} plans`,
    run: async (stage) => {
      const catalog = makeOfferings(offerings, plansEach);
      const broker = stage.parts.broker;
      const ask = { name: "lotse", depth: "answer", offerings: catalog, providerUrl: "http://127.0.0.1:9" } as const;
      const server = broker === undefined ? undefined : await stage.startBroker(broker, ask);
      const headers = osbHeaders(broker?.authorization ?? anyAuthorization);
      // The yardstick serves the very bytes the broker serves.
      const bytes = server === undefined ? JSON.stringify({ services: catalog }) : await fetchCatalog(server, headers);
      const bare = await stage.startBare(Buffer.from(bytes));
      const contestants = await asked(stage, "bare", bare, headers);
      if (server !== undefined) contestants.push(...(await asked(stage, "lotse", server, headers)));
      const readings = await stage.runRounds(contestants);
      const size = `catalog of ${Math.round(bytes.length / 1024)} KiB`;
      const verdicts = ways.map((way) =>
        judge({ ...goals[way], says: `${size}, ${way} ÷ bare` }, readings, throughput(`lotse ${way}`, `bare ${way}`)),
      );
      return { readings, verdicts: server === undefined ? [] : verdicts, tables: [] };
    },
  };
}

async function asked(stage: Stage, name: string, server: Server, headers: Headers) {
  const answer = await fetch(`http://127.0.0.1:${server.port}/v2/catalog`, { headers });
  await answer.arrayBuffer();
  const etag = answer.headers.get("etag") ?? "";
  const requests: { readonly [way in Way]: RequestSpec } = {
    whole: getCatalog(headers),
    unchanged: getCatalog(headers, { "If-None-Match": etag }, 304),
    zipped: getCatalog(headers, { "Accept-Encoding": "gzip" }),
  };
  return ways.map((way) => stage.asking(`${name} ${way}`, server, connections, requests[way]));
}

async function fetchCatalog(server: Server, headers: Headers): Promise<string> {
  const answer = await fetch(`http://127.0.0.1:${server.port}/v2/catalog`, { headers });
  if (answer.status !== 200) throw new Error(`the broker answered its catalog with ${answer.status}`);
  return answer.text();
}

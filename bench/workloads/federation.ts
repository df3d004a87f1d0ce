/** The merged catalog of a hundred brokers: served whole, and while all of them change and are read anew. */
import { setTimeout as delay } from "node:timers/promises";
import type { Workload } from "../harness/findings.ts";
import { makeOfferings } from "../harness/offerings.ts";
import { judge, throughput } from "../harness/ratio.ts";
import type { Contestant } from "../harness/rounds.ts";
import type { Server } from "../harness/server.ts";
import { getCatalog, osbHeaders } from "./osb-requests.ts";

const connections = 64;
const brokers = 100;
const plans = brokers * 100;
/** Every broker is due within each turn; as the server is fully loaded, reading all of them may take longer than one. */
const refreshSeconds = 5;
const turnSeconds = 8;
const patienceMs = 300_000;
const meanwhile = "bare, meanwhile";

export const federation: Workload = {
  name: "federation",
  about: `GET /v2/catalog of ${brokers} brokers with 10 offerings of 10 plans each`,
  long: true,
  run: async (stage) => {
    const catalogs = await stage.startOwn("load", "catalogs.ts", {});
    const address = `http://127.0.0.1:${catalogs.port}`;
    const providers = Object.fromEntries(
      Array.from({ length: brokers }, (_, broker) => [
        `land-${broker}`,
        { adapter: "osb", settings: { url: `${address}/p/${broker}` }, catalog: {} },
      ]),
    );
    const lotse = await stage.startLotse({
      name: "lotse",
      depth: "store",
      offerings: makeOfferings(1, 1),
      providers,
      refreshSeconds,
    });
    const bytes = await wholeCatalog(lotse);
    const bare = await stage.startBare(bytes);
    const steady = stage.asking("lotse", lotse, connections, getCatalog());
    const reads: number[] = [];
    const refreshed: Contestant = {
      ...steady,
      name: "lotse, all brokers changing",
      turn: async (seconds) => {
        await fetch(`${address}/next`, { method: "POST" });
        const counted = await steady.turn(Math.max(seconds, turnSeconds));
        reads.push(Number(await (await fetch(`${address}/reads`)).text()));
        return counted;
      },
    };
    const yardstick = stage.asking("bare", bare, connections, getCatalog());
    // One after the other: a broker that is still reading what has changed is not at rest.
    const readings = new Map([
      ...(await stage.runRounds([yardstick, steady])),
      ...[...(await stage.runRounds([yardstick, refreshed]))].map(
        ([name, some]) => [name === yardstick.name ? meanwhile : name, some] as const,
      ),
    ]);
    const goal = { name: "F", better: "more", aim: 0.8, floor: 0.8, limit: 1 } as const;
    const size = `${plans} plans, ${Math.round(bytes.length / 1024)} KiB`;
    const memory = (readings.get("lotse") ?? []).map(({ residentMiB }) => residentMiB);
    return {
      readings,
      verdicts: [
        judge({ ...goal, says: `${size} ÷ bare` }, readings, throughput("lotse", "bare")),
        judge(
          { ...goal, says: `${size}, all brokers changing ÷ bare` },
          readings,
          throughput(refreshed.name, meanwhile),
        ),
      ],
      tables: [
        {
          title: "",
          columns: ["", ""],
          rows: [
            ["memory of lotse, MiB", Math.round(Math.max(...memory))],
            [`catalogs read anew in a turn of ${turnSeconds} s, fewest`, Math.min(...reads)],
          ],
        },
      ],
    };
  },
};

/** Asks until every broker's plans are in it. */
async function wholeCatalog(server: Server): Promise<Buffer> {
  const until = performance.now() + patienceMs;
  for (;;) {
    const answer = await fetch(`http://127.0.0.1:${server.port}/v2/catalog`, {
      headers: { ...osbHeaders, "Accept-Encoding": "identity" },
    });
    const bytes = Buffer.from(await answer.arrayBuffer());
    const { services } = JSON.parse(bytes.toString()) as { readonly services: readonly { readonly plans: object[] }[] };
    const count = services.reduce((sum, service) => sum + service.plans.length, 0);
    if (count >= plans) return bytes;
    if (performance.now() > until) throw new Error(`only ${count} of ${plans} plans came in`);
    await delay(500);
  }
}

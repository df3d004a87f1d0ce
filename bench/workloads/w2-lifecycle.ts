/** W2: whole lifecycles in a closed loop, 1, 10 and 50 platforms, through the broker and straight to the provider. */
import { Pool } from "undici";
import type { Table, Workload } from "../harness/findings.ts";
import { makeOfferings } from "../harness/offerings.ts";
import { bytesWritten, memoryMiB, processCpuSeconds } from "../harness/proc.ts";
import { waitForQuiet, watchOthers } from "../harness/quiet.ts";
import type { Server } from "../harness/server.ts";
import type { Stage } from "../harness/stage.ts";
import type { ProviderCounters } from "../provider.ts";
import { calls, emptyLatencies, type Latencies, liveOnce } from "./lifecycle.ts";

/** How long the provider takes for an instance, to make it and to remove it. */
const finishAfterMs = 500;

const platformCounts = [1, 10, 50];

export const w2Lifecycle: Workload = {
  name: "w2-lifecycle",
  about: "provision, poll, bind, fetch, unbind, deprovision, poll; the provider takes 500 ms",
  run: async (stage) => {
    const { quick, own, pace } = stage.parts;
    const provider = await stage.startProvider("async", finishAfterMs);
    const providerUrl = `http://127.0.0.1:${provider.port}`;
    const ask = { name: "lotse", depth: "whole", offerings: makeOfferings(3, 4), providerUrl } as const;
    const servers = [provider, await stage.startLotse(ask)];
    const runs: Run[] = [];
    for (const platforms of platformCounts) {
      await waitForQuiet(own, pace.patience);
      for (const server of servers) runs.push(await live(stage, server, platforms, quick ? 1 : 20));
    }
    const counters = await fetch(`http://127.0.0.1:${provider.port}/counters`);
    const tables = [runsTable(runs), callsTable(runs), providerTable((await counters.json()) as ProviderCounters)];
    return { readings: new Map(), verdicts: [], tables };
  },
};

/** What a closed loop of so many platforms gave. */
interface Run {
  readonly name: string;
  readonly lifecycles: number;
  readonly seconds: number;
  readonly latencies: Latencies;
  readonly cpuSeconds: number;
  readonly residentMiB: number;
  readonly written: number;
  readonly others: number;
}

/** Each platform begins lifecycles until the time is over and finishes its last one. */
async function live(stage: Stage, server: Server, platforms: number, seconds: number): Promise<Run> {
  const pool = new Pool(`http://127.0.0.1:${server.port}`, { connections: platforms });
  const latencies = emptyLatencies();
  const others = watchOthers(stage.parts.own);
  const cpuBefore = processCpuSeconds(server.pid);
  const writtenBefore = bytesWritten(server.pid);
  const beganAt = performance.now();
  const platform = async () => {
    while (performance.now() < beganAt + seconds * 1000) await liveOnce(pool, latencies);
  };
  await Promise.all(Array.from({ length: platforms }, platform));
  const run: Run = {
    name: `${server.name}, ${platforms} platforms`,
    lifecycles: latencies.lifecycle.count,
    seconds: (performance.now() - beganAt) / 1000,
    latencies,
    cpuSeconds: processCpuSeconds(server.pid) - cpuBefore,
    residentMiB: memoryMiB(server.pid).now,
    written: bytesWritten(server.pid) - writtenBefore,
    others: others(),
  };
  await pool.close();
  return run;
}

function runsTable(runs: readonly Run[]): Table {
  const columns = [
    "lifecycles",
    "per s",
    "p50 ms",
    "p95 ms",
    "p99 ms",
    "CPU s / 1000",
    "RSS MiB",
    "KiB written each",
    "others",
  ];
  const rows = runs.map((run) => [
    `  ${run.name}`,
    run.lifecycles / run.seconds,
    ...percentiles(run.latencies, "lifecycle"),
    (run.cpuSeconds / run.lifecycles) * 1000,
    run.residentMiB,
    run.written / 1024 / run.lifecycles,
    run.others,
  ]);
  return { title: "", columns, rows };
}

function callsTable(runs: readonly Run[]): Table {
  const rows = runs.flatMap((run) =>
    calls.map((call) => [`  ${run.name}: ${call}`, run.latencies[call].count, ...percentiles(run.latencies, call)]),
  );
  return { title: "", columns: ["calls", "count", "p50 ms", "p95 ms", "p99 ms"], rows };
}

const percentiles = (latencies: Latencies, call: keyof Latencies) =>
  [50, 95, 99].map((percentile) => latencies[call].percentile(percentile) / 1e6);

/** After the last lifecycle nothing may be left, and nothing may have been ordered twice. */
function providerTable(counters: ProviderCounters): Table {
  return {
    title: "",
    columns: ["provider", ...Object.keys(counters)],
    rows: [["  counted", ...Object.values(counters)]],
  };
}

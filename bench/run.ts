/** `npm run bench`: measures the broker against yardsticks taken in the same rounds, prints ratios, keeps the figures. */
import { randomInt } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Findings, Workload } from "./harness/findings.ts";
import { startLoad } from "./harness/load.ts";
import { findMachine } from "./harness/machine.ts";
import { type Options, readOptions, usage } from "./harness/options.ts";
import { OwnProcesses } from "./harness/own.ts";
import { Stage, type StageParts } from "./harness/stage.ts";
import { formatTable, readingsTable, verdictsTable } from "./harness/table.ts";
import { commits } from "./workloads/commits.ts";
import { federation } from "./workloads/federation.ts";
import { orders } from "./workloads/orders.ts";
import { pages } from "./workloads/pages.ts";
import { reads } from "./workloads/reads.ts";
import { start } from "./workloads/start.ts";
import { w1Catalog } from "./workloads/w1-catalog.ts";
import { w2Lifecycle } from "./workloads/w2-lifecycle.ts";
import { w3Overhead } from "./workloads/w3-overhead.ts";
import { w4Neighbour } from "./workloads/w4-neighbour.ts";

const workloads: readonly Workload[] = [
  w1Catalog("w1-catalog", { offerings: 17, plansEach: 4, judged: true }),
  w1Catalog("w1-thousand-plans", { offerings: 100, plansEach: 10, judged: false }),
  w1Catalog("w1-ten-thousand-plans", { offerings: 100, plansEach: 100, judged: false }),
  orders,
  w3Overhead,
  w4Neighbour,
  commits,
  reads,
  pages,
  w2Lifecycle,
  federation,
  start,
];

/** On a busy machine waiting for quiet must come to an end; quiet runs take less than this. */
const patienceMs = 10 * 60_000;

/** Runs what the options name. Resolves to the exit code: 2 when a workload broke, 1 when a gated floor was missed. */
async function bench(options: Options): Promise<number> {
  const chosen = workloads.filter(({ name, long }) =>
    options.only.length === 0 ? !(options.quick && long) : options.only.includes(name),
  );
  const unknown = options.only.filter((name) => !workloads.some((workload) => workload.name === name));
  if (unknown.length > 0)
    throw new Error(`no such workload: ${unknown}; there are ${workloads.map(({ name }) => name)}`);
  const machine = findMachine();
  console.log([machine.description, ...machine.notes].join("\n"));
  const own = new OwnProcesses();
  const load = startLoad(machine, randomInt(1, 2 ** 31));
  own.add(load.pid);
  const until = performance.now() + patienceMs;
  const patience = options.quick ? { tries: 1, waitMs: 0, until } : { tries: 3, waitMs: 15_000, until };
  const { quick, rounds, seconds } = options;
  const shared = { machine, own, load, quick, pace: { rounds, seconds, patience } };
  const startedAt = new Date().toISOString();
  const all: [Workload, Findings][] = [];
  let broken = false;
  for (const workload of chosen) {
    try {
      all.push([workload, await runOne(workload, shared)]);
    } catch (error) {
      broken = true;
      console.error(error);
    }
  }
  load.stop();
  writeResults(options.out, { startedAt, machine: machine.description, notes: machine.notes, options }, all);
  const verdicts = all.flatMap(([, findings]) => findings.verdicts);
  if (verdicts.length > 0) console.log(`\n${formatTable(verdictsTable(verdicts)).trimStart()}`);
  if (broken) return 2;
  return options.gate && verdicts.some(({ standing }) => standing === "missed") ? 1 : 0;
}

async function runOne(workload: Workload, shared: Omit<StageParts, "folder">): Promise<Findings> {
  console.log(`\n${workload.name}: ${workload.about}`);
  const stage = new Stage({ ...shared, folder: makeFolder() });
  try {
    const findings = await workload.run(stage);
    if (findings.readings.size > 0) console.log(formatTable(readingsTable("", findings.readings)).trimStart());
    for (const table of findings.tables) console.log(formatTable(table).trimStart());
    return findings;
  } finally {
    await stage.clear();
  }
}

/** On the checkout's disk, since /tmp may be memory and then has no sync to wait for. */
function makeFolder(): string {
  const parent = fileURLToPath(new URL("../data", import.meta.url));
  mkdirSync(parent, { recursive: true });
  const folder = mkdtempSync(join(parent, "bench-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function writeResults(path: string, about: object, all: readonly [Workload, Findings][]): void {
  const results = all.map(([{ name, about: what }, { readings, verdicts, tables }]) => ({
    name,
    about: what,
    readings: Object.fromEntries(readings),
    verdicts,
    tables,
  }));
  writeFileSync(path, `${JSON.stringify({ ...about, workloads: results }, undefined, 2)}\n`);
}

try {
  process.exitCode = await bench(readOptions(process.argv.slice(2)));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  console.error(usage);
  process.exitCode = 2;
}

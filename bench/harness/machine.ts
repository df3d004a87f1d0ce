/** What the machine lets the benchmarks do: pin processes to CPUs, raise their priority, read /proc. */
import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { availableParallelism, cpus, release, setPriority, totalmem } from "node:os";

/** Where a process runs: what is measured on the one CPU, what measures it and plays its surroundings on the other. */
export type Place = "server" | "load";

export interface Machine {
  /** One line for the report. */
  readonly description: string;
  /** Words before a command that put it in its place. */
  readonly prefix: { readonly [place in Place]: readonly string[] };
  /** What this machine does not allow and the reader of the figures should know. */
  readonly notes: readonly string[];
}

/** Looks once, at start. Throws where there is no /proc, since every figure leans on it. */
export function findMachine(): Machine {
  if (!existsSync("/proc/self/stat")) throw new Error("the benchmarks read CPU time from /proc and so need Linux");
  const notes: string[] = [];
  const cores = availableParallelism();
  const pins = cores >= 2 && works("taskset", ["-c", "0,1", "true"]);
  if (!pins) notes.push("taskset or a second CPU is missing: server and load are not pinned and share what there is");
  if (!raisePriority()) notes.push("a higher priority is not allowed here: the figures lean more on a quiet machine");
  const prefix = (cpu: string) => (pins ? ["taskset", "-c", cpu] : []);
  if (pins) spawnSync("taskset", ["-a", "-c", "-p", "1", String(process.pid)]);
  const memory = Math.round(totalmem() / 2 ** 30);
  const model = cpus()[0]?.model ?? "unknown CPU";
  return {
    description: `${cores} × ${model}, ${memory} GiB, Linux ${release()}, Node ${process.versions.node}`,
    prefix: { server: prefix("0"), load: prefix("1") },
    notes,
  };
}

function works(command: string, args: readonly string[]): boolean {
  return spawnSync(command, args).status === 0;
}

/** Child processes inherit it. */
function raisePriority(): boolean {
  try {
    setPriority(-10);
    return true;
  } catch {
    return false;
  }
}

/** Starts a Node program in its place. `taskset` becomes the program, so the pid is the program's own. */
export function spawnNode(
  machine: Machine,
  place: Place,
  args: readonly string[],
  options: SpawnOptions,
): ChildProcess {
  const [command = process.execPath, ...rest] = [...machine.prefix[place], process.execPath, ...args];
  return spawn(command, rest, options);
}

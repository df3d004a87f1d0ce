/** The processes the benchmarks started, so that their CPU time can be told from everybody else's. */
import { processCpuSeconds } from "./proc.ts";

export class OwnProcesses {
  readonly #pids = new Set<number>([process.pid]);
  #retiredSeconds = 0;

  add(pid: number): void {
    this.#pids.add(pid);
  }

  /** Call before the process is ended: what it has used stays counted. */
  retire(pid: number): void {
    if (this.#pids.delete(pid)) this.#retiredSeconds += processCpuSeconds(pid);
  }

  /** CPU seconds all of them have used so far. */
  cpuSeconds(): number {
    let seconds = this.#retiredSeconds;
    for (const pid of this.#pids) seconds += processCpuSeconds(pid);
    return seconds;
  }
}

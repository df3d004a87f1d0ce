/** Reads /proc: CPU time of processes and of the whole machine, memory, bytes written. */
import { readFileSync } from "node:fs";

/** Kernel clock ticks a second in /proc; 100 on every Linux that Node is built for. */
const ticksPerSecond = 100;

/** CPU seconds, user and system, a process has used so far with all its threads; 0 when it is gone. */
export function processCpuSeconds(pid: number): number {
  const text = readOrEmpty(`/proc/${pid}/stat`);
  // Fields are counted after the command's closing bracket, since the command may hold blanks: utime and stime.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / ticksPerSecond;
}

/** CPU seconds the machine's CPUs were not idle so far, including what the hypervisor took. */
export function machineCpuSeconds(): number {
  const line = readOrEmpty("/proc/stat").split("\n", 1)[0] ?? "";
  const [, user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = line.split(/\s+/).map(Number);
  return (user + nice + system + irq + softirq + steal) / ticksPerSecond;
}

/** Resident memory in MiB: now, and the most there ever was. */
export function memoryMiB(pid: number): { readonly now: number; readonly peak: number } {
  const text = readOrEmpty(`/proc/${pid}/status`);
  const kibibytes = (key: string) => Number(new RegExp(`^${key}:\\s+(\\d+) kB`, "m").exec(text)?.[1] ?? 0);
  return { now: kibibytes("VmRSS") / 1024, peak: kibibytes("VmHWM") / 1024 };
}

/** Bytes a process has caused to be written to disk so far. */
export function bytesWritten(pid: number): number {
  return Number(/^write_bytes: (\d+)/m.exec(readOrEmpty(`/proc/${pid}/io`))?.[1] ?? 0);
}

/** A process may end between being listed and being read. */
function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

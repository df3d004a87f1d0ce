/** Who holds a lock: which process on which machine, and whether it lives. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import type { Json, JsonObject } from "#adapter";
import type { Result } from "./result.ts";
import type { Work } from "./work.ts";

/** What the lock of a state says of the run that has it. Sealed, since it holds the key of the run's journal. */
export interface Holder {
  readonly token: string;
  readonly host: string;
  readonly pid: number;
  /** Tells a process from a later one under the same number. */
  readonly born: string;
  readonly directory: string;
  readonly key: string;
  readonly work: Work;
  readonly purpose: Purpose;
  /** Of the runs under this token, counted from 1. */
  readonly tries: number;
  /** An earlier run under this token had begun to change something. */
  readonly touched: boolean;
  /** Something may be there that the state does not know. */
  readonly blind: boolean;
  /** It is to be removed: this run brings what was cut off to its end, so that the state knows all of it. */
  readonly mending: boolean;
  /** Of a comparison: what was known before, and stays so. */
  readonly before?: Result;
}

/** `compare` looks whether reality still is as the state says, and changes nothing. */
export type Purpose = "apply" | "destroy" | "compare";

export const holderOf = (holder: JsonObject): Holder => holder as unknown as Holder;
export const asJson = (holder: Holder): JsonObject => holder as unknown as { readonly [name: string]: Json };

/** Two of these are the same only where processes of one can be seen from the other. */
export function thisHost(): string {
  const read = (look: () => string) => {
    try {
      return look().trim();
    } catch {
      return "";
    }
  };
  const boot = read(() => readFileSync("/proc/sys/kernel/random/boot_id", "utf8"));
  return [hostname(), boot, read(() => readlinkSync("/proc/self/ns/pid"))].join(" ");
}

/** When a process began, by the kernel's clock; undefined: there is none. Where there is no /proc, only whether it is. */
export function birthOf(pid: number): string | undefined {
  if (pid <= 0) return undefined;
  try {
    if (process.platform !== "linux") return process.kill(pid, 0) ? "" : undefined;
    return readStat(pid)?.born;
  } catch {
    return undefined;
  }
}

/** Undefined: it has ended, and waits for somebody to ask what came of it. Throws where there is no such process. */
function readStat(pid: number | string): { readonly group: string; readonly born: string } | undefined {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The name in brackets may hold anything; behind it the state is the first field, the group the third.
  const [state, , group = "", ...fields] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return state === "Z" || state === "X" ? undefined : { group, born: fields[16] ?? "" };
}

/** Said to OpenTofu with every command; so its processes are known by these, whatever program leads to it. */
export const always = ["-input=false", "-json"] as const;

/** Whether the run is at work: its runner, or OpenTofu, which goes on where only the runner was ended. */
export function lives({ pid, born }: Holder): boolean {
  // Nobody's number; the kernel's own processes go by it as their group.
  if (pid <= 0) return false;
  const birth = birthOf(pid);
  // No number is given to a new process while a group of processes goes by it.
  return birth === undefined ? runsInGroup(String(pid)) : birth === born;
}

/** A provider that has lost its OpenTofu does not count: it waits for nothing any more. */
function runsInGroup(group: string): boolean {
  if (process.platform !== "linux") return false;
  return readdirSync("/proc").some((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      if (readStat(name)?.group !== group) return false;
      const said = readFileSync(`/proc/${name}/cmdline`, "utf8").split("\0");
      return always.every((word) => said.includes(word));
    } catch {
      return false;
    }
  });
}

/** A limit that is not heeded for this long ends the process hard: its provider does not listen. */
export const graceMs = 600_000;
const ticksPerSecond = 100;

/** The same for OpenTofu that goes on without its runner, which would have told it to stop after `runMs`. */
export function endOverdue({ pid, born }: Holder, runMs: number): void {
  if (process.platform !== "linux" || pid <= 0 || birthOf(pid) !== undefined) return;
  const upSeconds = Number.parseFloat(readFileSync("/proc/uptime", "utf8"));
  if ((upSeconds - Number(born) / ticksPerSecond) * 1000 > runMs + graceMs) signal(-pid, "SIGKILL");
}

/** OpenTofu ends what it has begun, and begins nothing more. Without its runner it ends by itself. */
export function stopHolder({ pid }: Holder): void {
  signal(pid, "SIGTERM");
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as { readonly code?: unknown }).code !== "ESRCH") throw error;
  }
}

/** Tells how much others use the machine, waits for quiet, and repeats what was disturbed. */
import { setTimeout as delay } from "node:timers/promises";
import type { OwnProcesses } from "./own.ts";
import { machineCpuSeconds } from "./proc.ts";

/** Share of one CPU that others may use before a turn counts as disturbed. */
export const disturbedShare = 0.25;

/** How hard to try for quiet, so that a busy machine makes the figures worse and not the run endless. */
export interface Patience {
  /** Tries for one turn; the least disturbed is kept. */
  readonly tries: number;
  /** Longest wait before a round, in milliseconds. */
  readonly waitMs: number;
  /** From then on (`performance.now()`) nothing is waited for or repeated. */
  readonly until: number;
}

/** Starts watching; the function returned tells which share of one CPU others have used since. */
export function watchOthers(own: OwnProcesses): () => number {
  const beganAt = performance.now();
  const before = machineCpuSeconds() - own.cpuSeconds();
  return () => {
    const used = machineCpuSeconds() - own.cpuSeconds() - before;
    // The kernel samples the one figure and adds up the other, so the difference may come out a little below zero.
    return Math.max(0, used / ((performance.now() - beganAt) / 1000));
  };
}

/** Waits until others leave the machine alone for half a second, at most `patience.waitMs`. */
export async function waitForQuiet(own: OwnProcesses, patience: Patience): Promise<void> {
  const giveUpAt = Math.min(performance.now() + patience.waitMs, patience.until);
  while (performance.now() < giveUpAt) {
    const others = watchOthers(own);
    await delay(500);
    if (others() <= disturbedShare) return;
  }
}

/** What a turn gave, and how disturbed it was. */
export interface Kept<Result> {
  readonly result: Result;
  /** Share of one CPU others used meanwhile. */
  readonly others: number;
  readonly tries: number;
}

/** Carries out `turn`, again if it was disturbed, and keeps the least disturbed try. */
export async function leastDisturbed<Result>(
  own: OwnProcesses,
  patience: Patience,
  turn: () => Promise<Result>,
): Promise<Kept<Result>> {
  let best: Kept<Result> | undefined;
  for (let tries = 1; ; tries++) {
    const others = watchOthers(own);
    const result = await turn();
    const share = others();
    if (best === undefined || share < best.others) best = { result, others: share, tries };
    const over = tries >= patience.tries || performance.now() > patience.until;
    if (share <= disturbedShare || over) return { ...best, tries };
  }
}

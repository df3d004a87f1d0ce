/** When to try again after a result nobody knows. */
import type { Millis } from "./model.ts";

export interface Backoff {
  readonly firstMs: number;
  readonly maxMs: number;
}

/**
 * Doubles with every failure in a row, up to the maximum, and takes off up to half of it by chance, so that many
 * operations that failed together do not come back together. `random` is in [0, 1).
 */
export function backoffMs(backoff: Backoff, failures: number, random: number): number {
  const full = Math.min(backoff.maxMs, backoff.firstMs * 2 ** Math.min(Math.max(failures, 1) - 1, 30));
  return Math.round(full * (1 - random / 2));
}

/** Pace of looking again when an adapter named none: quick at first, then slower, as work that takes long takes longer. */
export function pollMs(backoff: Backoff, startedAt: Millis, now: Millis): number {
  return Math.min(Math.max(backoff.firstMs, (now - startedAt) / 10), backoff.maxMs);
}

/** Time as the engine sees it; tests turn one by hand. */
import type { Millis } from "../core/model.ts";

export interface Clock {
  now(): Millis;
  /** Calls back once after `ms` milliseconds, unless the function it returns is called first. */
  after(ms: number, run: () => void): () => void;
}

// setTimeout's own limit; longer waits are found by the regular look for due work.
const longestTimerMs = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  after(ms, run) {
    const timer = setTimeout(run, Math.min(Math.max(ms, 0), longestTimerMs));
    return () => clearTimeout(timer);
  },
};

/** A clock that moves only when a test turns it. */
import type { Clock } from "../../src/engine/clock.ts";

export interface HandClock extends Clock {
  /** Moves on by `ms`, calling what falls due on the way in its order, and lets what that started come to rest. */
  turn(ms: number): Promise<void>;
}

interface Timer {
  readonly at: number;
  readonly run: () => void;
}

export function createHandClock(start = 1_000_000): HandClock {
  let now = start;
  const timers = new Set<Timer>();
  return {
    now: () => now,
    after(ms, run) {
      const timer = { at: now + Math.max(ms, 0), run };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    async turn(ms) {
      const end = now + ms;
      await rest();
      for (;;) {
        const next = [...timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
        if (next === undefined) break;
        timers.delete(next);
        now = Math.max(now, next.at);
        next.run();
        await rest();
      }
      now = end;
      await rest();
    },
  };
}

/** The store on SQLite answers within a few turns of the event loop; nothing here waits for anything else. */
async function rest(): Promise<void> {
  for (let turns = 0; turns < 12; turns++) await new Promise((resolve) => setImmediate(resolve));
}

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

/** `underWay`: resolves when the questions now put to others are answered; undefined when there are none. */
export function createHandClock(underWay: () => Promise<unknown> | undefined): HandClock {
  let now = 1_000_000;
  const timers = new Set<Timer>();

  /** An answer may lead to the next question at the end of many promises; one turn of the event loop ends them all. */
  async function rest(): Promise<void> {
    for (let still = 0; still < 2; ) {
      await new Promise((resolve) => setImmediate(resolve));
      const answers = underWay();
      still = answers === undefined ? still + 1 : 0;
      await answers;
    }
  }

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

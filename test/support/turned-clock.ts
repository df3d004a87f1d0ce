/** The system's clock, until a test turns it: days pass at once, and what waited for them is called. */
import { type Clock, systemClock } from "../../src/engine/clock.ts";

export interface TurnedClock extends Clock {
  turn(ms: number): void;
}

interface Timer {
  readonly at: number;
  readonly run: () => void;
  stop: () => void;
}

export function createTurnedClock(): TurnedClock {
  let ahead = 0;
  const timers = new Set<Timer>();
  const now = () => systemClock.now() + ahead;

  function wait(timer: Timer): void {
    timer.stop = systemClock.after(timer.at - now(), () => {
      timers.delete(timer);
      timer.run();
    });
  }

  return {
    now,
    after(ms, run) {
      const timer: Timer = { at: now() + ms, run, stop: () => {} };
      timers.add(timer);
      wait(timer);
      return () => {
        timer.stop();
        timers.delete(timer);
      };
    },
    turn(ms) {
      ahead += ms;
      for (const timer of timers) {
        timer.stop();
        wait(timer);
      }
    },
  };
}

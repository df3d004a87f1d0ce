/** A provider's slots: how many steps may run there at once, so that one that hangs takes nothing from the others. */

export interface Slots {
  /** Resolves when a slot is free; call what it returns to give the slot back. Rejects once `signal` is aborted. */
  take(provider: string, signal: AbortSignal): Promise<() => void>;
  free(provider: string): number;
  /** Providers that have no slot left. */
  full(): readonly string[];
}

interface Counter {
  busy: number;
  readonly waiting: Set<() => void>;
}

export function createSlots(limitOf: (provider: string) => number): Slots {
  const counters = new Map<string, Counter>();

  function counterOf(provider: string): Counter {
    let counter = counters.get(provider);
    if (counter === undefined) {
      counter = { busy: 0, waiting: new Set() };
      counters.set(provider, counter);
    }
    return counter;
  }

  function giveBack(counter: Counter): () => void {
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      const [next] = counter.waiting;
      if (next === undefined) {
        counter.busy--;
        return;
      }
      counter.waiting.delete(next);
      next();
    };
  }

  function free(provider: string): number {
    const counter = counterOf(provider);
    return limitOf(provider) - counter.busy - counter.waiting.size;
  }

  return {
    take(provider, signal) {
      const counter = counterOf(provider);
      if (counter.busy < limitOf(provider)) {
        counter.busy++;
        return Promise.resolve(giveBack(counter));
      }
      return new Promise((resolve, reject) => {
        const onFree = () => {
          signal.removeEventListener("abort", onAbort);
          resolve(giveBack(counter));
        };
        const onAbort = () => {
          counter.waiting.delete(onFree);
          reject(signal.reason);
        };
        counter.waiting.add(onFree);
        signal.addEventListener("abort", onAbort, { once: true });
      });
    },
    free,
    full: () => [...counters.keys()].filter((provider) => free(provider) <= 0),
  };
}

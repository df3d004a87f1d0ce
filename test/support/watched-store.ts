/** A store that knows which of its calls are not answered yet, so that a test can wait until there is none. */
import type { Store } from "../../src/store/store.ts";

export interface WatchedStore {
  readonly store: Store;
  /** Resolves when the calls now under way are answered; undefined when there are none. */
  underWay(): Promise<unknown> | undefined;
}

export function watchStore(store: Store): WatchedStore {
  const calls = new Set<Promise<unknown>>();
  const watch = (answer: unknown): unknown => {
    // SQLite's reads are answered at once.
    if (!(answer instanceof Promise)) return answer;
    const over = () => void calls.delete(answer);
    calls.add(answer);
    answer.then(over, over);
    return answer;
  };
  const watched = new Proxy(store, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      return typeof value === "function" ? (...given: unknown[]) => watch(value.apply(target, given)) : value;
    },
  });
  return { store: watched, underWay: () => (calls.size === 0 ? undefined : Promise.allSettled(calls)) };
}

/** A step of a back end that stops at a gate, so that a test decides what happens meanwhile and how it goes on. */
import type { Act } from "./scripted.ts";

export interface Gate {
  readonly act: Act;
  /** Resolves when the back end has arrived at the gate. */
  readonly entered: Promise<void>;
  /** Resolves when the engine told the step to end. */
  readonly aborted: Promise<void>;
  /** Lets the step go on: with what it was made to do, or with another act. */
  open(instead?: Act): void;
}

/** `deaf`: goes on waiting when told to end, like a back end whose answer is merely late. */
export function createGate(then: Act, deaf = false): Gate {
  const entered = Promise.withResolvers<void>();
  const opened = Promise.withResolvers<Act>();
  const aborted = Promise.withResolvers<void>();
  return {
    entered: entered.promise,
    aborted: aborted.promise,
    open: (instead = then) => opened.resolve(instead),
    act: async (order, tools) => {
      const ended = new Promise<never>((_resolve, reject) => {
        const end = () => {
          aborted.resolve();
          if (!deaf) reject(new Error("told to end"));
        };
        if (tools.signal.aborted) end();
        else tools.signal.addEventListener("abort", end, { once: true });
      });
      entered.resolve();
      const act = await Promise.race([opened.promise, ended]);
      return act(order, tools);
    },
  };
}

/** Makes an operation last: the first step says that it takes longer, the next one stops at the gate. */
export function holdAt(steps: Act[], then: Act, deaf = false): Gate {
  const gate = createGate(then, deaf);
  steps.push(() => ({ state: "pending", afterMs: 0 }), gate.act);
  return gate;
}

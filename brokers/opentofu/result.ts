/** What is kept with a state when its lock is given back: which order it was for, and how its last run ended. */
import type { Json, JsonObject, KeptState } from "#adapter";
import type { Holder } from "./holder.ts";
import type { Ending, Fault } from "./protocol.ts";
import type { Work } from "./work.ts";

export interface Result {
  readonly token: string;
  readonly work: Work;
  /** `lost`: nobody saw how it ended. `stopped`: it was told to stop, and did. */
  readonly state: "through" | "faulty" | "stopped" | "lost";
  readonly faults: readonly Fault[];
  readonly overtime: boolean;
  readonly touched: boolean;
  readonly tries: number;
  /** How many things stood behind the state. */
  readonly resources: number;
  /** Milliseconds since 1970. */
  readonly at: number;
}

export const resultOf = ({ result }: KeptState): Result | undefined => result?.reveal() as Result | undefined;
export const asJson = (result: Result): JsonObject => result as unknown as { readonly [name: string]: Json };

/** Without an ending, the run was lost: it may have changed anything. */
export function resultAfter(holder: Holder, ending: Ending | undefined, resources: number, at: number): Result {
  const { token, work, tries } = holder;
  const common = { token, work, tries, resources, at };
  if (ending === undefined)
    return { ...common, state: "lost", faults: [], overtime: false, touched: true, tries: tries - 1 };
  const { code, stopped, overtime, faults, touched } = ending;
  return {
    ...common,
    state: code === 0 ? "through" : stopped && !overtime ? "stopped" : "faulty",
    faults:
      faults.length > 0 || code === 0 ? faults : [{ summary: `OpenTofu ended with ${code ?? "a signal"}`, detail: "" }],
    overtime,
    touched: touched || holder.touched,
  };
}

/** What is kept with a state when its lock is given back: which order it was for, and how its last run ended. */
import type { Json, JsonObject, KeptState } from "#adapter";
import type { Holder, Purpose } from "./holder.ts";
import type { Ending, Fault } from "./protocol.ts";
import { areAboutVariables } from "./words.ts";
import type { Work } from "./work.ts";

export interface Result {
  readonly token: string;
  readonly purpose: Purpose;
  readonly work: Work;
  /** `lost`: nobody saw how it ended. `stopped`: it was told to stop, and did. */
  readonly state: "through" | "faulty" | "stopped" | "lost";
  readonly faults: readonly Fault[];
  readonly overtime: boolean;
  /** Something may be there that the state does not know: the run was cut off while it worked. */
  readonly blind: boolean;
  readonly touched: boolean;
  /** It was to bring what was cut off to its end, so that it can be removed. */
  readonly mending?: boolean;
  readonly tries: number;
  /** How many things stood behind the state. */
  readonly resources: number;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** When it was compared with reality after that; milliseconds since 1970. */
  readonly comparedAt?: number;
  /** What that found changed outside of Lotse, such as `aws_instance.web (delete)`. */
  readonly drift?: readonly string[];
  /** It found nothing of it any more. */
  readonly gone?: boolean;
}

export const resultOf = ({ result }: KeptState): Result | undefined => result?.reveal() as Result | undefined;
export const asJson = (result: Result): JsonObject => result as unknown as { readonly [name: string]: Json };

/** Without an ending, the run was lost: it may have changed anything, if it had begun. */
export function resultAfter(
  holder: Holder,
  ending: Ending | "lost" | "never begun",
  resources: readonly string[],
  at: number,
): Result {
  const { token, purpose, mending, work, tries, before } = holder;
  const ended = typeof ending === "object";
  if (before !== undefined)
    return ended && ending.code === 0 ? compared(before, ending, resources, at) : { ...before, comparedAt: at };
  const common = { token, purpose, mending, work, tries, resources: resources.length, at };
  if (!ended) {
    const blind = holder.blind || (ending === "lost" && purpose === "apply");
    return { ...common, state: "lost", faults: [], overtime: false, blind, touched: true, tries: tries - 1 };
  }
  const { code, stopped, overtime, faults, touched } = ending;
  // OpenTofu itself was ended.
  const cutOff = code === null && touched;
  return {
    ...common,
    state: code === 0 ? "through" : stopped && !overtime ? "stopped" : "faulty",
    faults:
      faults.length > 0 || code === 0 ? faults : [{ summary: `OpenTofu ended with ${code ?? "a signal"}`, detail: "" }],
    overtime,
    // Until a run is through. Values that the module refuses are refused before anything begins, so it never began.
    blind: purpose === "apply" && code !== 0 && (holder.blind || overtime || cutOff) && !areAboutVariables(faults),
    touched: touched || holder.touched,
  };
}

function compared(before: Result, { drift }: Ending, resources: readonly string[], at: number): Result {
  const deleted = new Set(drift.filter((line) => line.endsWith(" (delete)")).map((line) => line.slice(0, -9)));
  const gone = resources.length > 0 && resources.every((address) => deleted.has(address));
  return { ...before, comparedAt: at, drift, gone };
}

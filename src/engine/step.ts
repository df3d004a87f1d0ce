/** One call to an adapter: the verb, or `poll` where a handle is known. A throw becomes the result `unknown`. */
import type { Adapter, BindingOrder, Json, Order, Outcome, Tools, UpdateOrder, Verb } from "../core/adapter.ts";
import type { Result } from "../core/settle.ts";

type AnyOrder = Order | UpdateOrder | BindingOrder;

export async function step(
  adapter: Adapter,
  order: AnyOrder,
  handle: Json | undefined,
  tools: Tools,
): Promise<StepResult> {
  try {
    return understood(await call(adapter, order, handle, tools));
  } catch (error) {
    return { state: "unknown", reason: error instanceof Error ? error.message : "thrown", error };
  }
}

const states: ReadonlySet<unknown> = new Set<Outcome["state"]>(["done", "pending", "failed"]);

/** Throws for an answer that could not be kept: unnoticed, it would keep its operation open beyond its deadline. */
function understood(outcome: Outcome): Outcome {
  if (!states.has(outcome?.state)) throw new Error("The adapter's answer has no state that is known.");
  if (outcome.state === "failed") return outcome;
  if (outcome.state === "pending" && outcome.handle !== undefined) JSON.stringify(outcome.handle);
  const { made } = outcome;
  if (made === undefined) return outcome;
  JSON.stringify(made);
  for (const time of [made.access?.expiresAt, made.access?.renewBefore])
    if (time !== undefined && Number.isNaN(Date.parse(time)))
      throw new Error("The adapter's answer holds no real time.");
  return outcome;
}

/** A result, and what was thrown, for the log only. */
export type StepResult = Result & { readonly error?: unknown };

function call(adapter: Adapter, order: AnyOrder, handle: Json | undefined, tools: Tools): Promise<Outcome> {
  if (handle !== undefined && adapter.poll !== undefined) return adapter.poll(order, handle, tools);
  return verbs[order.verb](adapter, order, tools);
}

const unsupported = (what: string): Promise<Outcome> =>
  Promise.resolve({ state: "failed", reason: `This service cannot ${what}.`, clean: true, repeatable: false });

const verbs: { readonly [V in Verb]: (adapter: Adapter, order: AnyOrder, tools: Tools) => Promise<Outcome> } = {
  provision: (adapter, order, tools) => adapter.provision(order, tools),
  deprovision: (adapter, order, tools) => adapter.deprovision(order, tools),
  update: (adapter, order, tools) => adapter.update?.(order as UpdateOrder, tools) ?? unsupported("be changed"),
  bind: (adapter, order, tools) => adapter.bind?.(order as BindingOrder, tools) ?? unsupported("be bound"),
  // What cannot be bound has nothing to be taken back.
  unbind: (adapter, order, tools) =>
    adapter.unbind?.(order as BindingOrder, tools) ?? Promise.resolve({ state: "done" }),
};

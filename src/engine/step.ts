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
    return await call(adapter, order, handle, tools);
  } catch (error) {
    return { state: "unknown", reason: error instanceof Error ? error.message : "thrown", error };
  }
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

/** Looks at what a provider really has. */
import type { Made } from "../core/adapter.ts";
import type { Binding, Instance } from "../core/model.ts";
import type { Ask } from "./ask.ts";
import { makeFetchOrder } from "./make-order.ts";
import type { EngineParts } from "./parts.ts";

/** `unknown`: not asked, no answer, or none in time. Only a provider that answers can say `gone`. */
export type Seen =
  | { readonly state: "there"; readonly made: Made }
  | { readonly state: "gone" }
  | { readonly state: "unknown" };

const unknown: Seen = { state: "unknown" };
const defaultFetchMs = 2_000;

export function createFetch(parts: EngineParts, ask: Ask): (instance: Instance, binding?: Binding) => Promise<Seen> {
  return async (instance, binding) => {
    const plan = parts.planOf(instance.planId);
    const adapter = plan === undefined ? undefined : parts.adapters.get(plan.provider);
    if (plan === undefined || adapter?.fetch === undefined) return unknown;
    const about = {
      provider: plan.provider,
      instance: instance.instanceId,
      ...(binding !== undefined && { binding: binding.bindingId }),
    };
    const subject = { instance, ...(binding !== undefined && { binding }) };
    const asked = await ask(plan.provider, parts.settings.fetchMs ?? defaultFetchMs, async (token, deadline, tools) =>
      adapter.fetch?.(makeFetchOrder(subject, plan, token, deadline), tools),
    );
    if (asked.state === "unanswered") {
      if (asked.cause !== undefined)
        parts.log.warn({ ...about, err: asked.cause }, "could not see what the provider has");
      return unknown;
    }
    if (asked.answer !== undefined) return { state: "there", made: asked.answer };
    parts.log.warn(about, "the provider does not have this instance any more");
    return { state: "gone" };
  };
}

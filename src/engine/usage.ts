/** Asks a provider what an instance used. */
import type { Period, Usage } from "../core/adapter.ts";
import type { Instance } from "../core/model.ts";
import type { Ask } from "./ask.ts";
import { makeFetchOrder } from "./make-order.ts";
import type { EngineParts } from "./parts.ts";

/** `untold`: such providers keep no count. `unknown`: no answer, or none in time. */
export type Used =
  | { readonly state: "told"; readonly usage: readonly Usage[] }
  | { readonly state: "untold" }
  | { readonly state: "unknown" };

/** Counting may take a provider longer than looking. */
const patienceMs = 20_000;

export function createUsage(parts: EngineParts, ask: Ask): (instance: Instance, period: Period) => Promise<Used> {
  return async (instance, period) => {
    const plan = parts.planOf(instance.planId);
    const adapter = plan === undefined ? undefined : parts.adapters.get(plan.provider);
    if (plan === undefined || adapter?.usage === undefined) return { state: "untold" };
    const asked = await ask(plan.provider, patienceMs, async (token, deadline, tools) =>
      adapter.usage?.(makeFetchOrder({ instance }, plan, token, deadline), period, tools),
    );
    if (asked.state === "answered") return { state: "told", usage: asked.answer ?? [] };
    const about = { provider: plan.provider, instance: instance.instanceId };
    if (asked.cause !== undefined) parts.log.warn({ ...about, err: asked.cause }, "could not see what was used");
    return { state: "unknown" };
  };
}

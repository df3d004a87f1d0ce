/** Asks a provider what is really there, for somebody who waits: briefly, and never at the cost of the operations. */
import type { Made } from "../core/adapter.ts";
import type { Binding, Instance } from "../core/model.ts";
import { makeFetchOrder } from "./make-order.ts";
import type { EngineParts } from "./parts.ts";
import { toolsFor } from "./run.ts";

/** `unknown`: not asked, no answer, or none in time. Only a provider that answers can say `gone`. */
export type Seen =
  | { readonly state: "there"; readonly made: Made }
  | { readonly state: "gone" }
  | { readonly state: "unknown" };

const unknown: Seen = { state: "unknown" };

/** Looks under way at one provider. More would take connections from its operations; who comes later is not kept waiting. */
const mostAtOnce = 2;
const defaultFetchMs = 2_000;

export function createFetch(parts: EngineParts): (instance: Instance, binding?: Binding) => Promise<Seen> {
  const underWay = new Map<string, number>();

  /** A call that does not listen to its signal keeps its place until it ends, so that it cannot be joined by ever more. */
  async function inPlace<T>(provider: string, call: () => Promise<T>): Promise<T> {
    underWay.set(provider, (underWay.get(provider) ?? 0) + 1);
    try {
      return await call();
    } finally {
      underWay.set(provider, (underWay.get(provider) ?? 0) - 1);
    }
  }

  return async (instance, binding) => {
    const plan = parts.planOf(instance.planId);
    const adapter = plan === undefined ? undefined : parts.adapters.get(plan.provider);
    if (plan === undefined || adapter?.fetch === undefined) return unknown;
    if ((underWay.get(plan.provider) ?? 0) >= mostAtOnce) return unknown;
    const about = {
      provider: plan.provider,
      instance: instance.instanceId,
      ...(binding !== undefined && { binding: binding.bindingId }),
    };
    const { clock, log } = parts;
    const subject = { instance, ...(binding !== undefined && { binding }) };
    const fetchMs = parts.settings.fetchMs ?? defaultFetchMs;
    const order = makeFetchOrder(subject, plan, parts.newId(), new Date(clock.now() + fetchMs));
    const controller = new AbortController();
    const tools = toolsFor(parts, { token: order.token, provider: plan.provider }, controller.signal);
    let stopTimer = () => {};
    const late = new Promise<never>((_, reject) => {
      stopTimer = clock.after(fetchMs, () => {
        const tooLate = new Error("The provider did not answer in time.");
        controller.abort(tooLate);
        reject(tooLate);
      });
    });
    try {
      const made = await Promise.race([inPlace(plan.provider, async () => adapter.fetch?.(order, tools)), late]);
      if (made !== undefined) return { state: "there", made };
      log.warn(about, "the provider does not have this instance any more");
      return { state: "gone" };
    } catch (error) {
      log.warn({ ...about, err: error }, "could not see what the provider has");
      return unknown;
    } finally {
      stopTimer();
    }
  };
}

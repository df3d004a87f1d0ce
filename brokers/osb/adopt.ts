/** Looks at what a downstream had before Lotse, under the downstream's own id. */
import {
  type Adoptable,
  type BindingOrder,
  type Json,
  type JsonObject,
  type Made,
  type Order,
  Secret,
  type Tools,
} from "#adapter";
import { answersAsBroker } from "./carry.ts";
import type { Downstream } from "./client.ts";
import { bindingMade, instanceMade } from "./made.ts";
import { fetchOf, isBinding, lastOperationOf } from "./requests.ts";
import { type Account, readBackend } from "./settings.ts";

export async function adopt(
  account: Account,
  downstream: Downstream,
  order: Order | BindingOrder,
  id: string,
  { signal }: Tools,
): Promise<Adoptable> {
  const named = withId(order, id);
  const facts = { facts: { id } };
  const backend = readBackend(order.plan.backend);
  if (!(isBinding(order) ? backend.bindingsRetrievable : backend.instancesRetrievable)) {
    // Of an instance its last operation may be known, and then it is there, or known to be gone.
    if (isBinding(order)) return { state: "unseen", made: facts };
    const { status, body } = await downstream.ask(lastOperationOf(named, account, undefined), signal);
    return status === 200 && body?.state === "succeeded"
      ? { state: "there", made: facts }
      : { state: "unseen", made: facts };
  }
  const { status, body } = await downstream.ask(fetchOf(named, account), signal);
  if ((status === 404 || status === 410) && (await answersAsBroker(downstream, signal))) return { state: "gone" };
  if (status !== 200 || body === undefined)
    throw new Error(`The downstream answered ${status} when it was asked what is there.`);
  const other = isBinding(order) ? undefined : otherPlan(body, backend);
  if (other !== undefined) return { state: "unfit", reason: other };
  const made: Made = { ...(isBinding(order) ? bindingMade(body) : instanceMade(body)), ...facts };
  return { state: "there", made, ...parametersIn(body) };
}

function withId<T extends Order | BindingOrder>(order: T, id: string): T {
  const facts = new Secret<Json>({ id });
  return isBinding(order)
    ? { ...order, binding: { ...order.binding, facts } }
    : { ...order, instance: { ...order.instance, facts } };
}

function otherPlan(body: JsonObject, backend: ReturnType<typeof readBackend>): string | undefined {
  const { service_id: service, plan_id: plan } = body;
  const sameService = typeof service !== "string" || service === backend.serviceId;
  const samePlan = typeof plan !== "string" || plan === backend.planId;
  if (sameService && samePlan) return undefined;
  return "At its broker it is an instance of another plan than the one named.";
}

function parametersIn({ parameters }: JsonObject): { parameters?: JsonObject } {
  const there = typeof parameters === "object" && parameters !== null && !Array.isArray(parameters);
  return there ? { parameters: parameters as JsonObject } : {};
}

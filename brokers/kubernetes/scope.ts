/** What the gaps in a plan's templates may name. */
import type { BindingOrder, Json, JsonObject, Order, Tools } from "#adapter";
import { objectName } from "./marks.ts";
import type { Plan } from "./plan.ts";
import type { Roots } from "./template.ts";

export function instanceRoots(order: Order, plan: Plan): Roots {
  const { id, organization, space, platformInstanceId } = order.instance;
  return {
    name: objectName(id),
    instance: { id, platformId: platformInstanceId },
    organization: organization ?? "",
    space: space ?? "",
    parameters: instanceParameters(order, plan),
  };
}

/** `sources`: what was read of them, by their names. */
export function bindingRoots(
  order: BindingOrder,
  plan: Plan,
  tools: Tools,
  sources: Readonly<Record<string, Json | ((rest: string) => Json | undefined)>> = {},
): Roots {
  const { id, platformBindingId } = order.binding;
  return {
    ...sources,
    ...instanceRoots(order, plan),
    binding: { id, name: objectName(id), platformId: platformBindingId, parameters: bindingParameters(order, plan) },
    // The same on every attempt of this binding, and known to nobody else.
    secret: (purpose) => (/^[a-zA-Z]+$/.test(purpose) ? tools.secret(purpose) : undefined),
  };
}

export const instanceParameters = (order: Order, plan: Plan): JsonObject => ({
  ...plan.defaults,
  ...order.instance.parameters.reveal(),
});

const bindingParameters = (order: BindingOrder, plan: Plan): JsonObject => ({
  ...plan.binding?.defaults,
  ...order.binding.parameters.reveal(),
});

/** Everything the customer gave, so that it can be kept out of what is shown. */
export const given = (order: Order | BindingOrder): JsonObject => ({
  instance: order.instance.parameters.reveal(),
  ...("binding" in order && { binding: order.binding.parameters.reveal() }),
});

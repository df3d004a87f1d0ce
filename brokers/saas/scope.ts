/** What a request's places can be filled from: the order, in words that any vendor understands. */
import type { BindingOrder, Json, JsonObject, Order, Secret, UpdateOrder } from "#adapter";
import type { Account } from "./settings.ts";
import { readBackend } from "./settings.ts";

export type AnyOrder = Order | UpdateOrder | BindingOrder;

export const isBinding = (order: AnyOrder): order is BindingOrder => "binding" in order;

/** Facts kept of a subscription or access. */
export interface Facts {
  /** The vendor's own number. */
  readonly number?: string;
}

export function factsOf(facts: Secret<Json> | undefined): Facts {
  return (facts?.reveal() ?? {}) as Facts;
}

/**
 * The key of a request: the operation's token. One that takes several accesses away is told apart by what it takes.
 */
export function keyOf(order: AnyOrder, token = order.token): string {
  return isBinding(order) ? `${token}.${order.binding.id}` : token;
}

/** The token in a key. */
export const tokenIn = (key: string): string => key.split(".", 1)[0] ?? "";

export interface Extra {
  readonly order?: string;
  readonly password?: string;
  /** The vendor's number of the subscription, found just now. */
  readonly number?: string;
  readonly from?: string;
  readonly to?: string;
}

export function scopeOf(order: AnyOrder, account: Account, extra: Extra = {}): JsonObject {
  const { instance } = order;
  const { product, plan, options } = readBackend(order.plan.backend);
  const { organization, space } = instance;
  const { password, number, ...rest } = extra;
  return {
    key: keyOf(order),
    ...(order.interrupted !== undefined && { withdraws: keyOf(order, order.interrupted.token) }),
    ...rest,
    ...(order.requestId !== undefined && { requestId: order.requestId }),
    ...(account.callbackUrl !== undefined && { callbackUrl: account.callbackUrl }),
    subscription: {
      id: instance.id,
      platformId: instance.platformInstanceId,
      ...factsOf(instance.facts),
      ...(number !== undefined && { number }),
    },
    product,
    ...(plan !== undefined && { plan }),
    options,
    parameters: instance.parameters.reveal(),
    customer: { ...(organization !== undefined && { organization }), ...(space !== undefined && { space }) },
    ...(order.plan.maintenanceVersion !== undefined && { maintenanceVersion: order.plan.maintenanceVersion }),
    ...(isBinding(order) && { access: accessPart(order, password) }),
    ...beforePart(order),
  };
}

function accessPart({ binding }: BindingOrder, password: string | undefined): JsonObject {
  const { appGuid, predecessorId } = binding;
  return {
    id: binding.id,
    parameters: binding.parameters.reveal(),
    ...factsOf(binding.facts),
    ...(appGuid !== undefined && { app: appGuid }),
    ...(predecessorId !== undefined && { replaces: predecessorId }),
    ...(password !== undefined && { password }),
  };
}

/** Of a change: what it was. */
function beforePart(order: AnyOrder): JsonObject {
  if (!("before" in order) || order.before === undefined) return {};
  const { product, plan, options } = readBackend(order.before.backend);
  const parameters = order.before.parameters.reveal();
  return { before: { product, ...(plan !== undefined && { plan }), options, parameters } };
}

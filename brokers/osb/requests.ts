/** What Lotse, as a platform, says to the downstream: each verb as one question. */
import type { BindingOrder, Json, JsonObject, Order, UpdateOrder } from "#adapter";
import type { Question } from "./client.ts";
import { idOf } from "./ids.ts";
import { type Account, type Backend, readBackend } from "./settings.ts";

export type AnyOrder = Order | UpdateOrder | BindingOrder;

export const isBinding = (order: AnyOrder): order is BindingOrder => "binding" in order;
const isUpdate = (order: AnyOrder): order is UpdateOrder => "before" in order;

/** Path of the thing the order is about. */
export function pathOf(order: AnyOrder): string[] {
  const instance = ["v2", "service_instances", idOf(order.instance.id, order.instance.facts)];
  return isBinding(order) ? [...instance, "service_bindings", idOf(order.binding.id, order.binding.facts)] : instance;
}

/** The request that carries the order out. */
export function requestFor(order: AnyOrder, account: Account): Question {
  const backend = readBackend(order.plan.backend);
  const about = { path: pathOf(order), headers: headersFor(order, account) };
  const incomplete = { accepts_incomplete: "true" };
  switch (order.verb) {
    case "provision":
      return { ...about, method: "PUT", query: incomplete, body: provisionBody(order, backend, account) };
    case "update":
      return { ...about, method: "PATCH", query: incomplete, body: updateBody(order, backend, account) };
    case "bind":
      return { ...about, method: "PUT", query: incomplete, body: bindBody(order, backend, account) };
    case "deprovision":
    case "unbind":
      return { ...about, method: "DELETE", query: { ...incomplete, ...hints(backend) } };
  }
}

export function lastOperationOf(order: AnyOrder, account: Account, operation: string | undefined): Question {
  // While a plan is being changed the old one's ids are due.
  const backend = readBackend(isUpdate(order) ? order.before.backend : order.plan.backend);
  const query = { ...hints(backend), operation };
  return { method: "GET", path: [...pathOf(order), "last_operation"], query, headers: headersFor(order, account) };
}

export function fetchOf(order: AnyOrder, account: Account): Question {
  const query = hints(readBackend(order.plan.backend));
  return { method: "GET", path: pathOf(order), query, headers: headersFor(order, account) };
}

function hints({ serviceId, planId }: Backend): { service_id: string; plan_id: string } {
  return { service_id: serviceId, plan_id: planId };
}

function headersFor(order: AnyOrder, account: Account): Record<string, string> {
  const { requester, requestId } = order;
  return {
    ...(account.requestIdentity === "pass" &&
      requestId !== undefined && { "x-broker-api-request-identity": requestId }),
    ...(account.originatingIdentity === "pass" && identityHeader(requester)),
  };
}

function identityHeader(requester: Json | undefined): { "x-broker-api-originating-identity"?: string } {
  const { platform, value } = (requester ?? {}) as { readonly platform?: Json; readonly value?: Json };
  if (typeof platform !== "string" || value === undefined) return {};
  const encoded = Buffer.from(JSON.stringify(value)).toString("base64");
  return { "x-broker-api-originating-identity": `${platform} ${encoded}` };
}

function contextFor(order: AnyOrder, account: Account): { context?: JsonObject } {
  switch (account.context) {
    case "pass":
      return Object.keys(order.instance.context).length === 0 ? {} : { context: order.instance.context };
    case "rewrite":
      return { context: { platform: "lotse" } };
    case "withhold":
      return {};
  }
}

function provisionBody(order: Order, backend: Backend, account: Account): JsonObject {
  const { organization, space, parameters } = order.instance;
  const told = account.context === "pass";
  return {
    ...hints(backend),
    // OSB still asks for both, and forbids them to be empty.
    organization_guid: (told && organization) || "lotse",
    space_guid: (told && space) || "lotse",
    ...contextFor(order, account),
    ...filled("parameters", parameters.reveal()),
    // No `maintenance_info`: Lotse checked it against the catalog it serves itself, which may be an earlier one than the
    // downstream's, held or rolled back to; the downstream would refuse every new instance until that is released.
  };
}

function updateBody(order: AnyOrder, backend: Backend, account: Account): JsonObject {
  const before = isUpdate(order) ? order.before : undefined;
  const parameters = order.instance.parameters.reveal();
  const version = order.plan.maintenanceVersion;
  // A revert does not know how far the change came, so it says everything.
  const whole = before === undefined || order.interrupted !== undefined;
  const same = before !== undefined && JSON.stringify(before.parameters.reveal()) === JSON.stringify(parameters);
  // Only where it is what was asked for, and for the reason told in `provisionBody`.
  const isMaintenance = before?.planId === order.plan.id && version !== before.maintenanceVersion;
  const previous = before === undefined ? undefined : readBackend(before.backend);
  return {
    ...hints(backend),
    ...contextFor(order, account),
    ...(!(same && !whole) && { parameters }),
    ...(isMaintenance && maintenance(version)),
    ...(previous !== undefined && { previous_values: hints(previous) }),
  };
}

function bindBody(order: AnyOrder, backend: Backend, account: Account): JsonObject {
  if (!isBinding(order)) throw new Error("A bind needs a binding.");
  const { appGuid, bindResource, parameters, predecessorId, predecessorFacts } = order.binding;
  const resource = appGuid === undefined ? bindResource : { ...bindResource, app_guid: appGuid };
  return {
    ...hints(backend),
    ...contextFor(order, account),
    ...filled("bind_resource", resource),
    ...filled("parameters", parameters.reveal()),
    ...(predecessorId !== undefined &&
      backend.bindingRotatable && { predecessor_binding_id: idOf(predecessorId, predecessorFacts) }),
  };
}

function maintenance(version: string | undefined): JsonObject {
  return version === undefined ? {} : { maintenance_info: { version } };
}

function filled(name: string, value: JsonObject): JsonObject {
  return Object.keys(value).length === 0 ? {} : { [name]: value };
}

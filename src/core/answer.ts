/** What the OSB reply says: status and body as plain data, from the operation and the thing it is about. */
import type { Access, Json, JsonObject, Made } from "./adapter.ts";
import type { Binding, Instance, Offering, Operation } from "./model.ts";
import { type Refusal, type RefusalCode, refuse } from "./refusal.ts";
import type { Switches } from "./switches.ts";

export interface Answer {
  readonly status: number;
  readonly body: JsonObject;
  /** Seconds. */
  readonly retryAfter?: number;
}

/** What an offering declares that its bindings may hold besides credentials (OSB: Service Offering Object, requires). */
export type Requires = Offering["requires"];

/** Statuses of a finished request: created now, or there before (OSB: Provisioning, Binding: Response). */
export function answerDone(
  kind: Operation["kind"],
  instance: Instance,
  binding: Binding | undefined,
  created: boolean,
  switches: Switches,
  requires: Requires,
): Answer {
  switch (kind) {
    case "provision":
      return { status: created ? 201 : 200, body: instanceBody(instance, switches) };
    case "update":
      return { status: 200, body: instanceBody(instance, switches) };
    case "bind":
      return {
        status: created ? 201 : 200,
        body: binding === undefined ? {} : bindingBody(binding, switches, requires),
      };
    case "deprovision":
    case "unbind":
      return { status: 200, body: {} };
  }
}

/** 202: never with binding data; with the dashboard, which OSB wants in the first reply. */
export function answerPending(operation: Operation, instance: Instance, switches: Switches): Answer {
  const shown = operation.kind === "provision" || operation.kind === "update" ? instanceBody(instance, switches) : {};
  return { status: 202, body: { operation: operation.token, ...shown }, retryAfter: switches.retryAfterSeconds };
}

const failureCodes = {
  provision: "ProvisionFailed",
  update: "UpdateFailed",
  deprovision: "DeprovisionFailed",
  bind: "BindFailed",
  unbind: "UnbindFailed",
} as const satisfies Record<Operation["kind"], RefusalCode>;

/** A synchronous request whose operation failed: 400 if surely nothing is left or changed, else 500. */
export function refusalOf(operation: Operation): Refusal {
  const hints = {
    ...((operation.kind === "update" || operation.kind === "deprovision") && { usable: operation.usable ?? true }),
    ...(operation.kind === "update" && { repeatable: operation.repeatable ?? true }),
  };
  const clean = operation.clean === true && operation.kind !== "deprovision" && operation.kind !== "unbind";
  return refuse(clean ? 400 : 500, failureCodes[operation.kind], operation.description, hints);
}

function instanceBody(instance: Instance, switches: Switches): JsonObject {
  return {
    ...(instance.dashboardUrl !== undefined && { dashboard_url: instance.dashboardUrl }),
    ...instanceMetadata(instance, switches),
  };
}

function instanceMetadata(instance: Instance, switches: Switches): JsonObject {
  const { labels, attributes } = instance;
  if (!switches.emitMetadata || (isEmpty(labels) && isEmpty(attributes))) return {};
  return { metadata: { ...(!isEmpty(labels) && { labels }), ...(!isEmpty(attributes) && { attributes }) } };
}

function isEmpty(value: JsonObject): boolean {
  for (const _key in value) return false;
  return true;
}

/**
 * OSB Binding response body; nulls and empty members are left out, as Cloud Controller refuses them. So is what the
 * offering does not declare: to a platform such a binding is broken, and it would delete it.
 */
export function bindingBody(binding: Binding, switches: Switches, requires: Requires): JsonObject {
  const access = (binding.access?.reveal() ?? {}) as unknown as Access;
  const drains = requires?.includes("syslog_drain") === true;
  const routes = requires?.includes("route_forwarding") === true;
  const mounts = requires?.includes("volume_mount") === true;
  const expires = bindingMetadata(access);
  return {
    ...(access.credentials !== undefined && { credentials: access.credentials }),
    ...(drains && access.syslogDrainUrl !== undefined && { syslog_drain_url: access.syslogDrainUrl }),
    ...(routes && access.routeServiceUrl !== undefined && { route_service_url: access.routeServiceUrl }),
    ...(mounts && access.volumeMounts !== undefined && { volume_mounts: access.volumeMounts }),
    ...(switches.emitEndpoints && access.endpoints !== undefined && { endpoints: access.endpoints as unknown as Json }),
    ...(switches.emitMetadata && !isEmpty(expires) && { metadata: expires }),
  };
}

/** OSB Binding Metadata Object: `renew_before` is no later than `expires_at`. */
function bindingMetadata({ expiresAt, renewBefore }: Access): JsonObject {
  const inTime =
    renewBefore !== undefined && !(expiresAt !== undefined && Date.parse(renewBefore) > Date.parse(expiresAt));
  return {
    ...(expiresAt !== undefined && { expires_at: osbTime(expiresAt) }),
    ...(inTime && { renew_before: osbTime(renewBefore) }),
  };
}

/** OSB-BIND-43: UTC with exactly one fractional digit, `2019-12-31T23:59:59.0Z`. */
export function osbTime(iso: string): string {
  return new Date(iso).toISOString().replace(/\.(\d)\d\dZ$/, ".$1Z");
}

/** GET instance (OSB: Fetching a Service Instance). `seen` is what its provider said just now, if it did. */
export function answerInstance(instance: Instance, switches: Switches, seen?: Made): Answer {
  const { maintenanceVersion } = instance;
  const attributes = { ...instance.attributes, ...seen?.metadata?.attributes };
  return {
    status: 200,
    body: {
      service_id: instance.offeringId,
      plan_id: instance.planId,
      parameters: instance.parameters.reveal(),
      ...(maintenanceVersion !== undefined && { maintenance_info: { version: maintenanceVersion } }),
      ...instanceBody({ ...instance, attributes }, switches),
    },
  };
}

/** GET binding (OSB: Fetching a Service Binding). */
export function answerBinding(binding: Binding, switches: Switches, requires: Requires): Answer {
  return {
    status: 200,
    body: { ...bindingBody(binding, switches, requires), parameters: binding.parameters.reveal() },
  };
}

/** last_operation of a known operation (OSB: Polling Last Operation). */
export function answerLastOperation(operation: Operation, switches: Switches): Answer {
  const removal = operation.kind === "deprovision" || operation.kind === "unbind";
  const described =
    operation.description === undefined || operation.description === "" ? {} : { description: operation.description };
  switch (operation.state) {
    case "open":
      return { status: 200, body: { state: "in progress", ...described }, retryAfter: switches.retryAfterSeconds };
    case "succeeded":
      if (removal && switches.deletedLastOperation === 410) return { status: 410, body: {} };
      return { status: 200, body: { state: "succeeded" } };
    case "failed":
      return {
        status: 200,
        body: {
          state: "failed",
          ...described,
          ...((operation.kind === "update" || operation.kind === "deprovision") && {
            instance_usable: operation.usable ?? true,
          }),
          ...(operation.kind === "update" && { update_repeatable: operation.repeatable ?? true }),
        },
      };
  }
}

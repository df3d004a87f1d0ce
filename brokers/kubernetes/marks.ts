/** How Lotse's objects are named and labelled, so that each is found again and known as whose it is. */
import type { BindingOrder, Json, JsonObject, Order } from "#adapter";
import { walk } from "./template.ts";

export const labels = {
  managedBy: "app.kubernetes.io/managed-by",
  instance: "lotse/instance",
  binding: "lotse/binding",
  record: "lotse/record",
} as const;

const operation = "lotse/operation";

/** An instance or a binding, as its objects show it. */
export interface Owner {
  /** Names and field managers derive from it. */
  readonly id: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** 32 characters, so that plans may add to it: most names may have 63. */
export const objectName = (id: string): string => `lotse-${id}`;

// Kubernetes: Labels and Selectors, syntax.
const labelValue = /^([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)$/;

export function instanceOwner(order: Order): Owner {
  const { id, platformInstanceId, organization, space } = order.instance;
  const places = { "lotse/organisation": organization, "lotse/project": space };
  const given = Object.entries(places).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return {
    id,
    labels: {
      [labels.managedBy]: "lotse",
      [labels.instance]: id,
      // A platform may call its organisations anything; the annotation has it as it is.
      ...Object.fromEntries(given.filter(([, value]) => labelValue.test(value))),
    },
    annotations: {
      ...Object.fromEntries(given),
      "lotse/platform-instance": platformInstanceId,
      [operation]: order.token,
    },
  };
}

export function bindingOwner(order: BindingOrder): Owner {
  const owner = instanceOwner(order);
  const { id, platformBindingId } = order.binding;
  return {
    id,
    labels: { ...owner.labels, [labels.binding]: id },
    annotations: { ...owner.annotations, "lotse/platform-binding": platformBindingId },
  };
}

/** The object with the owner's marks added to its own. */
export function marked(object: JsonObject, owner: Owner): JsonObject {
  const metadata = object.metadata as JsonObject;
  return {
    ...object,
    metadata: {
      ...metadata,
      labels: { ...(metadata.labels as JsonObject | undefined), ...owner.labels },
      annotations: { ...(metadata.annotations as JsonObject | undefined), ...owner.annotations },
    },
  };
}

/** Whether the object was made for this instance or binding, and not merely lies within its reach. */
export function isOf(object: JsonObject, owner: Pick<Owner, "labels">): boolean {
  const has = (label: string) => walk(object, ["metadata", "labels", label]);
  return has(labels.instance) === owner.labels[labels.instance] && has(labels.binding) === owner.labels[labels.binding];
}

export function operationOf(object: JsonObject): string | undefined {
  const token: Json | undefined = walk(object, ["metadata", "annotations", operation]);
  return typeof token === "string" && /^[0-9a-z]{26}$/.test(token) ? token : undefined;
}

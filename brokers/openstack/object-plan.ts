/** What a plan says about object storage, and what whoever orders some may say. */
import type { Json, JsonSchema, Order } from "#adapter";

export const objectSchema: JsonSchema = {
  type: "object",
  additionalProperties: false,
  required: ["kind"],
  properties: {
    kind: { const: "object-storage" },
    region: { type: "string", minLength: 1, description: "Absent: the account's first region." },
    maxBytes: { type: "integer", minimum: 1, description: "The container takes no more. Absent: no limit." },
    maxObjects: { type: "integer", minimum: 1, description: "The container takes no more. Absent: no limit." },
    versioning: {
      enum: ["never", "on-request", "always"],
      default: "on-request",
      description: "Whether what is overwritten or deleted is kept as an older version.",
    },
  },
};

export interface ObjectPlan {
  readonly region?: string;
  readonly maxBytes?: number;
  readonly maxObjects?: number;
  readonly versioning: "never" | "on-request" | "always";
}

export function readObjectPlan(backend: Json): ObjectPlan {
  const given = backend as unknown as Partial<ObjectPlan>;
  return { ...given, versioning: given.versioning ?? "on-request" };
}

/** Whether the order's container keeps versions. */
export function wantsVersions(order: Order, { versioning }: ObjectPlan): boolean {
  const { versioning: wished } = order.instance.parameters.reveal();
  return versioning === "always" || (versioning === "on-request" && wished === true);
}

/** Where the container is; what is remembered of it between two orders. */
export interface ObjectFacts {
  readonly projectId?: string;
  readonly region?: string;
}

export function readObjectFacts(order: Order): ObjectFacts {
  return (order.instance.facts.reveal() ?? {}) as unknown as ObjectFacts;
}

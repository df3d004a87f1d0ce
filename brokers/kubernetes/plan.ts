/** What a plan says to this adapter: manifests, when they are ready, and where access comes from. */
import type { Json, JsonObject, JsonSchema } from "#adapter";
import type { Ref } from "./objects.ts";

// Names derive from Lotse's ids and fixed text only: with a parameter in them, a customer could name another's object.
const name = "^([a-z0-9:.-]|\\{\\{ ?(name|instance\\.id|binding\\.name|binding\\.id) ?\\}\\})+$";
const identity = {
  apiVersion: { type: "string", pattern: "^([a-z0-9.-]+/)?v[a-z0-9]+$" },
  kind: { type: "string", pattern: "^[A-Za-z0-9]+$" },
} as const;
const named = { type: "string", pattern: name } as const;

const manifest: JsonSchema = {
  type: "object",
  required: ["apiVersion", "kind", "metadata"],
  properties: {
    ...identity,
    metadata: {
      type: "object",
      required: ["name"],
      properties: { name: named, namespace: named, generateName: false, ownerReferences: false, finalizers: false },
    },
    status: false,
  },
};

const reference: JsonSchema = {
  type: "object",
  additionalProperties: false,
  required: ["apiVersion", "kind", "name"],
  properties: { ...identity, namespace: named, name: named },
};

const path = { type: "array", minItems: 1, maxItems: 12, items: { type: ["string", "integer"] } } as const;

const condition: JsonSchema = {
  type: "object",
  additionalProperties: false,
  required: ["of"],
  properties: {
    of: reference,
    condition: { type: "string", minLength: 1, description: "A type in status.conditions." },
    status: { enum: ["True", "False", "Unknown"], default: "True" },
    path: { ...path, description: "Keys from the object's top, such as [status, phase]; instead of condition." },
    equals: { type: ["string", "number", "boolean"], description: "Absent: any value will do." },
  },
  oneOf: [{ required: ["condition"] }, { required: ["path"] }],
};

const conditions = { type: "array", items: condition, default: [] } as const;
const manifests = { type: "array", items: manifest, default: [] } as const;
const defaults = {
  type: "object",
  default: {},
  additionalProperties: { type: ["string", "number", "boolean"] },
  description: "Values of parameters that were not given.",
} as const;

const source: JsonSchema = {
  type: "object",
  additionalProperties: false,
  minProperties: 1,
  maxProperties: 1,
  properties: {
    secret: {
      type: "object",
      additionalProperties: false,
      required: ["namespace", "name"],
      // An operator's Secret may have a fixed ending.
      properties: { namespace: named, name: named },
    },
    token: {
      type: "object",
      additionalProperties: false,
      required: ["namespace", "serviceAccount"],
      properties: {
        namespace: named,
        serviceAccount: named,
        seconds: { type: "integer", minimum: 600, maximum: 31_536_000, default: 3600 },
        audiences: { type: "array", items: { type: "string", minLength: 1 } },
      },
    },
    object: reference,
  },
};

export const planSchema: JsonSchema = {
  type: "object",
  additionalProperties: false,
  required: ["manifests"],
  properties: {
    manifests: { ...manifests, minItems: 1, description: "Made in this order, removed in the opposite one." },
    defaults,
    ready: { ...conditions, description: "The instance is ready when all of these hold." },
    failed: { ...conditions, description: "It has failed when one of these holds." },
    usage: {
      type: "array",
      default: [],
      items: {
        type: "object",
        additionalProperties: false,
        required: ["meter", "of", "path", "unit"],
        properties: {
          meter: { type: "string", pattern: "^[a-z][a-z0-9-]{0,62}$" },
          of: reference,
          path,
          unit: { type: "string", minLength: 1, description: "FOCUS unit." },
          per: { type: "integer", minimum: 1, default: 1, description: "How many of the cluster's units are one." },
        },
      },
    },
    binding: {
      type: "object",
      additionalProperties: false,
      required: ["credentials"],
      properties: {
        manifests,
        defaults,
        ready: conditions,
        failed: conditions,
        sources: {
          type: "object",
          default: {},
          propertyNames: { pattern: "^[a-z][A-Za-z0-9]{0,30}$" },
          additionalProperties: source,
        },
        credentials: { type: "object", minProperties: 1, description: "A template; sources are known by their names." },
      },
    },
  },
};

export interface Condition {
  readonly of: Ref;
  readonly condition?: string;
  readonly status?: string;
  readonly path?: readonly (string | number)[];
  readonly equals?: string | number | boolean;
}

export interface Stage {
  readonly manifests: readonly JsonObject[];
  readonly defaults: JsonObject;
  readonly ready: readonly Condition[];
  readonly failed: readonly Condition[];
}

export type Source =
  | { readonly secret: { readonly namespace: string; readonly name: string } }
  | { readonly token: TokenSource }
  | { readonly object: Ref };

export interface TokenSource {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly seconds?: number;
  readonly audiences?: readonly string[];
}

export interface Metered {
  readonly meter: string;
  readonly of: Ref;
  readonly path: readonly (string | number)[];
  readonly unit: string;
  readonly per?: number;
}

export interface Plan extends Stage {
  readonly usage: readonly Metered[];
  readonly binding?: Stage & { readonly sources: Readonly<Record<string, Source>>; readonly credentials: JsonObject };
}

/** `backend` keeps `planSchema`; what is missing in it is none. */
export function readPlan(backend: Json): Plan {
  const given = backend as unknown as Partial<Plan>;
  const { binding } = given;
  return {
    ...stage(given),
    usage: given.usage ?? [],
    ...(binding !== undefined && {
      binding: { ...stage(binding), sources: binding.sources ?? {}, credentials: binding.credentials },
    }),
  };
}

function stage(given: Partial<Stage>): Stage {
  return {
    manifests: given.manifests ?? [],
    defaults: given.defaults ?? {},
    ready: given.ready ?? [],
    failed: given.failed ?? [],
  };
}

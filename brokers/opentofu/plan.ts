/** What a plan says to this adapter, as JSON Schema and as types. */
import type { Json, JsonObject, JsonSchema } from "#adapter";

/** `lotse_` is kept for what Lotse itself tells modules. */
export const variableName = { type: "string", pattern: "^(?!lotse_)[a-zA-Z_][a-zA-Z0-9_-]*$" } as const;
export const variables = (description: string): JsonSchema => ({
  type: "object",
  propertyNames: variableName,
  description,
});
const directoryName = { type: "string", pattern: "^[a-z0-9][a-z0-9_-]*$" } as const;
const outputName = { type: "string", pattern: "^[a-zA-Z_][a-zA-Z0-9_-]*$" } as const;

export const backendSchema: JsonSchema = {
  type: "object",
  additionalProperties: false,
  required: ["module"],
  properties: {
    module: { ...directoryName, description: "A directory under the account's `modules`." },
    variables: variables("Values that the plan fixes."),
    parameters: {
      type: "array",
      uniqueItems: true,
      items: variableName,
      description: "Parameters of an order that become variables of the same name.",
    },
    credentials: {
      type: "array",
      minItems: 1,
      uniqueItems: true,
      items: outputName,
      description: "Outputs that are access: of the binding's module, or else of the instance's. Absent: not bindable.",
    },
    endpoint: {
      type: "object",
      additionalProperties: false,
      required: ["host", "port"],
      properties: { host: outputName, port: outputName, protocol: { enum: ["tcp", "udp"] } },
      description: "Names of the outputs that say where the access leads.",
    },
    dashboardUrl: { ...outputName, description: "The output that holds the address of a dashboard." },
    attributes: {
      type: "array",
      uniqueItems: true,
      items: outputName,
      description: "Outputs that are shown as the instance's attributes; none that is sensitive.",
    },
    binding: {
      type: "object",
      additionalProperties: false,
      required: ["module"],
      description: "A module of its own for each binding, which gets the instance's outputs as variables.",
      properties: {
        module: directoryName,
        variables: variables("Values that the plan fixes."),
        parameters: { type: "array", uniqueItems: true, items: variableName },
      },
    },
  },
};

export interface ModuleUse {
  readonly module: string;
  readonly variables?: JsonObject;
  readonly parameters?: readonly string[];
}

export interface PlanBackend extends ModuleUse {
  readonly credentials?: readonly string[];
  readonly endpoint?: { readonly host: string; readonly port: string; readonly protocol?: "tcp" | "udp" };
  readonly dashboardUrl?: string;
  readonly attributes?: readonly string[];
  readonly binding?: ModuleUse;
}

/** The schema was checked when the catalog was read. */
export const readBackend = (backend: Json): PlanBackend => backend as unknown as PlanBackend;

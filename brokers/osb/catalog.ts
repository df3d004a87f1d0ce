/** Reads a downstream broker's catalog, whole or not at all: what is not as OSB says is told, not guessed. */
import { Ajv, type ValidateFunction } from "ajv";
import type { CatalogRead, Json, JsonObject, JsonSchema, ProviderOffering, ProviderPlan } from "#adapter";
import type { Downstream } from "./client.ts";
import { unsound } from "./sound.ts";

const text = { type: "string", minLength: 1 } as const;
// Control characters have no place in either, and names are typed by people: letters that look like others, or turn the
// direction of what follows, would let one provider's plan pass for another's. OSB wants them friendlier still.
const id = { ...text, maxLength: 255, pattern: "^[^\\u0000-\\u001f\\u007f]+$" } as const;
const name = { type: "string", maxLength: 255, pattern: "^[A-Za-z0-9][A-Za-z0-9 ._+-]*$" } as const;
const flag = { type: "boolean" } as const;
const object = { type: "object" } as const;
const parameters = { type: "object", properties: { parameters: object } } as const;

// OSB 2.17, Service Offering Object and Service Plan Object. Unknown fields are for others.
const catalogSchema: JsonSchema = {
  type: "object",
  required: ["services"],
  properties: {
    services: {
      type: "array",
      items: {
        type: "object",
        required: ["id", "name", "description", "bindable", "plans"],
        properties: {
          id,
          name,
          description: text,
          tags: { type: "array", items: { type: "string" } },
          requires: { type: "array", items: { enum: ["syslog_drain", "route_forwarding", "volume_mount"] } },
          bindable: flag,
          instances_retrievable: flag,
          bindings_retrievable: flag,
          allow_context_updates: flag,
          plan_updateable: flag,
          metadata: object,
          plans: {
            type: "array",
            minItems: 1,
            items: {
              type: "object",
              required: ["id", "name", "description"],
              properties: {
                id,
                name,
                description: text,
                free: flag,
                bindable: flag,
                binding_rotatable: flag,
                plan_updateable: flag,
                maximum_polling_duration: { type: "integer", minimum: 1 },
                maintenance_info: {
                  type: "object",
                  required: ["version"],
                  properties: { version: text, description: { type: "string" } },
                },
                metadata: object,
                schemas: {
                  type: "object",
                  properties: {
                    service_instance: { type: "object", properties: { create: parameters, update: parameters } },
                    service_binding: { type: "object", properties: { create: parameters } },
                  },
                },
              },
            },
          },
        },
      },
    },
  },
};

let compiled: ValidateFunction | undefined;

// Compiled when the first catalog comes: brokers are started that have no downstream at all.
function catalogCheck(): ValidateFunction {
  const options = { allErrors: true, strict: false, validateSchema: false, code: { optimize: false } };
  compiled ??= new Ajv(options).compile(catalogSchema);
  return compiled;
}

interface WireOffering {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly tags?: readonly string[];
  readonly requires?: NonNullable<ProviderOffering["requires"]>;
  readonly bindable: boolean;
  readonly instances_retrievable?: boolean;
  readonly bindings_retrievable?: boolean;
  readonly allow_context_updates?: boolean;
  readonly plan_updateable?: boolean;
  readonly metadata?: JsonObject;
  readonly plans: readonly WirePlan[];
}

interface WirePlan {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly free?: boolean;
  readonly bindable?: boolean;
  readonly binding_rotatable?: boolean;
  readonly plan_updateable?: boolean;
  readonly maximum_polling_duration?: number;
  readonly maintenance_info?: { readonly version: string; readonly description?: string };
  readonly metadata?: JsonObject;
  readonly schemas?: {
    readonly service_instance?: {
      readonly create?: { readonly parameters?: JsonSchema };
      readonly update?: { readonly parameters?: JsonSchema };
    };
    readonly service_binding?: { readonly create?: { readonly parameters?: JsonSchema } };
  };
}

/** Violations told at once; a catalog that is all wrong would fill pages. */
const toldAtMost = 5;

/** Throws an Error with what is wrong in the catalog, or with why it cannot be read. */
export async function readCatalog(
  downstream: Downstream,
  etag: string | undefined,
  signal: AbortSignal,
): Promise<CatalogRead> {
  const headers = etag === undefined ? {} : { "if-none-match": etag };
  const answer = await downstream.ask({ method: "GET", path: ["v2", "catalog"], headers }, signal);
  if (answer.status === 304 && etag !== undefined) return { state: "unchanged" };
  if (answer.status !== 200) throw new Error(`The broker answered ${answer.status} when its catalog was asked for.`);
  if (answer.body === undefined) throw new Error("The broker's catalog is no JSON object; it may have been cut off.");
  const fault = unsound(answer.body);
  if (fault !== undefined) throw new Error(`The broker's catalog ${fault}`);
  const body = withoutNulls(answer.body);
  const valid = catalogCheck();
  if (!valid(body)) {
    const told = (valid.errors ?? []).map(({ instancePath, message }) => `${instancePath || "/"} ${message}`);
    const more = told.length > toldAtMost ? ` and ${told.length - toldAtMost} more` : "";
    throw new Error(`The broker's catalog is not as OSB wants it: ${told.slice(0, toldAtMost).join("; ")}${more}.`);
  }
  const { services } = body as unknown as { readonly services: readonly WireOffering[] };
  requireUnique(services);
  return {
    state: "read",
    offerings: services.map(offeringOf),
    ...(answer.etag !== undefined && { etag: answer.etag }),
  };
}

/** Some brokers write null where they mean nothing. */
function withoutNulls(value: Json): Json {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value as JsonObject)
      .filter(([, inner]) => inner !== null)
      // Schemas and metadata may mean their nulls.
      .map(([key, inner]) => [key, key === "metadata" || key === "parameters" ? inner : withoutNulls(inner)]),
  );
}

function requireUnique(services: readonly WireOffering[]): void {
  const seen = new Set<string>();
  const once = (what: string, value: string) => {
    if (seen.has(`${what} ${value}`)) throw new Error(`The broker's catalog uses the ${what} "${value}" twice.`);
    seen.add(`${what} ${value}`);
  };
  for (const service of services) {
    once("id", service.id);
    once("name", service.name);
    for (const plan of service.plans) {
      once("id", plan.id);
      once(`plan name of ${service.name}`, plan.name);
    }
  }
}

function offeringOf(service: WireOffering): ProviderOffering {
  return {
    id: service.id,
    name: service.name,
    description: service.description,
    ...(service.tags !== undefined && { tags: service.tags }),
    ...(service.requires !== undefined && { requires: service.requires }),
    allowContextUpdates: service.allow_context_updates ?? false,
    metadata: service.metadata ?? {},
    plans: service.plans.map((plan) => planOf(service, plan)),
  };
}

/** OSB: what a plan leaves open, its offering says. */
function planOf(service: WireOffering, plan: WirePlan): ProviderPlan {
  const { service_instance, service_binding } = plan.schemas ?? {};
  const create = service_instance?.create?.parameters;
  const update = service_instance?.update?.parameters;
  const bind = service_binding?.create?.parameters;
  return {
    id: plan.id,
    name: plan.name,
    description: plan.description,
    free: plan.free ?? true,
    bindable: plan.bindable ?? service.bindable,
    planUpdateable: plan.plan_updateable ?? service.plan_updateable ?? false,
    ...(plan.maximum_polling_duration !== undefined && { maximumPollingDuration: plan.maximum_polling_duration }),
    ...(plan.maintenance_info !== undefined && { maintenanceInfo: plan.maintenance_info }),
    schemas: {
      ...(create !== undefined && { create }),
      ...(update !== undefined && { update }),
      ...(bind !== undefined && { bind }),
    },
    metadata: plan.metadata ?? {},
    backend: {
      serviceId: service.id,
      planId: plan.id,
      instancesRetrievable: service.instances_retrievable ?? false,
      bindingsRetrievable: service.bindings_retrievable ?? false,
      bindingRotatable: plan.binding_rotatable ?? false,
    },
  };
}

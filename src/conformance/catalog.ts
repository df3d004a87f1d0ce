/** The broker's catalog as it came: offerings, plans, and what they claim. Nothing is taken for granted. */
import { isJsonObject, type JsonObject } from "../core/json.ts";
import type { Exchange } from "./client.ts";
import { type Target, WrongUsage } from "./target.ts";

export type Claim =
  | "authentication"
  | "bindable"
  | "plan_updateable"
  | "instances_retrievable"
  | "bindings_retrievable"
  | "allow_context_updates"
  | "binding_rotatable"
  | "maintenance_info";

export interface CatalogPlan {
  readonly id: string;
  readonly name: string;
  readonly raw: JsonObject;
  readonly offering: CatalogOffering;
}

export interface CatalogOffering {
  readonly id: string;
  readonly name: string;
  readonly raw: JsonObject;
  readonly plans: readonly CatalogPlan[];
}

export interface Catalog {
  readonly exchange: Exchange;
  /** It was answered 200, with a list of services. */
  readonly readable: boolean;
  readonly offerings: readonly CatalogOffering[];
}

export interface PlanUnderTest {
  readonly id: string;
  readonly name: string;
  readonly serviceId: string;
  readonly serviceName: string;
  readonly claims: ReadonlySet<Claim>;
  readonly maintenanceVersion?: string;
  /** Another plan of the same offering that may be ordered on as well. */
  readonly other?: string;
  /** The plan to move an instance to, if one was named and this is not it. */
  readonly updateTo?: string;
}

export function readCatalog(exchange: Exchange): Catalog {
  const services = exchange.answer?.body?.services;
  const readable = exchange.answer?.status === 200 && Array.isArray(services);
  return { exchange, readable, offerings: readable ? objects(services).map(readOffering) : [] };
}

function readOffering(raw: JsonObject): CatalogOffering {
  const plans: CatalogPlan[] = [];
  const offering = { id: textOf(raw.id), name: textOf(raw.name), raw, plans };
  for (const plan of objects(raw.plans))
    plans.push({ id: textOf(plan.id), name: textOf(plan.name), raw: plan, offering });
  return offering;
}

export const objects = (value: unknown): readonly JsonObject[] =>
  Array.isArray(value) ? value.filter((item) => isJsonObject(item)) : [];

const textOf = (value: unknown): string => (typeof value === "string" ? value : "");

/** What a plan promises, by its own word or its offering's. */
export function claimsOf({ raw, offering }: CatalogPlan): ReadonlySet<Claim> {
  const claims = new Set<Claim>();
  for (const flag of ["bindable", "plan_updateable"] as const)
    if ((raw[flag] ?? offering.raw[flag]) === true) claims.add(flag);
  for (const flag of ["instances_retrievable", "bindings_retrievable", "allow_context_updates"] as const)
    if (offering.raw[flag] === true) claims.add(flag);
  if (raw.binding_rotatable === true) claims.add("binding_rotatable");
  if (maintenanceOf(raw) !== undefined) claims.add("maintenance_info");
  return claims;
}

function maintenanceOf(plan: JsonObject): string | undefined {
  const info = plan.maintenance_info;
  return isJsonObject(info) && typeof info.version === "string" ? info.version : undefined;
}

/** The plans that the target names, or a `WrongUsage` that says which there are. */
export function choosePlans(catalog: Catalog, { service, plans, updatePlan }: Target): readonly PlanUnderTest[] {
  const told = plans.map((name) => findPlan(catalog, name, service));
  const updateTo = updatePlan === undefined ? undefined : findPlan(catalog, updatePlan, service);
  return told.map((plan) => {
    const siblings = [...(updateTo === undefined ? [] : [updateTo]), ...told];
    const other = siblings.find(({ offering, id }) => offering === plan.offering && id !== plan.id);
    const version = maintenanceOf(plan.raw);
    return {
      id: plan.id,
      name: plan.name,
      serviceId: plan.offering.id,
      serviceName: plan.offering.name,
      claims: claimsOf(plan),
      ...(version !== undefined && { maintenanceVersion: version }),
      ...(other !== undefined && { other: other.id }),
      ...(updateTo !== undefined &&
        updateTo.offering === plan.offering &&
        updateTo.id !== plan.id && { updateTo: updateTo.id }),
    };
  });
}

function findPlan({ offerings }: Pick<Catalog, "offerings">, wanted: string, service: string | undefined): CatalogPlan {
  const inScope = offerings
    .filter(({ id, name }) => service === undefined || id === service || name === service)
    .flatMap(({ plans }) => plans);
  const found = inScope.filter(({ id }) => id === wanted);
  const [plan, another] = found.length > 0 ? found : inScope.filter(({ name }) => name === wanted);
  if (plan === undefined) throw new WrongUsage(`The catalog has no plan "${wanted}".\n${listPlans({ offerings })}`);
  if (another !== undefined)
    throw new WrongUsage(`Several offerings have a plan "${wanted}": name one with --service, or the plan by its id.`);
  return plan;
}

/** The plans there are, a line each. */
export function listPlans({ offerings }: Pick<Catalog, "offerings">): string {
  const lines = offerings.flatMap(({ name, plans }) =>
    plans.map((plan) => `  ${name} / ${plan.name}${plan.raw.free === false ? "  (costs money)" : ""}  ${plan.id}`),
  );
  return lines.length === 0 ? "The catalog has no plans." : ["Plans of this broker:", ...lines].join("\n");
}

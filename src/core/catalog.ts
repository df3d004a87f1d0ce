/** The catalog as the decisions see it: which plan is meant, whether it is still offered, what fits it. */
import type { JsonObject } from "./json.ts";
import type { Offering, Plan, Platform } from "./model.ts";
import { mayOrder, sees, type Visibility } from "./visibility.ts";

/** Checks parameters against the plan's schema; one sentence per violation, naming the field, never its value. */
export type ParameterCheck = (parameters: JsonObject) => readonly string[];

/** A plan in its offering, ready to be decided on. */
export interface Placement {
  readonly offering: Offering;
  readonly plan: Plan;
  /** False: kept for the instances that still have it, not to be ordered any more. */
  readonly offered: boolean;
  /** The provider's adapter can change a living instance. */
  readonly updatable: boolean;
  readonly checks: { readonly create: ParameterCheck; readonly update: ParameterCheck; readonly bind: ParameterCheck };
}

export interface Catalog {
  readonly offerings: readonly Offering[];
  /** By plan id, retired plans included. */
  readonly placements: ReadonlyMap<string, Placement>;
  readonly visibility: Visibility;
}

/** The plan if it belongs to this very offering: a plan of another offering is as unknown as none. */
export function findPlan(catalog: Catalog, offeringId: string, planId: string): Placement | undefined {
  const placement = catalog.placements.get(planId);
  return placement?.offering.id === offeringId ? placement : undefined;
}

/** As `findPlan`, for somebody who may not know of every plan. */
export function findSeenPlan(
  catalog: Catalog,
  platform: Platform,
  offeringId: string,
  planId: string,
): Placement | undefined {
  const placement = findPlan(catalog, offeringId, planId);
  return placement !== undefined && sees(catalog.visibility, platform, placement.plan) ? placement : undefined;
}

/** As `findPlan`, for an order on behalf of an organisation. */
export function findOrderablePlan(
  catalog: Catalog,
  platform: Platform,
  organization: string,
  offeringId: string,
  planId: string,
): Placement | undefined {
  const placement = findPlan(catalog, offeringId, planId);
  return placement !== undefined && mayOrder(catalog.visibility, platform, organization, placement.plan)
    ? placement
    : undefined;
}

/** Whether the platform may know that there is such an offering. */
export function knowsOffering(catalog: Catalog, platform: Platform, offeringId: string): boolean {
  for (const { offering, plan } of catalog.placements.values())
    if (offering.id === offeringId && sees(catalog.visibility, platform, plan)) return true;
  return false;
}

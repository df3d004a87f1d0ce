/** The catalog as the decisions see it: which plan is meant, whether it is still offered, what fits it. */
import type { JsonObject } from "./json.ts";
import type { Offering, Plan } from "./model.ts";

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
}

/** The plan if it belongs to this very offering: a plan of another offering is as unknown as none. */
export function findPlan(catalog: Catalog, offeringId: string, planId: string): Placement | undefined {
  const placement = catalog.placements.get(planId);
  return placement?.offering.id === offeringId ? placement : undefined;
}

export function knowsOffering(catalog: Catalog, offeringId: string): boolean {
  for (const placement of catalog.placements.values()) if (placement.offering.id === offeringId) return true;
  return false;
}

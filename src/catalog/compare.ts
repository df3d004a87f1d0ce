/** Compares two catalogs of one provider by meaning: what a customer or an instance would notice. */
import type { ProviderOffering, ProviderPlan } from "../core/adapter.ts";
import { type Json, type JsonObject, sameJson } from "../core/json.ts";
import type { ChangeKind } from "../core/publication-rules.ts";
import { sameRules, stillTakes } from "./schema-change.ts";

/** One difference. Offering and plan are named as the provider names them. */
export interface CatalogChange {
  readonly kind: ChangeKind;
  readonly offering: string;
  readonly plan?: string;
  /** What it was and what it is, where that can be said in a line. */
  readonly detail?: string;
  /** Living instances of the plan, or of all plans of the offering. */
  readonly instances: number;
}

/** Living instances by the provider's plan id. */
export type Living = (planId: string) => number;

interface Placed {
  readonly offering: ProviderOffering;
  readonly plan: ProviderPlan;
}

export function compareCatalogs(
  before: readonly ProviderOffering[],
  after: readonly ProviderOffering[],
  living: Living,
): readonly CatalogChange[] {
  const were = placed(before);
  const are = placed(after);
  const livingIn = ({ plans }: ProviderOffering) => plans.reduce((sum, { id }) => sum + living(id), 0);
  const changes: CatalogChange[] = [];
  const newOfferings = new Map(after.map((offering) => [offering.id, offering]));
  const oldOfferings = new Map(before.map((offering) => [offering.id, offering]));
  for (const offering of before)
    if (!newOfferings.has(offering.id))
      changes.push({ kind: "offering-removed", offering: offering.name, instances: livingIn(offering) });
  for (const offering of after) {
    const old = oldOfferings.get(offering.id);
    if (old === undefined) changes.push({ kind: "offering-added", offering: offering.name, instances: 0 });
    else
      for (const change of offeringChanges(old, offering))
        changes.push({ ...change, offering: offering.name, instances: livingIn(old) });
  }
  for (const [id, { offering, plan }] of were)
    if (!are.has(id) && newOfferings.has(offering.id))
      changes.push({ kind: "plan-removed", offering: offering.name, plan: plan.name, instances: living(id) });
  for (const [id, { offering, plan }] of are) {
    const old = were.get(id);
    const place = { offering: offering.name, plan: plan.name, instances: living(id) };
    if (old === undefined) {
      if (oldOfferings.has(offering.id)) changes.push({ kind: "plan-added", ...place });
      continue;
    }
    if (old.offering.id !== offering.id)
      changes.push({ kind: "plan-moved", ...place, detail: `was in ${old.offering.name}` });
    for (const change of planChanges(old.plan, plan)) changes.push({ ...change, ...place });
  }
  return changes;
}

function placed(offerings: readonly ProviderOffering[]): ReadonlyMap<string, Placed> {
  return new Map(offerings.flatMap((offering) => offering.plans.map((plan) => [plan.id, { offering, plan }] as const)));
}

type Difference = Pick<CatalogChange, "kind" | "detail">;

const fromTo = (before: string, after: string) => `${before} → ${after}`;

/** Under one id: another thing, another name, or other words. */
function naming(
  old: { readonly name: string; readonly description: string },
  now: { readonly name: string; readonly description: string },
): Difference[] {
  if (old.name !== now.name)
    return [
      { kind: old.description === now.description ? "renamed" : "id-reused", detail: fromTo(old.name, now.name) },
    ];
  return old.description === now.description ? [] : [{ kind: "described" }];
}

function offeringChanges(old: ProviderOffering, now: ProviderOffering): Difference[] {
  const words = (offering: ProviderOffering) => [offering.metadata, offering.tags ?? []] as const;
  const terms = (offering: ProviderOffering) => [offering.requires ?? [], offering.allowContextUpdates] as const;
  const named = naming(old, now);
  return [
    ...named,
    ...(named.length === 0 && !sameJson(words(old), words(now)) ? [{ kind: "described" } as const] : []),
    ...(sameJson(terms(old), terms(now)) ? [] : [{ kind: "terms-changed" } as const]),
  ];
}

function planChanges(old: ProviderPlan, now: ProviderPlan): Difference[] {
  const named = naming(old, now);
  const version = (plan: ProviderPlan) => plan.maintenanceInfo?.version ?? "none";
  const words = (plan: ProviderPlan) => [withoutCosts(plan.metadata), plan.maintenanceInfo?.description ?? ""] as const;
  const described = named.length === 0 && !sameJson(words(old), words(now));
  return [
    ...named,
    ...(described ? [{ kind: "described" } as const] : []),
    ...priceChange(old, now),
    ...schemaChanges(old, now),
    ...turned(old.bindable, now.bindable, "made-bindable", "made-unbindable"),
    ...turned(old.planUpdateable, now.planUpdateable, "made-updatable", "made-unupdatable"),
    ...(version(old) === version(now)
      ? []
      : [{ kind: "maintenance-changed", detail: fromTo(version(old), version(now)) } as const]),
    ...(old.maximumPollingDuration === now.maximumPollingDuration && sameJson(old.backend, now.backend)
      ? []
      : [{ kind: "terms-changed" } as const]),
  ];
}

function turned(before: boolean, after: boolean, on: ChangeKind, off: ChangeKind): Difference[] {
  return before === after ? [] : [{ kind: after ? on : off }];
}

function withoutCosts({ costs: _, ...rest }: JsonObject): JsonObject {
  return rest;
}

function priceChange(old: ProviderPlan, now: ProviderPlan): Difference[] {
  const price = (plan: ProviderPlan): Json => [plan.free, plan.metadata.costs ?? []];
  if (sameJson(price(old), price(now))) return [];
  const told = (plan: ProviderPlan) => (plan.free ? "free" : JSON.stringify(plan.metadata.costs ?? "not told"));
  return [{ kind: "price-changed", detail: fromTo(told(old), told(now)).slice(0, 300) }];
}

function schemaChanges(old: ProviderPlan, now: ProviderPlan): Difference[] {
  return (["create", "update", "bind"] as const).flatMap((name): Difference[] => {
    if (sameRules(old.schemas[name], now.schemas[name])) return [];
    const kind = stillTakes(old.schemas[name], now.schemas[name]) ? "schema-widened" : "schema-broken";
    return [{ kind, detail: name }];
  });
}

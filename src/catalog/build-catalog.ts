/** The catalog the decisions use: offerings and retired plans with their checks, and what each adapter can do. */
import type { Adapter } from "../core/adapter.ts";
import type { Catalog, Placement } from "../core/catalog.ts";
import type { Offering, Plan } from "../core/model.ts";
import { compileCheck, parameterCompiler } from "./parameter-schemas.ts";

/** A plan that left the catalog, in the offering it was in. */
export interface RetiredPlan {
  readonly offering: Omit<Offering, "plans">;
  readonly plan: Plan;
}

/** A plan does not announce what its adapter cannot do. Throws if a parameter schema cannot be compiled. */
export function buildCatalog(
  offerings: readonly Offering[],
  retired: readonly RetiredPlan[],
  adapters: ReadonlyMap<string, Pick<Adapter, "bind" | "update">>,
): Catalog {
  const compiler = parameterCompiler();
  const placements = new Map<string, Placement>();
  const place = (offering: Offering, plan: Plan, offered: boolean): void => {
    const adapter = adapters.get(plan.provider);
    placements.set(plan.id, {
      offering,
      plan,
      offered,
      updatable: adapter?.update !== undefined,
      checks: {
        create: compileCheck(plan.schemas.create, compiler),
        update: compileCheck(plan.schemas.update, compiler),
        bind: compileCheck(plan.schemas.bind, compiler),
      },
    });
  };
  const honest = offerings.map((offering) => ({
    ...offering,
    plans: offering.plans.map((plan) => able(plan, adapters.get(plan.provider))),
  }));
  for (const offering of honest) for (const plan of offering.plans) place(offering, plan, true);
  for (const { offering, plan } of retired)
    if (!placements.has(plan.id)) place({ ...offering, plans: [plan] }, able(plan, adapters.get(plan.provider)), false);
  return { offerings: honest, placements };
}

function able(plan: Plan, adapter: Pick<Adapter, "bind" | "update"> | undefined): Plan {
  return {
    ...plan,
    bindable: plan.bindable && adapter?.bind !== undefined,
    bindingRotatable: plan.bindingRotatable && adapter?.bind !== undefined,
    planUpdateable: plan.planUpdateable && adapter?.update !== undefined,
  };
}

/** The catalog the decisions use: offerings and retired plans with their checks, and what each adapter can do. */
import type { Adapter } from "../core/adapter.ts";
import type { Catalog, Placement } from "../core/catalog.ts";
import type { JsonSchema } from "../core/json.ts";
import type { Offering, Plan } from "../core/model.ts";
import { everythingVisible, type Visibility } from "../core/visibility.ts";
import { compileCheck, lenientCheck, parameterCompiler, providersCompiler } from "./parameter-schemas.ts";

/** A plan that left the catalog, in the offering it was in. */
export interface RetiredPlan {
  readonly offering: Omit<Offering, "plans">;
  readonly plan: Plan;
}

/** A plan does not announce what its adapter cannot do. Throws if a schema of the catalog files cannot be compiled. */
export function buildCatalog(
  offerings: readonly Offering[],
  retired: readonly RetiredPlan[],
  adapters: ReadonlyMap<string, Pick<Adapter, "bind" | "update">>,
  visibility: Visibility = everythingVisible,
): Catalog {
  const compiler = parameterCompiler();
  const lenient = providersCompiler();
  const placements = new Map<string, Placement>();
  const place = (offering: Offering, plan: Plan, offered: boolean): void => {
    const adapter = adapters.get(plan.provider);
    const check = (schema: JsonSchema | undefined) =>
      plan.checkedByProvider === true ? lenientCheck(schema, lenient) : compileCheck(schema, compiler);
    placements.set(plan.id, {
      offering,
      plan,
      offered,
      updatable: adapter?.update !== undefined,
      checks: {
        create: check(plan.schemas.create),
        update: check(plan.schemas.update),
        bind: check(plan.schemas.bind),
      },
    });
  };
  const honest = offerings.map((offering) => {
    const plans = offering.plans.map((plan) => able(plan, adapters.get(plan.provider)));
    return plans.every((plan, index) => plan === offering.plans[index]) ? offering : { ...offering, plans };
  });
  for (const offering of honest) for (const plan of offering.plans) place(offering, plan, true);
  for (const { offering, plan } of retired)
    if (!placements.has(plan.id)) place({ ...offering, plans: [plan] }, able(plan, adapters.get(plan.provider)), false);
  return { offerings: honest, placements, visibility };
}

/** The plan itself where nothing is to be taken away from it. */
function able(plan: Plan, adapter: Pick<Adapter, "bind" | "update"> | undefined): Plan {
  const bindable = plan.bindable && adapter?.bind !== undefined;
  const bindingRotatable = plan.bindingRotatable && adapter?.bind !== undefined;
  const planUpdateable = plan.planUpdateable && adapter?.update !== undefined;
  const same =
    bindable === plan.bindable && bindingRotatable === plan.bindingRotatable && planUpdateable === plan.planUpdateable;
  return same ? plan : { ...plan, bindable, bindingRotatable, planUpdateable };
}

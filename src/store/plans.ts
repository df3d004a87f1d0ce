/** Every plan ever offered, as it was last, so that instances keep their plan when the catalog drops it. */
import type { Knex } from "knex";
import type { Millis, Offering, Plan } from "../core/model.ts";

export interface KnownPlan {
  readonly offering: Omit<Offering, "plans">;
  readonly plan: Plan;
}

/** Remembers the plans offered now and returns those that are not offered any more but still have instances. */
export async function rememberPlans(knex: Knex, offerings: readonly Offering[], now: Millis): Promise<KnownPlan[]> {
  const offered = new Set<string>();
  await knex.transaction(async (transaction) => {
    for (const { plans, ...offering } of offerings)
      for (const plan of plans) {
        offered.add(plan.id);
        const row = {
          plan_id: plan.id,
          offering_id: offering.id,
          definition: JSON.stringify({ offering, plan }),
          seen_at: now,
        };
        await transaction("plans").insert(row).onConflict("plan_id").merge();
      }
  });
  // By offering: an update under way may lead to a plan that no instance has yet. Deleted instances may still be cleaned up.
  const busy = knex("operations").where({ state: "open" }).select("instance_uid");
  const needed = knex("instances").whereNot({ state: "deleted" }).orWhereIn("uid", busy).distinct("offering_id");
  const living: { plan_id: string; definition: string }[] = await knex("plans")
    .whereIn("offering_id", needed)
    .select("plan_id", "definition");
  return living
    .filter(({ plan_id }) => !offered.has(plan_id))
    .map(({ definition }) => JSON.parse(definition) as KnownPlan);
}

/** Problems that would break a promise: a plan that moved to another offering or account while instances live. */
export async function movedPlans(knex: Knex, offerings: readonly Offering[]): Promise<string[]> {
  const known: { plan_id: string; offering_id: string; definition: string }[] = await knex("plans")
    .whereIn("plan_id", knex("instances").whereNot({ state: "deleted" }).distinct("plan_id"))
    .select("plan_id", "offering_id", "definition");
  const before = new Map(known.map((row) => [row.plan_id, row]));
  return offerings.flatMap(({ id, plans }) =>
    plans.flatMap((plan) => {
      const row = before.get(plan.id);
      if (row === undefined) return [];
      const { plan: old } = JSON.parse(row.definition) as KnownPlan;
      if (row.offering_id !== id)
        return [`The plan ${plan.name} has instances and cannot move to another offering. Give it a new id.`];
      if (old.provider !== plan.provider)
        return [
          `The plan ${plan.name} has instances at the account "${old.provider}" and cannot move to "${plan.provider}". Give it a new id.`,
        ];
      return [];
    }),
  );
}

/** Every plan ever offered, as it was last, so that instances keep their plan when the catalog drops it. */
import { hash } from "node:crypto";
import type { Knex } from "knex";
import type { Millis, Offering, Plan } from "../core/model.ts";

export interface KnownPlan {
  readonly offering: Omit<Offering, "plans">;
  readonly plan: Plan;
}

/** Rows written in one statement. */
const batch = 100;

/** Remembers the plans offered now and returns those that are not offered any more but still have instances. */
export type RememberPlans = (offerings: readonly Offering[], now: Millis) => Promise<KnownPlan[]>;

/** What it wrote already, plan by plan, it does not look at again: plans come as the same objects while they are the same. */
export function createRememberPlans(knex: Knex): RememberPlans {
  const written = new WeakMap<Plan, string>();

  async function write(offerings: readonly Offering[], now: Millis): Promise<void> {
    const fresh = offerings.flatMap(({ plans, ...offering }) => {
      const words = JSON.stringify(offering);
      return plans.filter((plan) => written.get(plan) !== words).map((plan) => ({ plan, offering, words }));
    });
    if (fresh.length === 0) return;
    const known: { plan_id: string; hash: string | null }[] = await knex("plans").select("plan_id", "hash");
    const before = new Map(known.map(({ plan_id, hash }) => [plan_id, hash]));
    for (let from = 0; from < fresh.length; from += batch) {
      const some = fresh.slice(from, from + batch);
      const rows = some.map(({ plan, offering }) => rowOf(plan, offering, now));
      const changed = rows.filter((row) => before.get(row.plan_id) !== row.hash);
      if (changed.length > 0) await knex("plans").insert(changed).onConflict("plan_id").merge();
      for (const { plan, words } of some) written.set(plan, words);
      await otherWork();
    }
  }

  return async (offerings, now) => {
    await write(offerings, now);
    return retired(knex, new Set(offerings.flatMap(({ plans }) => plans.map(({ id }) => id))));
  };
}

function rowOf(plan: Plan, offering: Omit<Offering, "plans">, now: Millis) {
  const definition = JSON.stringify({ offering, plan });
  const { id } = plan;
  const digest = hash("sha256", definition, "hex");
  return { plan_id: id, offering_id: offering.id, definition, hash: digest, seen_at: now };
}

const otherWork = () => new Promise<void>((resolve) => setImmediate(resolve));

async function retired(knex: Knex, offered: ReadonlySet<string>): Promise<KnownPlan[]> {
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

/** Instances that are not deleted, by plan id, of these plans. */
export async function livingInstances(knex: Knex, planIds: readonly string[]): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  for (let from = 0; from < planIds.length; from += batch) {
    const rows: { plan_id: string; count: number | string }[] = await knex("instances")
      .whereIn("plan_id", planIds.slice(from, from + batch))
      .whereNot({ state: "deleted" })
      .groupBy("plan_id")
      .select("plan_id")
      .count({ count: "*" });
    for (const { plan_id, count } of rows) counts.set(plan_id, Number(count));
  }
  return counts;
}

/** Instances at a provider that are not deleted. */
export async function livingInstancesOf(knex: Knex, provider: string): Promise<number> {
  const row: { count?: number | string } | undefined = await knex("instances")
    .where({ provider })
    .whereNot({ state: "deleted" })
    .count({ count: "*" })
    .first();
  return Number(row?.count ?? 0);
}

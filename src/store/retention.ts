/** Forgets what nobody may ask about any more: finished operations, and rows kept only to say that a thing is gone. */
import type { Knex } from "knex";
import type { Millis } from "../core/model.ts";

export interface Forgotten {
  readonly operations: number;
  readonly bindings: number;
  readonly instances: number;
  readonly orphans: number;
  readonly tasks: number;
}

/** Rows looked at in one statement; between two of them others have their turn. */
const batch = 500;

/**
 * Removes what ended before `before`. Kept whatever their age: the newest operation of a living instance or binding,
 * which last_operation without a name asks for; a failed operation whose clean-up still reads it; the audit trail.
 */
export async function forgetBefore(knex: Knex, before: Millis): Promise<Forgotten> {
  const operations = await forgetOperations(knex, before);
  const bindings = await forgetDeleted(knex, "bindings", "binding_uid", before);
  const instances = await forgetDeleted(knex, "instances", "instance_uid", before);
  const orphans = await knex("orphans").where({ state: "gone" }).where("ended_at", "<", before).delete();
  const tasks = await forgetTasks(knex, before);
  return { operations, bindings, instances, orphans, tasks };
}

interface Finished {
  readonly token: string;
  readonly state: string;
  readonly finished_at: Millis | null;
}

async function forgetOperations(knex: Knex, before: Millis): Promise<number> {
  let forgotten = 0;
  let after = "";
  for (;;) {
    // In the order of their key: an index by age would make every finished operation dearer for a look once an hour.
    const seen: Finished[] = await knex("operations")
      .select("token", "state", "finished_at")
      .where("token", ">", after)
      .orderBy("token")
      .limit(batch);
    const old = seen.filter(
      ({ state, finished_at }) => state !== "open" && finished_at !== null && finished_at < before,
    );
    if (old.length > 0) forgotten += await forgetThese(knex, old);
    after = seen.at(-1)?.token ?? after;
    if (seen.length < batch) return forgotten;
    await otherWork();
  }
}

function forgetThese(knex: Knex, old: readonly Finished[]): Promise<number> {
  const tokens = old.map(({ token }) => token);
  const newer = knex("operations as newer")
    .whereRaw("newer.instance_uid = operations.instance_uid")
    .whereRaw("COALESCE(newer.binding_uid, '') = COALESCE(operations.binding_uid, '')")
    .whereRaw("newer.purpose = 'request' AND newer.token > operations.token");
  const livingInstance = knex("instances").whereRaw("uid = operations.instance_uid AND state <> 'deleted'");
  const livingBinding = knex("bindings").whereRaw("uid = operations.binding_uid AND state <> 'deleted'");
  const cleanup = knex("operations as cleanup").whereRaw(
    "cleanup.interrupts = operations.token AND cleanup.state = 'open'",
  );
  return knex("operations")
    .whereIn("token", tokens)
    .whereNotExists(cleanup)
    .where((query) =>
      query
        .whereExists(newer)
        .orWhere((gone) => gone.whereNull("binding_uid").whereNotExists(livingInstance))
        .orWhere((gone) => gone.whereNotNull("binding_uid").whereNotExists(livingBinding)),
    )
    .delete();
}

/** An operation that is still on record keeps its subject. */
async function forgetDeleted(
  knex: Knex,
  table: "bindings" | "instances",
  reference: "binding_uid" | "instance_uid",
  before: Millis,
): Promise<number> {
  let forgotten = 0;
  for (;;) {
    const old = knex(table)
      .select("uid")
      .where({ state: "deleted" })
      .where("updated_at", "<", before)
      .whereNotExists(knex("operations").whereRaw(`operations.${reference} = ${table}.uid`))
      .limit(batch);
    // Ids first: PostgreSQL and SQLite both take a list, not a limited DELETE.
    const uids: string[] = await old.pluck("uid");
    if (uids.length > 0) forgotten += await knex(table).whereIn("uid", uids).where({ state: "deleted" }).delete();
    if (uids.length < batch) return forgotten;
    await otherWork();
  }
}

/** Of instances that are gone; with everything that was written about them. A living one's tell what people made. */
async function forgetTasks(knex: Knex, before: Millis): Promise<number> {
  let forgotten = 0;
  for (;;) {
    const ids: string[] = await knex("tasks")
      .where("ended_at", "<", before)
      .whereNotExists(knex("instances").whereRaw("instances.uid = tasks.instance_uid"))
      .limit(batch)
      .pluck("id");
    if (ids.length > 0)
      await knex.transaction(async (transaction) => {
        await transaction("task_entries").whereIn("task", ids).delete();
        forgotten += await transaction("tasks").whereIn("id", ids).delete();
      });
    if (ids.length < batch) return forgotten;
    await otherWork();
  }
}

function otherWork(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Counters that tell running brokers that something they keep in memory is stale, whoever changed it. */
import type { Knex } from "knex";

export type Revised = "accounts" | "catalog";

export async function revisionOf(knex: Knex, name: Revised): Promise<number> {
  const row: { revision: number } | undefined = await knex("revisions").where({ name }).first();
  return row?.revision ?? 0;
}

/** In the transaction of the change. */
export async function raiseRevision(transaction: Knex.Transaction, name: Revised): Promise<void> {
  await transaction("revisions").where({ name }).increment("revision", 1);
}

/** How a database means to find what it is asked for. */
import type { Knex } from "knex";

export interface Asked {
  readonly sql: string;
  readonly bindings: readonly (string | number)[];
}

/** The database's own words, in one line. */
export async function queryPlan(knex: Knex, { sql, bindings }: Asked): Promise<string> {
  if (knex.client.config.client !== "pg") {
    const steps: { detail: string }[] = await knex.raw(`EXPLAIN QUERY PLAN ${sql}`, [...bindings]);
    return steps.map(({ detail }) => detail).join("; ");
  }
  // So few rows would be read through in any case; what counts is whether the indexes could do it.
  return knex.transaction(async (transaction) => {
    for (const name of ["enable_seqscan", "enable_sort", "enable_bitmapscan"])
      await transaction.raw(`SET LOCAL ${name} = off`);
    const { rows } = await transaction.raw(`EXPLAIN ${sql.replace(/\$\d+/g, "?")}`, [...bindings]);
    return rows.map((row: { "QUERY PLAN": string }) => row["QUERY PLAN"]).join("; ");
  });
}

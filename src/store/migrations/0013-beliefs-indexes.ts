/** The comparison with providers finds the few rows it needs among millions, and holds nobody up meanwhile. */
import type { Knex } from "knex";

export async function up(knex: Knex): Promise<void> {
  await knex.raw("CREATE INDEX operations_open_by_provider ON operations (provider) WHERE state = 'open'");
  await knex.raw("CREATE INDEX instances_adopted ON instances (provider, adopted) WHERE adopted IS NOT NULL");
}

export async function down(): Promise<void> {
  throw new Error("Migrations go forward only.");
}

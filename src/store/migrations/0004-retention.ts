/** Finds what is old enough to be forgotten without reading everything. */
import type { Knex } from "knex";

export async function up(knex: Knex): Promise<void> {
  await knex.raw("CREATE INDEX instances_deleted ON instances (updated_at, uid) WHERE state = 'deleted'");
  await knex.raw("CREATE INDEX bindings_deleted ON bindings (updated_at, uid) WHERE state = 'deleted'");
}

export async function down(): Promise<void> {
  throw new Error("Migrations go forward only.");
}

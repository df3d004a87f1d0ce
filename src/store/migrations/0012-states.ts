/** Documents that adapters have kept about what they made, such as OpenTofu's state; each with its lock. */
import type { Knex } from "knex";

export async function up(knex: Knex): Promise<void> {
  // `body`, `holder` and `result` are sealed.
  await knex.schema.createTable("states", (table) => {
    table.text("provider").notNullable();
    table.text("id").notNullable();
    table.text("instance_uid").notNullable();
    table.text("binding_uid");
    table.binary("body");
    table.text("lock_id");
    table.binary("holder");
    table.bigInteger("seen_at");
    table.binary("result");
    table.primary(["provider", "id"]);
    table.index(["provider", "instance_uid"]);
  });
}

export async function down(): Promise<void> {
  throw new Error("Migrations go forward only.");
}

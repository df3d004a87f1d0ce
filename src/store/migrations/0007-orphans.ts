/** What Lotse believes and providers report do not always agree; and what existed before Lotse is taken over. */
import type { Knex } from "knex";

export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable("orphans", (table) => {
    table.text("id").primary();
    table.text("provider").notNullable();
    table.text("kind").notNullable();
    table.text("thing").notNullable();
    table.text("uid").notNullable();
    table.text("name").notNullable();
    table.text("platform_id");
    table.text("instance_id");
    table.text("binding_id");
    table.text("operation");
    table.text("suggestion").notNullable();
    table.text("state").notNullable();
    table.bigInteger("first_seen").notNullable();
    table.bigInteger("last_seen").notNullable();
    table.bigInteger("ended_at");
    table.text("decided_by");
    table.text("reason");
    table.integer("version").notNullable();
    table.index(["provider", "id"]);
  });
  // A finding is told once for as long as it lasts; one that comes back is a new one, since another time.
  await knex.raw("CREATE UNIQUE INDEX orphans_once ON orphans (provider, kind, thing, uid) WHERE state <> 'gone'");

  // Whose turn it is, and where the looks at single things go on.
  await knex.schema.createTable("inventories", (table) => {
    table.text("provider").primary();
    table.bigInteger("due_at").notNullable();
    table.text("cursor").notNullable();
    table.bigInteger("read_at");
    table.text("failure");
  });

  // Absent: Lotse made it. `unproven`: no operation has succeeded on it yet. `proven`: one has.
  await knex.schema.alterTable("instances", (table) => {
    table.text("adopted");
  });

  // `reference` is what the provider calls the thing. Of two adoptions of one thing at once, this key lets one win.
  await knex.schema.createTable("adoptions", (table) => {
    table.text("provider").notNullable();
    table.text("thing").notNullable();
    table.text("reference").notNullable();
    table.integer("incarnation").notNullable();
    table.text("uid").notNullable();
    table.bigInteger("adopted_at").notNullable();
    table.text("adopted_by").notNullable();
    table.primary(["provider", "thing", "reference", "incarnation"]);
  });
}

export async function down(): Promise<void> {
  throw new Error("Migrations go forward only.");
}

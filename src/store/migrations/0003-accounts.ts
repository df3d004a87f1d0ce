/** Who may ask: platforms with up to two passwords each, administrator tokens; and plans seen, for those that retire. */
import type { Knex } from "knex";

export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable("platforms", (table) => {
    table.text("id").primary();
    table.text("name").notNullable().unique();
    table.text("username").notNullable().unique();
    table.text("state").notNullable();
    table.bigInteger("created_at").notNullable();
  });
  await knex.schema.createTable("platform_passwords", (table) => {
    table.text("id").primary();
    table.text("platform_id").notNullable().index();
    table.text("hash").notNullable();
    table.bigInteger("expires_at");
    table.bigInteger("created_at").notNullable();
  });
  await knex.schema.createTable("admin_tokens", (table) => {
    table.text("id").primary();
    table.text("name").notNullable();
    table.text("hash").notNullable().unique();
    table.bigInteger("expires_at");
    table.bigInteger("created_at").notNullable();
  });
  // Raised with every change of an account, so that running brokers notice at once that their memory is stale.
  await knex.schema.createTable("revisions", (table) => {
    table.text("name").primary();
    table.bigInteger("revision").notNullable();
  });
  await knex("revisions").insert({ name: "accounts", revision: 1 });

  // Every plan ever offered, as it was last: instances of a plan that left the catalog keep being served by it.
  await knex.schema.createTable("plans", (table) => {
    table.text("plan_id").primary();
    table.text("offering_id").notNullable();
    table.text("definition").notNullable();
    table.bigInteger("seen_at").notNullable();
  });
}

export async function down(): Promise<void> {
  throw new Error("Migrations go forward only.");
}

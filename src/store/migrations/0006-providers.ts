/** Providers, what their catalogs were, and what operators make of them. */
import type { Knex } from "knex";

export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable("providers", (table) => {
    table.text("name").primary();
    table.text("origin").notNullable();
    table.text("adapter").notNullable();
    table.binary("settings");
    table.text("state").notNullable();
    table.text("details").notNullable();
    table.bigInteger("refresh_at");
    table.text("reading").notNullable();
    table.integer("version").notNullable();
    table.bigInteger("created_at").notNullable();
    table.bigInteger("updated_at").notNullable();
  });

  // Written once: a catalog as its provider told it. What became of it is told by `state` alone.
  await knex.schema.createTable("catalog_snapshots", (table) => {
    table.text("id").primary();
    table.text("provider").notNullable();
    table.bigInteger("read_at").notNullable();
    table.text("hash").notNullable();
    table.integer("offerings").notNullable();
    table.integer("plans").notNullable();
    table.text("content").notNullable();
    table.text("changes").notNullable();
    table.text("reasons").notNullable();
    table.text("state").notNullable();
    table.bigInteger("decided_at");
    table.text("decided_by");
    table.index(["provider", "id"]);
  });

  // Names that were given to offerings ("" as scope) and to plans (their offering as scope); nobody else gets them.
  await knex.schema.createTable("catalog_names", (table) => {
    table.text("scope").notNullable();
    table.text("id").notNullable();
    table.text("name").notNullable();
    table.primary(["scope", "id"]);
  });

  await knex.schema.createTable("overlays", (table) => {
    table.text("provider").primary();
    table.text("content").notNullable();
    table.integer("version").notNullable();
    table.bigInteger("updated_at").notNullable();
    table.text("updated_by").notNullable();
  });

  // `kind` is provider, offering or plan; `grants` a list of who may see it.
  await knex.schema.createTable("visibility", (table) => {
    table.text("kind").notNullable();
    table.text("thing").notNullable();
    table.text("grants").notNullable();
    table.integer("version").notNullable();
    table.bigInteger("updated_at").notNullable();
    table.text("updated_by").notNullable();
    table.primary(["kind", "thing"]);
  });

  await knex.schema.createTable("provider_reports", (table) => {
    table.text("id").primary();
    table.text("provider").notNullable();
    table.bigInteger("at").notNullable();
    table.text("made_by").notNullable();
    table.text("content").notNullable();
    table.index(["provider", "id"]);
  });

  // Of the definition, so that thousands of plans are not written anew because one changed.
  await knex.schema.alterTable("plans", (table) => {
    table.text("hash");
  });

  await knex("revisions").insert({ name: "catalog", revision: 1 });
}

export async function down(): Promise<void> {
  throw new Error("Migrations go forward only.");
}

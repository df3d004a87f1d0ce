/** Instances, bindings and the operations that change them. */
import type { Knex } from "knex";
import { createTable } from "../create-table.ts";

export async function up(knex: Knex): Promise<void> {
  await createTable(knex, "instances", (table) => {
    table.text("uid").primary();
    table.text("platform_id").notNullable();
    table.text("instance_id").notNullable();
    table.integer("incarnation").notNullable();
    table.integer("binds_begun").notNullable();
    table.text("offering_id").notNullable();
    table.text("plan_id").notNullable();
    table.text("organization").notNullable();
    table.text("space").notNullable();
    table.binary("parameters");
    table.text("context").notNullable();
    table.binary("facts");
    table.text("maintenance_version");
    table.text("dashboard_url");
    table.text("labels").notNullable();
    table.text("attributes").notNullable();
    table.integer("usable").notNullable();
    table.text("state").notNullable();
    table.text("operation");
    table.integer("version").notNullable();
    table.bigInteger("created_at").notNullable();
    table.bigInteger("updated_at").notNullable();
    // Of two first orders of one id, this key lets one win.
    table.unique(["platform_id", "instance_id", "incarnation"]);
  });

  await createTable(knex, "bindings", (table) => {
    table.text("uid").primary();
    table.text("platform_id").notNullable();
    table.text("binding_id").notNullable();
    table.integer("incarnation").notNullable();
    table.text("instance_uid").notNullable().index();
    table.text("instance_id").notNullable();
    table.text("offering_id").notNullable();
    table.text("plan_id").notNullable();
    table.text("app_guid");
    table.text("bind_resource").notNullable();
    table.binary("parameters");
    table.text("context").notNullable();
    table.text("predecessor");
    table.text("predecessor_uid");
    table.binary("facts");
    table.binary("access");
    table.bigInteger("expires_at");
    table.text("state").notNullable();
    table.text("operation");
    table.integer("version").notNullable();
    table.bigInteger("created_at").notNullable();
    table.bigInteger("updated_at").notNullable();
    table.unique(["platform_id", "binding_id", "incarnation"]);
  });

  await createTable(knex, "operations", (table) => {
    table.text("token").primary();
    table.text("kind").notNullable();
    table.text("purpose").notNullable();
    table.text("platform_id").notNullable();
    table.text("instance_uid").notNullable();
    table.text("instance_id").notNullable();
    table.text("binding_uid");
    table.text("binding_id");
    table.text("provider").notNullable();
    table.text("state").notNullable();
    table.binary("target");
    table.text("description");
    table.integer("clean");
    table.integer("usable");
    table.integer("repeatable");
    table.binary("handle");
    table.text("interrupts");
    table.text("requester");
    table.text("request_id");
    table.integer("attempt").notNullable();
    table.integer("failures").notNullable();
    table.bigInteger("due_at").notNullable();
    table.bigInteger("deadline_at").notNullable();
    table.text("lease_owner");
    table.bigInteger("lease_until");
    table.integer("lease_number").notNullable();
    table.integer("again").notNullable();
    table.bigInteger("started_at").notNullable();
    table.bigInteger("finished_at");
    table.index(["instance_uid", "token"]);
  });
  await knex.raw("CREATE INDEX operations_due ON operations (due_at) WHERE state = 'open'");
  // One live operation per instance and per binding, whoever decides it.
  await knex.raw(
    "CREATE UNIQUE INDEX operations_one_per_instance ON operations (instance_uid) WHERE state = 'open' AND binding_uid IS NULL",
  );
  await knex.raw(
    "CREATE UNIQUE INDEX operations_one_per_binding ON operations (binding_uid) WHERE state = 'open' AND binding_uid IS NOT NULL",
  );
}

export async function down(): Promise<void> {
  throw new Error("Migrations go forward only.");
}

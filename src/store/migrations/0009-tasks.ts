/** Orders that people carry out: tasks in the inbox of a provider account, and what is written about them. */
import type { Knex } from "knex";

export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable("tasks", (table) => {
    table.text("id").primary();
    table.text("provider").notNullable();
    table.text("key").notNullable();
    table.text("token").notNullable();
    table.text("verb").notNullable();
    table.text("instance_uid").notNullable();
    table.text("binding_uid");
    table.text("platform_instance_id").notNullable();
    table.text("platform_binding_id");
    table.text("organization");
    table.text("space");
    table.text("plan_id").notNullable();
    table.text("title").notNullable();
    table.text("state").notNullable();
    table.text("owner");
    table.text("form");
    table.text("calendar").notNullable();
    table.binary("wish");
    table.binary("result");
    table.binary("question");
    table.binary("remark");
    table.text("reason");
    table.integer("leftovers").notNullable();
    table.bigInteger("created_at").notNullable();
    table.bigInteger("due_at").notNullable();
    table.bigInteger("deadline_at");
    table.bigInteger("claimed_at");
    table.bigInteger("asked_at");
    table.bigInteger("waited_ms").notNullable();
    table.bigInteger("ended_at");
    table.integer("version").notNullable();
    // Of two puts at once, this key lets one win.
    table.unique(["provider", "key"]);
    table.index(["provider", "id"]);
    table.index(["instance_uid"]);
  });

  // `head` is a text, or an attachment's name and media type; `body` an attachment's content. Both sealed.
  await knex.schema.createTable("task_entries", (table) => {
    table.text("id").primary();
    table.text("task").notNullable();
    table.text("kind").notNullable();
    table.bigInteger("at").notNullable();
    table.text("author").notNullable();
    table.integer("to_customer").notNullable();
    table.integer("size");
    table.binary("head").notNullable();
    table.binary("body");
    table.index(["task", "id"]);
  });
}

export async function down(): Promise<void> {
  throw new Error("Migrations go forward only.");
}

/** Tokens say whose they are and what they may; lists of instances and operations find their pages by an index. */
import type { Knex } from "knex";

export async function up(knex: Knex): Promise<void> {
  await knex.schema.alterTable("admin_tokens", (table) => {
    table.text("principal").notNullable().defaultTo("");
    table.text("roles").notNullable().defaultTo("[]");
    table.text("providers").notNullable().defaultTo("[]");
    table.text("created_by").notNullable().defaultTo("lotse");
    table.bigInteger("revoked_at");
    table.bigInteger("last_used_at");
  });
  // Until now every token was an administrator's.
  await knex("admin_tokens").update({ principal: knex.ref("name"), roles: '["administrator"]' });

  // Counts changes, so that of two administrators who change the same thing the second one notices.
  await knex.schema.alterTable("platforms", (table) => {
    table.integer("version").notNullable().defaultTo(1);
  });

  await knex.schema.alterTable("instances", (table) => {
    table.text("provider").notNullable().defaultTo("");
  });
  const provider =
    knex.client.config.client === "pg"
      ? "definition::jsonb #>> '{plan,provider}'"
      : "json_extract(definition, '$.plan.provider')";
  await knex.raw(
    `UPDATE instances SET provider = COALESCE((SELECT ${provider} FROM plans WHERE plans.plan_id = instances.plan_id), '')`,
  );

  for (const statement of indexes) await knex.raw(statement);
}

// Each makes every order dearer: platforms are few and have much each, so that a bounded look finds their rows without.
// Newest first is the order of the keys, backwards. What is indexed in full never changes after the insert, or rarely.
const indexes = [
  "CREATE INDEX instances_by_provider ON instances (provider, uid)",
  "CREATE INDEX instances_by_plan ON instances (plan_id, uid)",
  "CREATE INDEX instances_by_organization ON instances (organization, uid)",
  // States come and go with every order: an index of those that are rare costs a fraction of one that has them all.
  "CREATE INDEX instances_by_rare_state ON instances (state, uid) WHERE state NOT IN ('ready', 'deleted')",
  "CREATE INDEX instances_gone ON instances (uid) WHERE state = 'deleted'",
  "CREATE INDEX operations_by_provider ON operations (provider, token)",
  "CREATE INDEX operations_failed ON operations (token) WHERE state = 'failed'",
  "CREATE INDEX audit_by_instance ON audit (instance_id, id) WHERE instance_id IS NOT NULL",
  // What is no operation's is rare and looked for by its action: it was somebody's doing.
  "CREATE INDEX audit_by_action ON audit (action, id) WHERE operation IS NULL",
];

export async function down(): Promise<void> {
  throw new Error("Migrations go forward only.");
}

/** The audit trail: rows are written once, sealed into the chain once, and never changed or removed. */
import type { Knex } from "knex";

export async function up(knex: Knex): Promise<void> {
  const postgresql = knex.client.config.client === "pg";
  await knex.schema.createTable("audit", (table) => {
    // On SQLite the row's own number: AUTOINCREMENT would keep a second table, and no row is ever removed.
    if (postgresql) table.bigIncrements("id");
    else table.integer("id").primary();
    table.bigInteger("at").notNullable();
    table.text("action").notNullable();
    table.text("outcome").notNullable();
    table.text("platform_id");
    table.text("actor");
    table.text("request_id");
    table.text("instance_id");
    table.text("binding_id");
    table.text("operation");
    table.text("details");
    // Place in the chain and the hash that includes the row before it; null until the next sealing.
    table.bigInteger("position");
    table.text("hash");
  });
  await knex.raw("CREATE UNIQUE INDEX audit_position ON audit (position) WHERE position IS NOT NULL");
  await knex.raw("CREATE INDEX audit_unsealed ON audit (id) WHERE position IS NULL");

  await knex.schema.createTable("audit_seals", (table) => {
    table.bigInteger("last_position").primary();
    table.bigInteger("at").notNullable();
    table.text("hash").notNullable();
    table.text("key_id").notNullable();
    // Keyed with the sealing key, so that whoever can write the table cannot make up a chain of their own.
    table.text("mac").notNullable();
  });

  for (const statement of postgresql ? onPostgresql : onSqlite) await knex.raw(statement);
}

const onSqlite = [
  `CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END`,
  `CREATE TRIGGER audit_no_change BEFORE UPDATE ON audit
   WHEN OLD.position IS NOT NULL OR NEW.id IS NOT OLD.id OR NEW.at IS NOT OLD.at OR NEW.action IS NOT OLD.action
     OR NEW.outcome IS NOT OLD.outcome OR NEW.platform_id IS NOT OLD.platform_id OR NEW.actor IS NOT OLD.actor
     OR NEW.request_id IS NOT OLD.request_id OR NEW.instance_id IS NOT OLD.instance_id
     OR NEW.binding_id IS NOT OLD.binding_id OR NEW.operation IS NOT OLD.operation OR NEW.details IS NOT OLD.details
   BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END`,
  `CREATE TRIGGER audit_seals_no_delete BEFORE DELETE ON audit_seals BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END`,
  `CREATE TRIGGER audit_seals_no_change BEFORE UPDATE ON audit_seals BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END`,
];

const onPostgresql = [
  `CREATE FUNCTION audit_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
   BEGIN
     IF TG_OP = 'UPDATE' AND TG_TABLE_NAME = 'audit' THEN
       IF OLD.position IS NULL AND
          (NEW.id, NEW.at, NEW.action, NEW.outcome, NEW.platform_id, NEW.actor, NEW.request_id, NEW.instance_id,
           NEW.binding_id, NEW.operation, NEW.details) IS NOT DISTINCT FROM
          (OLD.id, OLD.at, OLD.action, OLD.outcome, OLD.platform_id, OLD.actor, OLD.request_id, OLD.instance_id,
           OLD.binding_id, OLD.operation, OLD.details)
       THEN RETURN NEW; END IF;
     END IF;
     RAISE EXCEPTION 'the audit trail is append-only';
   END $$`,
  `CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION audit_append_only()`,
  `CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit EXECUTE FUNCTION audit_append_only()`,
  `CREATE TRIGGER audit_seals_append_only BEFORE UPDATE OR DELETE ON audit_seals FOR EACH ROW EXECUTE FUNCTION audit_append_only()`,
  `CREATE TRIGGER audit_seals_no_truncate BEFORE TRUNCATE ON audit_seals EXECUTE FUNCTION audit_append_only()`,
];

export async function down(): Promise<void> {
  throw new Error("Migrations go forward only.");
}

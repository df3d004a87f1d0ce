/** Makes the tables that are written all the time so that a write touches few pages. */
import type { Knex } from "knex";

/**
 * On SQLite without a rowid: the rows stand in the tree of their key, so that an insert writes one page and not two.
 * Each page less makes a commit faster, since all of them have to reach the disk.
 */
export async function createTable(
  knex: Knex,
  name: string,
  define: (table: Knex.CreateTableBuilder) => void,
): Promise<void> {
  const sqlite = knex.client.config.client !== "pg";
  const statements = knex.schema.createTable(name, define).toSQL();
  for (const [index, { sql, bindings }] of statements.entries())
    await knex.raw(sqlite && index === 0 ? `${sql} WITHOUT ROWID` : sql, bindings as Knex.RawBinding[]);
}

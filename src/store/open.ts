/** Opens the store a URL names, migrated: SQLite in the data directory, or PostgreSQL. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import Database from "better-sqlite3";
import knexFactory, { type Knex } from "knex";
import pg from "pg";
import { createPrivateFile } from "./data-directory.ts";
import { createPostgresqlStore } from "./postgresql/postgresql-store.ts";
import type { Seal } from "./seal.ts";
import { createSqliteStore } from "./sqlite/sqlite-store.ts";
import type { Store } from "./store.ts";

export interface OpenStore {
  readonly store: Store;
  /** For what is not hot: accounts, audit, lists. */
  readonly knex: Knex;
  readonly dialect: "sqlite" | "postgresql";
}

export interface StoreLocation {
  /** `postgres://…`, or empty for SQLite in the data directory. */
  readonly databaseUrl: string;
  readonly dataDir: string;
}

export async function openStore(location: StoreLocation, seal: Seal): Promise<OpenStore> {
  return location.databaseUrl === "" ? openSqlite(location.dataDir, seal) : openPostgresql(location.databaseUrl, seal);
}

const migrations: Knex.MigratorConfig = {
  directory: fileURLToPath(new URL("./migrations", import.meta.url)),
  loadExtensions: [".ts"],
  tableName: "migrations",
};

async function openSqlite(dataDir: string, seal: Seal): Promise<OpenStore> {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const filename = join(dataDir, "lotse.sqlite");
  createPrivateFile(filename);
  const knex = knexFactory({
    client: "better-sqlite3",
    connection: { filename },
    useNullAsDefault: true,
    migrations,
    pool: {
      min: 1,
      max: 1,
      afterCreate: (connection: Database.Database, done: (error?: Error) => void) => {
        setPragmas(connection);
        done();
      },
    },
  });
  await knex.migrate.latest();
  const database = new Database(filename);
  setPragmas(database);
  const close = async () => {
    database.close();
    await knex.destroy();
  };
  return { store: createSqliteStore(database, seal, close), knex, dialect: "sqlite" };
}

/** better-sqlite3 is built to fall to synchronous=NORMAL in WAL mode, which loses commits on power failure. */
function setPragmas(connection: Database.Database): void {
  connection.pragma("journal_mode = WAL");
  connection.pragma("synchronous = FULL");
  connection.pragma("busy_timeout = 5000");
  // Pages until the log is copied into the database: less often than every 1000, as each copy holds everybody up.
  connection.pragma("wal_autocheckpoint = 4000");
  connection.pragma("foreign_keys = ON");
}

const int8 = 20;

/** A network that swallows packets must hold up neither a request nor the heartbeat that keeps leases (15 s) alive. */
const bounds = { connectionTimeoutMillis: 5_000, query_timeout: 8_000 };

/** knex would print what it meets among the log's lines; it throws it as well. */
const quiet = { debug() {}, warn() {}, error() {}, deprecate() {} };

async function openPostgresql(databaseUrl: string, seal: Seal): Promise<OpenStore> {
  // Times and counters fit a double; as strings they would compare wrongly.
  const types = {
    getTypeParser: ((oid: number, format?: "text") =>
      oid === int8 ? Number : pg.types.getTypeParser(oid, format)) as typeof pg.types.getTypeParser,
  };
  const connection = { connectionString: databaseUrl, types, application_name: "lotse", keepAlive: true };
  const knex = knexFactory({
    client: "pg",
    connection: connection as Knex.PgConnectionConfig,
    migrations,
    pool: { min: 0, max: 4 },
    log: quiet,
  });
  await migrateOnce(knex).catch(async (cause: Error) => {
    await knex.destroy();
    throw new Error(`the database that LOTSE_DATABASE_URL names cannot be used: ${cause.message}`, { cause });
  });
  const pool = new pg.Pool({ ...connection, ...bounds, max: 16 });
  // An idle connection that breaks is replaced by the next query; without a listener it would end the process.
  pool.on("error", () => undefined);
  const close = async () => {
    await pool.end();
    await knex.destroy();
  };
  return { store: createPostgresqlStore(pool, seal, close), knex, dialect: "postgresql" };
}

// Any number, as long as every replica of every version uses the same.
const migrationLock = 7_405_113;

/** Replicas that start together wait for one another; knex's own lock would make the second one fail. */
async function migrateOnce(knex: Knex): Promise<void> {
  await knex.transaction(async (transaction) => {
    await transaction.raw("SELECT pg_advisory_xact_lock(?)", [migrationLock]);
    await knex.migrate.latest();
  });
}

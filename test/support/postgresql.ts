/** A throwaway PostgreSQL server for one test file. */
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import type { Test } from "tap";
import { startPostgresql } from "../../src/embedded/postgresql.ts";

export interface TestPostgresql {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** URL of a new, empty database. */
  emptyDatabase(name: string): Promise<string>;
  query(text: string, values?: unknown[]): Promise<pg.QueryResult>;
}

export async function postgresqlForTests(t: Test): Promise<TestPostgresql> {
  const directory = mkdtempSync(join(tmpdir(), "lotse-pg-"));
  // Started by root, the server runs as another user; where that one cannot pass, the data would go elsewhere and stay.
  chmodSync(directory, 0o755);
  const password = "for tests only";
  const server = await startPostgresql({ directory, superuserPassword: password, durable: false, log: () => {} });
  const admin = new pg.Client({
    host: server.host,
    port: server.port,
    user: server.user,
    password,
    database: "postgres",
  });
  await admin.connect();
  t.teardown(async () => {
    await admin.end();
    await server.stop();
    rmSync(directory, { recursive: true, force: true });
  });
  const { host, port, user } = server;
  return {
    host,
    port,
    user,
    password,
    async emptyDatabase(name) {
      await admin.query(`CREATE DATABASE ${admin.escapeIdentifier(name)}`);
      return `postgres://${user}:${encodeURIComponent(password)}@${host}:${port}/${name}`;
    },
    query: (text, values) => admin.query(text, values),
  };
}

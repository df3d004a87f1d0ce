/** What the tests share that kill and freeze brokers. */
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import Database from "better-sqlite3";
import pg from "pg";
import type { Test } from "tap";
import type { Answer } from "./broker.ts";
import { postgresqlForTests, type TestPostgresql } from "./postgresql.ts";

export type Story = (name: string, tell: (t: Test, server: TestPostgresql) => Promise<void>) => void;

/**
 * Tells two stories at a time, each with a provider's server to itself, as most of the time is spent waiting for leases
 * to run out. At its end a story must have given everything back.
 */
export async function storyteller(t: Test): Promise<Story> {
  const servers = await Promise.all([postgresqlForTests(t), postgresqlForTests(t)]);
  t.jobs = servers.length;
  return (name, tell) =>
    void t.test(name, { buffered: true, timeout: 600_000 }, async (t) => {
      const server = servers.shift();
      if (server === undefined) throw new Error("More stories run at once than there are servers.");
      try {
        await tell(t, server);
        t.same(await leftOver(server), [], "no database and no role of Lotse's is left on the provider's server");
      } finally {
        servers.push(server);
      }
    });
}

async function leftOver(server: TestPostgresql): Promise<string[]> {
  const { rows } = await server.query(
    `SELECT name FROM (SELECT datname AS name FROM pg_database UNION ALL SELECT rolname FROM pg_roles) AS there
     WHERE name ~ '^(lotse_([or]_)?|l_)[0-9a-z]{26}' ORDER BY name`,
  );
  return rows.map(({ name }) => name);
}

/** The states that the operations in a broker's own database are in; of those that failed also which they were, and why. */
export async function operationStates(own: {
  readonly databaseUrl: string;
  readonly directory: string;
}): Promise<string[]> {
  const question = `SELECT DISTINCT
    CASE state WHEN 'failed' THEN 'failed ' || kind || ': ' || coalesce(description, '') ELSE state END AS state
    FROM operations ORDER BY 1`;
  if (own.databaseUrl === "") {
    const database = new Database(join(own.directory, "lotse.sqlite"), { readonly: true });
    const rows = database.prepare<[], { state: string }>(question).all();
    database.close();
    return rows.map(({ state }) => state);
  }
  const client = new pg.Client({ connectionString: own.databaseUrl });
  await client.connect();
  const { rows } = await client.query<{ state: string }>(question);
  await client.end();
  return rows.map(({ state }) => state);
}

/** "works", or the code of what the server says to these credentials, or to what is asked under them. */
export async function login(credentials: unknown, statement = "SELECT 1"): Promise<string> {
  const { uri } = credentials as { readonly uri: string };
  const client = new pg.Client({ connectionString: uri });
  client.on("error", () => undefined);
  try {
    await client.connect();
    await client.query(statement);
    return "works";
  } catch (error) {
    return String((error as { readonly code?: unknown }).code);
  } finally {
    await client.end();
  }
}

/** What only somebody who may write can say; what it leaves tells a database from one that was made anew. */
export const keepNote = "CREATE TABLE IF NOT EXISTS notes (text text); INSERT INTO notes VALUES ('kept')";

/** Repeats a question until the broker answers it. */
export async function untilAnswered(ask: () => Promise<Answer>): Promise<Answer> {
  for (;;) {
    const answer = await ask().catch(() => undefined);
    if (answer !== undefined && answer.status < 500) return answer;
    await wait(50);
  }
}

/** Waits for what no event tells. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await wait(50);
}

/** Stories told on both databases: every telling has a database of its own. */
import type { Test } from "tap";
import { startTestBroker, type TestBroker, temporaryDirectory, type Wanted } from "./broker.ts";
import { postgresqlForTests, type TestPostgresql } from "./postgresql.ts";
import { createScripted, type Scripted } from "./scripted.ts";

export type Database = "SQLite" | "PostgreSQL";

/** Starts a broker on the story's database; a second one is a replica, or the first one started again. */
export type Start = (wanted?: Partial<Wanted>) => Promise<TestBroker & Scripted>;

/** `on` names the databases where they matter: two replicas need PostgreSQL. */
export type Story = (name: string, tell: (t: Test, start: Start) => Promise<void>, on?: readonly Database[]) => void;

/** `databaseUrl` is that of an empty database, and empty itself for SQLite. */
export type Telling = (t: Test, databaseUrl: string) => Promise<void>;

/** For stories that bring a broker of their own. */
export function onBothDatabases(t: Test, server: TestPostgresql) {
  let databases = 0;
  return (name: string, tell: Telling, on: readonly Database[] = ["SQLite", "PostgreSQL"]): void => {
    for (const database of on)
      void t.test(`${name} (${database})`, async (t) =>
        tell(t, database === "SQLite" ? "" : await server.emptyDatabase(`story_${++databases}`)),
      );
  };
}

export async function storiesOnBothDatabases(t: Test): Promise<Story> {
  const onBoth = onBothDatabases(t, await postgresqlForTests(t));
  return (name, tell, on) =>
    onBoth(
      name,
      async (t, databaseUrl) => {
        const dataDir = temporaryDirectory(t);
        await tell(t, async (wanted = {}) => {
          const scripted = createScripted();
          const broker = await startTestBroker(t, { adapter: scripted.adapter, databaseUrl, dataDir, ...wanted });
          return { ...scripted, ...broker };
        });
      },
      on,
    );
}

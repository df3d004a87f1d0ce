/** What tests of the OpenTofu adapter share: a house with states, accounts, and what really is on the server. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Knex } from "knex";
import pg from "pg";
import type { Test } from "tap";
import kind from "../../brokers/opentofu/index.ts";
import { newIds } from "../../src/configured-store.ts";
import { type Access, type Adapter, type House, type JsonObject, Secret, type States } from "../../src/core/adapter.ts";
import { createHouses } from "../../src/house.ts";
import { openStore } from "../../src/store/open.ts";
import { openSeal } from "../../src/store/seal.ts";
import type { Facts } from "../peers/peer.ts";
import { keys, temporaryDirectory } from "./broker.ts";
import type { TestPostgresql } from "./postgresql.ts";

export const modules = fileURLToPath(new URL("../peers/opentofu/modules", import.meta.url));

/** Lotse's own database, as an adapter sees it. */
export async function houseForTests(t: Test): Promise<{ readonly house: House; readonly knex: Knex }> {
  const { store, knex } = await openStore({ databaseUrl: "", dataDir: temporaryDirectory(t) }, openSeal(keys));
  t.teardown(() => store.close());
  const houses = createHouses({ knex, seal: openSeal(keys), newId: newIds(), now: Date.now }, () => {
    throw new Error("These tests have no catalog.");
  });
  return { house: houses("terra"), knex };
}

type Calls = { readonly [name in keyof States]: (...args: never[]) => Promise<unknown> };

/** The same house, and `call` around each call of its states. */
export function around(house: House, call: <T>(run: () => Promise<T>, name: string) => Promise<T>): House {
  const calls = Object.entries(house.states as Calls).map(([name, run]) => [
    name,
    (...args: never[]) => call(() => run(...args), name),
  ]);
  return { ...house, states: Object.fromEntries(calls) as States };
}

export interface AccountWanted {
  readonly facts: Facts;
  readonly server: Pick<TestPostgresql, "host" | "port" | "user" | "password">;
  /** Where OpenTofu's provider reaches the server; the server itself if absent. */
  readonly through?: number;
  readonly workDirectory: string;
  readonly settings?: JsonObject;
}

/** An account's settings as lotse.yaml has them, without its secret. */
export function accountValues({ facts, server, through, workDirectory, settings }: AccountWanted): JsonObject {
  const { host, port, user } = server;
  return {
    binary: String(facts.binary),
    modules,
    pluginMirror: String(facts.mirror),
    variables: {
      host,
      port,
      url: `postgres://${user}@${host}:${through ?? port}/postgres?sslmode=disable`,
    },
    workDirectory,
    pollMs: 50,
    retryMs: 50,
    ...settings,
  };
}

export const secretVariablesFor = ({ password }: Pick<TestPostgresql, "password">): string =>
  JSON.stringify({ password });

export function openAccount(wanted: AccountWanted, house: House | undefined): Promise<Adapter> {
  const secrets = { secretVariables: new Secret(secretVariablesFor(wanted.server)) };
  return kind.open({ values: accountValues(wanted), secrets }, house);
}

/** A directory for runs that only this test uses. */
export const workDirectoryFor = (t: Test): string => join(temporaryDirectory(t), "runs");

export const databasePlan = {
  module: "database",
  parameters: ["connections", "label", "tags"],
  attributes: ["tier"],
  credentials: ["username", "password", "uri", "database", "tier"],
  endpoint: { host: "host", port: "port", protocol: "tcp" },
  binding: { module: "access" },
} satisfies JsonObject;

/** Databases and roles that the modules made, without the operation that made them; of one instance or binding if named. */
export async function thingsOn(server: TestPostgresql, id = ""): Promise<readonly string[]> {
  const { rows } = await server.query(
    `select 'database ' || datname || ' ' || datconnlimit || ' ' || coalesce(shobj_description(oid, 'pg_database'), '') as line
       from pg_database where datname ~ '^lotse_[0-9a-z]{26}' and datname like $1
     union all
     select 'role ' || rolname || ' ' || rolcanlogin
       from pg_roles where rolname ~ '^lotse_[0-9a-z]{26}' and rolname like $1
     order by 1`,
    [`%${id}%`],
  );
  return rows.map(({ line }: { readonly line: string }) => line.replace(/"operation":"[^"]*",/, ""));
}

export async function works({ credentials }: Access): Promise<boolean> {
  const client = new pg.Client({ connectionString: String(credentials?.uri) });
  client.on("error", () => undefined);
  try {
    await client.connect();
    await client.query("create temporary table shelf (book text)");
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Of runners and of OpenTofu, by where they work. */
export function processesIn(workDirectory: string): readonly number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/environ`, "utf8").includes(workDirectory);
      } catch {
        return false;
      }
    })
    .map(Number);
}

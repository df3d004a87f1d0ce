/**
 * The demonstration's providers: two separate PostgreSQL servers, one for a public authority, one for an external; and
 * two inboxes, whose people are whoever tries it out.
 */
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { ProviderAccount } from "../config.ts";
import { Secret } from "../core/secret.ts";
import { writePrivateFile } from "../store/data-directory.ts";
import { type EmbeddedPostgresql, startPostgresql } from "./postgresql.ts";

export interface Demo {
  readonly accounts: ReadonlyMap<string, ProviderAccount>;
  stop(): Promise<void>;
}

/** Accounts that the catalog's plans name. */
const accountNames = ["it-nord", "aurora-via-krz-mitte"];

/** Accounts whose orders people carry out. */
const inboxes = new Map([
  ["landesit-sued-inbox", { organisation: "Landes-IT Süd (fiktiv)", contact: "auftrag@landesit-sued.example" }],
  ["krz-mitte-inbox", { organisation: "KRZ Mitte (fiktiv)", contact: "beratung@krz-mitte.example" }],
]);

/** Adapter kind by account, for who checks the catalog of the demonstration without starting it. */
export const demoAccounts: ReadonlyMap<string, string> = new Map([
  ...accountNames.map((name) => [name, "postgresql"] as const),
  ...[...inboxes.keys()].map((name) => [name, "manual"] as const),
]);

export async function startDemo(dataDirectory: string, slots: number, log: (message: string) => void): Promise<Demo> {
  const password = keptPassword(dataDirectory);
  const servers: EmbeddedPostgresql[] = [];
  const accounts = new Map<string, ProviderAccount>();
  const stop = async () => {
    await Promise.all(servers.map((server) => server.stop()));
  };
  try {
    for (const name of accountNames) {
      const directory = join(dataDirectory, "providers", name);
      const server = await startPostgresql({ directory, superuserPassword: password, durable: true, log });
      servers.push(server);
      const values = { host: server.host, port: server.port, user: server.user, database: "postgres", tls: "off" };
      accounts.set(name, {
        adapter: "postgresql",
        slots,
        settings: { values, secrets: { password: new Secret(password) } },
      });
    }
  } catch (error) {
    await stop();
    throw error;
  }
  for (const [name, values] of inboxes)
    accounts.set(name, { adapter: "manual", slots, settings: { values, secrets: {} } });
  return { accounts, stop };
}

function keptPassword(dataDirectory: string): string {
  mkdirSync(dataDirectory, { recursive: true, mode: 0o755 });
  const path = join(dataDirectory, "providers.password");
  if (!existsSync(path)) writePrivateFile(path, `${randomBytes(24).toString("base64url")}\n`);
  return readFileSync(path, "utf8").trim();
}

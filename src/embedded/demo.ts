/**
 * The demonstration's providers: two separate PostgreSQL servers, one for a public authority, one for an external; a vendor
 * of software, where each authority that offers software has an account; and two inboxes, whose people are whoever tries
 * it out.
 */
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { ProviderAccount } from "../config.ts";
import { Secret } from "../core/secret.ts";
import { writePrivateFile } from "../store/data-directory.ts";
import { type EmbeddedPostgresql, startPostgresql } from "./postgresql.ts";
import { type SoftwareVendor, startVendor } from "./software-vendor.ts";

export interface Demo {
  readonly accounts: ReadonlyMap<string, ProviderAccount>;
  stop(): Promise<void>;
}

/** Accounts that the catalog's plans name. */
const accountNames = ["it-nord", "aurora-via-krz-mitte"];
const softwareAccountNames = ["it-nord-software", "it-nrw-software", "landesit-sued-software", "krz-mitte-software"];

/** Accounts whose orders people carry out. */
const inboxes = new Map([
  ["landesit-sued-inbox", { organisation: "Landes-IT Süd (fiktiv)", contact: "auftrag@landesit-sued.example" }],
  ["krz-mitte-inbox", { organisation: "KRZ Mitte (fiktiv)", contact: "beratung@krz-mitte.example" }],
]);

/** Adapter kind by account, for who checks the catalog of the demonstration without starting it. */
export const demoAccounts: ReadonlyMap<string, string> = new Map([
  ...accountNames.map((name) => [name, "postgresql"] as const),
  ...softwareAccountNames.map((name) => [name, "saas"] as const),
  ...[...inboxes.keys()].map((name) => [name, "manual"] as const),
]);

export interface DemoOptions {
  readonly dataDirectory: string;
  readonly slots: number;
  /** Lotse's own address, where the vendor reaches it; absent: it does not, and is asked instead. */
  readonly ownUrl?: string;
  readonly log: (message: string) => void;
}

export async function startDemo({ dataDirectory, slots, ownUrl, log }: DemoOptions): Promise<Demo> {
  const password = keptPassword(dataDirectory);
  const servers: (EmbeddedPostgresql | SoftwareVendor)[] = [];
  const accounts = new Map<string, ProviderAccount>();
  const stop = async () => {
    await Promise.all(servers.map((server) => server.stop()));
  };
  // Beside the databases, so that nobody waits for it.
  const starting = startVendor({
    directory: join(dataDirectory, "providers", "software-vendor"),
    password,
    clients: softwareAccountNames,
  }).then((vendor) => {
    servers.push(vendor);
    return vendor;
  });
  starting.catch(() => undefined);
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
    const vendor = await starting;
    for (const client of vendor.clients) accounts.set(client.name, softwareAccount(vendor, client, slots, ownUrl));
  } catch (error) {
    await starting.catch(() => undefined);
    await stop();
    throw error;
  }
  for (const [name, values] of inboxes)
    accounts.set(name, { adapter: "manual", slots, settings: { values, secrets: {} } });
  return { accounts, stop };
}

function softwareAccount(
  { url }: SoftwareVendor,
  { name, token, callbackSecret }: SoftwareVendor["clients"][number],
  slots: number,
  ownUrl: string | undefined,
): ProviderAccount {
  const values = { url, ...(ownUrl !== undefined && { callbackUrl: `${ownUrl}/callbacks/${name}` }) };
  const secrets = { token: new Secret(token), callbackSecret: new Secret(callbackSecret) };
  return { adapter: "saas", slots, settings: { values, secrets } };
}

function keptPassword(dataDirectory: string): string {
  mkdirSync(dataDirectory, { recursive: true, mode: 0o755 });
  const path = join(dataDirectory, "providers.password");
  if (!existsSync(path)) writePrivateFile(path, `${randomBytes(24).toString("base64url")}\n`);
  return readFileSync(path, "utf8").trim();
}

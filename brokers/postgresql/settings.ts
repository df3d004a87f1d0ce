/** The two shapes the adapter reads: a provider account's settings, and what a plan says to it. */
import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Json, JsonSchema, Settings } from "#adapter";

export const settingsSchema: JsonSchema = {
  type: "object",
  additionalProperties: false,
  required: ["host", "user", "password"],
  properties: {
    host: { type: "string", minLength: 1, description: "Where Lotse reaches the server." },
    port: { type: "integer", minimum: 1, maximum: 65535, default: 5432 },
    user: { type: "string", minLength: 1, description: "A role with CREATEDB and CREATEROLE." },
    password: { type: "string", minLength: 1 },
    database: { type: "string", minLength: 1, default: "postgres", description: "Where Lotse connects to administer." },
    tls: {
      description: "Always verified. Only a server on the loopback address may be spoken to without TLS.",
      oneOf: [
        { const: "off" },
        {
          type: "object",
          additionalProperties: false,
          properties: {
            ca: {
              type: "string",
              description: "PEM text or the path of a PEM file; absent: the system's authorities.",
            },
            servername: { type: "string" },
          },
        },
      ],
      default: {},
    },
    publicHost: { type: "string", description: "Address handed to customers; absent: host." },
    publicPort: { type: "integer", minimum: 1, maximum: 65535 },
    maxConnections: { type: "integer", minimum: 1, maximum: 100, default: 8 },
    connectTimeoutMs: { type: "integer", minimum: 100, maximum: 60000, default: 10000 },
    statementTimeoutMs: { type: "integer", minimum: 1000, maximum: 600000, default: 60000 },
  },
};

// Settings a plan may fix for its databases, with the values they take. Nothing here lets a customer out of its database.
const time = { type: "string", pattern: "^[0-9]{1,9}(ms|s|min|h)?$" };
const size = { type: "string", pattern: "^[0-9]{1,9}(kB|MB|GB)?$" };

export const backendSchema: JsonSchema = {
  type: "object",
  additionalProperties: false,
  properties: {
    connectionLimit: { type: "integer", minimum: 1, maximum: 10000, default: 20 },
    encoding: { enum: ["UTF8", "LATIN1", "LATIN9", "SQL_ASCII"], default: "UTF8" },
    locale: { type: "string", pattern: "^[A-Za-z0-9_.@-]{1,60}$", default: "C" },
    allowedExtensions: { type: "array", items: { type: "string", pattern: "^[a-z0-9_-]{1,63}$" }, default: [] },
    settings: {
      type: "object",
      additionalProperties: false,
      properties: {
        statement_timeout: time,
        lock_timeout: time,
        idle_in_transaction_session_timeout: time,
        idle_session_timeout: time,
        work_mem: size,
        maintenance_work_mem: size,
        temp_file_limit: size,
      },
      default: {},
    },
  },
};

export interface Account {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  readonly tls: "off" | { readonly ca?: string; readonly servername?: string };
  readonly publicHost: string;
  readonly publicPort: number;
  readonly maxConnections: number;
  readonly connectTimeoutMs: number;
  readonly statementTimeoutMs: number;
}

export interface Backend {
  readonly connectionLimit: number;
  readonly encoding: string;
  readonly locale: string;
  readonly allowedExtensions: readonly string[];
  readonly settings: Readonly<Record<string, string>>;
}

const loopback = new Set(["127.0.0.1", "::1", "localhost"]);

/** Throws with advice where plain text would cross a network. */
export function readAccount({ values, secrets, directory = "" }: Settings): Account {
  const given = values as unknown as Omit<Account, "publicHost" | "publicPort" | "password"> & {
    readonly publicHost?: string;
    readonly publicPort?: number;
  };
  // What customers are told to use counts, too: they would be told to speak in plain text.
  const far = [given.host, given.publicHost ?? given.host].find((host) => !loopback.has(host));
  if (given.tls === "off" && far !== undefined)
    throw new Error(
      `tls "off" is possible on the loopback address only, not for ${far}. Leave tls out, or name the server's CA in tls.ca.`,
    );
  const ca = given.tls === "off" ? undefined : given.tls?.ca;
  return {
    host: given.host,
    port: given.port ?? 5432,
    user: given.user,
    password: secrets.password?.reveal() ?? "",
    database: given.database ?? "postgres",
    tls: given.tls === "off" ? "off" : { ...given.tls, ...(ca !== undefined && { ca: readCa(ca, directory) }) },
    publicHost: given.publicHost ?? given.host,
    publicPort: given.publicPort ?? given.port ?? 5432,
    maxConnections: given.maxConnections ?? 8,
    connectTimeoutMs: given.connectTimeoutMs ?? 10_000,
    statementTimeoutMs: given.statementTimeoutMs ?? 60_000,
  };
}

/** Throws rather than trusting nobody, or everybody the system trusts, because of a mistyped path. */
function readCa(ca: string, directory: string): string {
  if (ca.includes("-----BEGIN CERTIFICATE-----")) return ca;
  const path = resolve(directory, ca);
  const pem = existsSync(path) ? readFileSync(path, "utf8") : "";
  if (pem.includes("-----BEGIN CERTIFICATE-----")) return pem;
  throw new Error(`tls.ca must be a certificate in PEM text, or the path of a file that holds one; ${path} does not.`);
}

export function readBackend(backend: Json): Backend {
  const given = backend as unknown as Partial<Backend>;
  return {
    connectionLimit: given.connectionLimit ?? 20,
    encoding: given.encoding ?? "UTF8",
    locale: given.locale ?? "C",
    allowedExtensions: given.allowedExtensions ?? [],
    settings: given.settings ?? {},
  };
}

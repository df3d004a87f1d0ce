/** What an account says: where the API server is, who Lotse is there, and where its records are kept. */
import { resolve } from "node:path";
import type { JsonSchema, Settings } from "#adapter";
import { readCertificates, requireTls } from "#trust";

const text = { type: "string", minLength: 1 } as const;
const whole = (minimum: number, maximum: number, value: number) => ({
  type: "integer",
  minimum,
  maximum,
  default: value,
});

export const settingsSchema: JsonSchema = {
  type: "object",
  additionalProperties: false,
  required: ["server"],
  properties: {
    server: {
      ...text,
      pattern: "^https?://[^?#@]+$",
      description: "The API server's address. https, except on the loopback address.",
    },
    ca: { ...text, description: "PEM text or the path of a PEM file; absent: the system's authorities." },
    token: { ...text, description: "A ServiceAccount's token." },
    tokenFile: {
      ...text,
      description: "Path of a file with the token, read anew every minute: a token that the cluster mounts and renews.",
    },
    clientCertificate: { ...text, description: "PEM text or path, with clientKey, instead of a token." },
    clientKey: text,
    namespace: {
      type: "string",
      pattern: "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$",
      default: "lotse",
      description: "Where Lotse keeps its records; made by the operator, closed to everybody else.",
    },
    resources: {
      type: "array",
      items: { type: "string", pattern: "^[a-z0-9]+(\\.[a-z0-9.-]+)?$" },
      default: [],
      description: "What the account's plans make, such as namespaces or clusters.postgresql.cnpg.io: check() asks.",
    },
    publicServer: {
      ...text,
      pattern: "^https?://[^?#@]+$",
      description: "The API server's address in kubeconfigs that customers get; absent: server.",
    },
    publicCa: { ...text, description: "The authority in those kubeconfigs, PEM text or path; absent: ca." },
    timeoutMs: { ...whole(100, 600_000, 30_000), description: "For one request, answer included." },
    connectTimeoutMs: whole(100, 60_000, 5_000),
    connections: { ...whole(1, 1000, 8), description: "Kept alive and used again." },
    maxResponseBytes: whole(1024, 256 * 1024 * 1024, 16 * 1024 * 1024),
    pollMs: { ...whole(10, 600_000, 3_000), description: "Until something that is not ready is looked at again." },
  },
};

/** Settings that hold secrets. */
export const secrets = ["token", "clientKey"] as const;

/** Settings that say where the secrets are sent, who may pose as that, and which file one is read from. */
export const destinations = ["server", "ca", "tokenFile"] as const;

export interface Account {
  readonly server: string;
  readonly tls: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  readonly auth: { readonly token?: string; readonly tokenFile?: string };
  readonly namespace: string;
  readonly resources: readonly string[];
  readonly publicServer: string;
  readonly publicCa: string | undefined;
  readonly timeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly connections: number;
  readonly maxResponseBytes: number;
  readonly pollMs: number;
}

/** Throws with advice where settings contradict each other or secrets would cross a network in the clear. */
export function readAccount({ values, secrets: hidden, directory = "", withoutFiles = false }: Settings): Account {
  const given = values as unknown as Partial<Account> & { readonly server: string; readonly [key: string]: unknown };
  const read = (name: "clientCertificate" | "ca" | "publicCa") => {
    const value = values[name] as string | undefined;
    return value === undefined ? undefined : readCertificates(name, value, withoutFiles ? undefined : directory);
  };
  const server = address("server", given.server);
  const token = hidden.token?.reveal();
  const key = hidden.clientKey?.reveal();
  const cert = read("clientCertificate");
  const ca = read("ca");
  if ((key === undefined) !== (cert === undefined))
    throw new Error("clientCertificate and clientKey are needed together.");
  const file = values.tokenFile as string | undefined;
  if (file !== undefined && withoutFiles) throw new Error("tokenFile cannot be used here; give token.");
  if ([token, file, key].filter((way) => way !== undefined).length !== 1)
    throw new Error("Give one of token, tokenFile, or clientCertificate with clientKey.");
  return {
    server,
    tls: { ...(ca !== undefined && { ca }), ...(cert !== undefined && { cert }), ...(key !== undefined && { key }) },
    auth: {
      ...(token !== undefined && { token }),
      ...(file !== undefined && { tokenFile: resolve(directory, file) }),
    },
    namespace: given.namespace ?? "lotse",
    resources: given.resources ?? [],
    publicServer: given.publicServer === undefined ? server : address("publicServer", given.publicServer),
    publicCa: read("publicCa") ?? ca,
    timeoutMs: given.timeoutMs ?? 30_000,
    connectTimeoutMs: given.connectTimeoutMs ?? 5_000,
    connections: given.connections ?? 8,
    maxResponseBytes: given.maxResponseBytes ?? 16 * 1024 * 1024,
    pollMs: given.pollMs ?? 3_000,
  };
}

function address(name: string, url: string): string {
  requireTls(name, url);
  return url.replace(/\/+$/, "");
}

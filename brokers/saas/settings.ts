/** The two shapes the adapter reads: how a vendor is reached, and what a plan orders there. */
import type { Json, JsonObject, JsonSchema, Settings } from "#adapter";
import { readCertificates, requireTls } from "#trust";
import { signingKey } from "./callback.ts";
import { contract } from "./contract.ts";
import { type Mapping, mappingSchema } from "./mapping.ts";

const whole = (minimum: number, maximum: number, value: number) =>
  ({ type: "integer", minimum, maximum, default: value }) as const;

const limits = {
  timeoutMs: { ...whole(100, 600_000, 30_000), description: "For one request, answer included." },
  connectTimeoutMs: whole(100, 60_000, 5_000),
  connections: { ...whole(1, 1000, 16), description: "Kept alive and used again." },
  maxResponseBytes: whole(1024, 64 * 1024 * 1024, 4 * 1024 * 1024),
  busyMs: { ...whole(1, 600_000, 5_000), description: "Until a busy vendor is asked again that names no time." },
  settleMs: {
    ...whole(0, 600_000, 5_000),
    description:
      "How long an order that was given up may still be on its way; a removal that found nothing looks again.",
  },
};
type Limits = { readonly [name in keyof typeof limits]: number };
/** For accounts that were not written by hand. */
const defaults = Object.fromEntries(Object.entries(limits).map(([name, limit]) => [name, limit.default])) as Limits;
const text = { type: "string", minLength: 1 } as const;

export const settingsSchema: JsonSchema = {
  type: "object",
  additionalProperties: false,
  required: ["url"],
  properties: {
    url: {
      ...text,
      pattern: "^https?://[^?#@]+$",
      description: "The vendor's address; /subscriptions and so on are added. https, except on the loopback address.",
    },
    token: { ...text, description: "A bearer token." },
    tokenHeader: {
      ...text,
      pattern: "^[A-Za-z0-9-]+$",
      description: "The header the vendor wants the bare token in, such as X-Api-Key; absent: Authorization: Bearer.",
    },
    username: { ...text, description: "HTTP Basic with password, instead of a token." },
    password: text,
    tokenUrl: {
      ...text,
      pattern: "^https?://[^#@]+$",
      description: "OAuth 2 client credentials, with clientId and clientSecret.",
    },
    clientId: text,
    clientSecret: text,
    scope: text,
    ca: { ...text, description: "PEM text or the path of a PEM file; absent: the system's authorities." },
    callbackUrl: {
      ...text,
      pattern: "^https?://[^#@]+/callbacks/[^/?#]+$",
      description: "Lotse's address as the vendor sees it, then /callbacks/ and this account's name.",
    },
    callbackSecret: {
      ...text,
      description: "Shared with the vendor, who signs callbacks with it: whsec_ and 24 to 64 bytes in base64.",
    },
    formerCallbackSecret: { ...text, description: "Still taken while the vendor changes to the new one." },
    ...limits,
    mapping: mappingSchema,
  },
};

/** Settings that hold secrets. */
export const secrets = ["token", "password", "clientSecret", "callbackSecret", "formerCallbackSecret"] as const;

/** Settings that say where the secrets are sent, and who may pose as that. */
export const destinations = ["url", "tokenUrl", "tokenHeader", "ca"] as const;

export const backendSchema: JsonSchema = {
  type: "object",
  additionalProperties: false,
  required: ["product"],
  properties: {
    product: { ...text, description: "The vendor's word for the product." },
    plan: { ...text, description: "The vendor's word for the plan." },
    options: { type: "object", description: "What else the vendor wants to know of this plan." },
  },
};

export interface Backend {
  readonly product: string;
  readonly plan?: string;
  readonly options: JsonObject;
}

export function readBackend(backend: Json): Backend {
  const given = backend as unknown as Partial<Backend>;
  return { ...given, product: given.product ?? "", options: given.options ?? {} };
}

export type Auth =
  | { readonly kind: "none" }
  | { readonly kind: "header"; readonly name: string; readonly value: string }
  | {
      readonly kind: "oauth";
      readonly tokenUrl: string;
      readonly clientId: string;
      readonly clientSecret: string;
      readonly scope?: string;
    };

export interface Account extends Limits {
  readonly url: string;
  readonly auth: Auth;
  /** Texts that must never be shown, whatever the vendor answers. */
  readonly secretTexts: readonly string[];
  readonly tls: { readonly ca?: string };
  readonly callbackUrl?: string;
  /** Keys a callback may be signed with. */
  readonly callbackKeys: readonly Buffer[];
  readonly mapping: Mapping;
}

type Hidden = (name: (typeof secrets)[number]) => string | undefined;

/** Throws with advice where settings contradict each other or secrets would cross a network in the clear. */
export function readAccount({ values, secrets: hidden, directory = "", withoutFiles = false }: Settings): Account {
  const given = values as unknown as Omit<Account, "auth" | "tls" | "secretTexts" | "callbackKeys">;
  const secret: Hidden = (name) => hidden[name]?.reveal();
  const url = given.url.replace(/\/+$/, "");
  requireTls("url", url);
  if (given.callbackUrl !== undefined) requireTls("callbackUrl", given.callbackUrl);
  const signing = [secret("callbackSecret"), secret("formerCallbackSecret")].filter((key) => key !== undefined);
  if (given.callbackUrl !== undefined && signing.length === 0)
    throw new Error("callbackUrl needs callbackSecret: a callback that nobody signed is not believed.");
  const authority = values.ca as string | undefined;
  const ca = authority && readCertificates("ca", authority, withoutFiles ? undefined : directory);
  return {
    ...defaults,
    ...given,
    url,
    mapping: given.mapping ?? contract,
    auth: readAuth(values, secret),
    secretTexts: secrets.flatMap((name) => secret(name) ?? []),
    tls: { ...(ca !== undefined && { ca }) },
    callbackKeys: signing.map(signingKey),
  };
}

function readAuth(values: JsonObject, secret: Hidden): Auth {
  const { username, tokenUrl, clientId, scope, tokenHeader } = values as {
    readonly [name: string]: string | undefined;
  };
  const [password, token, clientSecret] = [secret("password"), secret("token"), secret("clientSecret")];
  const ways = [username ?? password, token, tokenUrl ?? clientId ?? clientSecret].filter((way) => way !== undefined);
  if (ways.length > 1)
    throw new Error("Give one of token, username and password, or tokenUrl with clientId and clientSecret.");
  if (token !== undefined)
    return tokenHeader === undefined
      ? { kind: "header", name: "authorization", value: `Bearer ${token}` }
      : { kind: "header", name: tokenHeader.toLowerCase(), value: token };
  if (username !== undefined || password !== undefined) {
    if (username === undefined || password === undefined) throw new Error("username and password are needed together.");
    const value = `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
    return { kind: "header", name: "authorization", value };
  }
  if (ways.length === 0) return { kind: "none" };
  if (tokenUrl === undefined || clientId === undefined || clientSecret === undefined)
    throw new Error("tokenUrl, clientId and clientSecret are needed together.");
  requireTls("tokenUrl", tokenUrl);
  return { kind: "oauth", tokenUrl, clientId, clientSecret, ...(scope !== undefined && { scope }) };
}

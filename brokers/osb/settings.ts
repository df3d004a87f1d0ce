/** The two shapes the adapter reads: how a downstream broker is reached, and which of its plans a plan stands for. */
import type { Json, JsonObject, JsonSchema, Settings } from "#adapter";
import { readCertificates, requireTls } from "#trust";

const whole = (minimum: number, maximum: number, value: number) => ({
  type: "integer",
  minimum,
  maximum,
  default: value,
});
const text = { type: "string", minLength: 1 } as const;
const passOn = { enum: ["pass", "withhold"], default: "pass" } as const;

export const settingsSchema: JsonSchema = {
  type: "object",
  additionalProperties: false,
  required: ["url"],
  properties: {
    url: {
      ...text,
      pattern: "^https?://[^?#@]+$",
      description: "The broker's address; /v2/… is added to it. https, except on the loopback address.",
    },
    username: { ...text, description: "HTTP Basic, with password." },
    password: text,
    token: { ...text, description: "A bearer token, instead of username and password." },
    tokenUrl: {
      ...text,
      pattern: "^https?://[^#@]+$",
      description: "OAuth 2 client credentials, with clientId and clientSecret.",
    },
    clientId: text,
    clientSecret: text,
    scope: text,
    ca: { ...text, description: "PEM text or the path of a PEM file; absent: the system's authorities." },
    clientCertificate: { ...text, description: "PEM text or path: mutual TLS, with clientKey." },
    clientKey: text,
    apiVersion: {
      type: "string",
      pattern: "^2\\.[0-9]{1,3}$",
      default: "2.17",
      description: "Announced in X-Broker-API-Version.",
    },
    context: {
      ...passOn,
      enum: ["pass", "rewrite", "withhold"],
      description: "What the downstream learns of the platform; rewrite: only that it is Lotse.",
    },
    originatingIdentity: passOn,
    requestIdentity: passOn,
    timeoutMs: { ...whole(100, 600_000, 55_000), description: "For one request, answer included." },
    connectTimeoutMs: whole(100, 60_000, 5_000),
    connections: { ...whole(1, 1000, 16), description: "Kept alive and used again." },
    maxResponseBytes: whole(1024, 256 * 1024 * 1024, 8 * 1024 * 1024),
    retries: {
      ...whole(0, 100, 4),
      description: "Repeats of a request nobody knows the result of, before it counts as failed and is cleaned up.",
    },
    pace: {
      type: "object",
      additionalProperties: false,
      default: {},
      properties: {
        repeatMs: {
          ...whole(1, 60_000, 1_000),
          description: "Until the first repeat; each further one waits twice as long.",
        },
        busyMs: { ...whole(1, 600_000, 5_000), description: "Until a busy broker is asked again that names no time." },
        settleMs: {
          ...whole(0, 600_000, 5_000),
          description:
            "How long a request that was given up may still be on its way; then a removal that found nothing looks again.",
        },
      },
    },
    breaker: {
      type: "object",
      additionalProperties: false,
      default: {},
      description: "After so many failures in a row the broker is left alone for a while.",
      properties: { failures: whole(1, 1000, 10), coolDownMs: whole(100, 3_600_000, 15_000) },
    },
  },
};

/** Settings that hold secrets. */
export const secrets = ["password", "token", "clientSecret", "clientKey"] as const;

/** Settings that say where the secrets are sent, and who may pose as that. */
export const destinations = ["url", "tokenUrl", "ca"] as const;

export const backendSchema: JsonSchema = {
  type: "object",
  additionalProperties: false,
  required: ["serviceId", "planId"],
  properties: {
    serviceId: { ...text, description: "The downstream offering's id." },
    planId: { ...text, description: "The downstream plan's id." },
    instancesRetrievable: { type: "boolean", default: false },
    bindingsRetrievable: { type: "boolean", default: false },
    bindingRotatable: {
      type: "boolean",
      default: false,
      description: "False: a rotation is a fresh binding with the predecessor's parameters.",
    },
  },
};

export type Auth =
  | { readonly kind: "none" }
  | { readonly kind: "header"; readonly value: string }
  | {
      readonly kind: "oauth";
      readonly tokenUrl: string;
      readonly clientId: string;
      readonly clientSecret: string;
      readonly scope?: string;
    };

export interface Account {
  readonly url: string;
  readonly auth: Auth;
  /** Texts that must never be shown, whatever the downstream answers. */
  readonly secretTexts: readonly string[];
  readonly tls: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  readonly apiVersion: string;
  readonly context: "pass" | "rewrite" | "withhold";
  readonly originatingIdentity: "pass" | "withhold";
  readonly requestIdentity: "pass" | "withhold";
  readonly timeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly connections: number;
  readonly maxResponseBytes: number;
  readonly retries: number;
  readonly pace: { readonly repeatMs: number; readonly busyMs: number; readonly settleMs: number };
  readonly breaker: { readonly failures: number; readonly coolDownMs: number };
}

export interface Backend {
  readonly serviceId: string;
  readonly planId: string;
  readonly instancesRetrievable: boolean;
  readonly bindingsRetrievable: boolean;
  readonly bindingRotatable: boolean;
}

/** Throws with advice where settings contradict each other or secrets would cross a network in the clear. */
export function readAccount({ values, secrets: hidden, directory = "", withoutFiles = false }: Settings): Account {
  const given = values as unknown as Omit<Account, "auth" | "tls" | "secretTexts"> & { readonly [key: string]: Json };
  const secret = (name: (typeof secrets)[number]) => hidden[name]?.reveal();
  const url = given.url.replace(/\/+$/, "");
  requireTls("url", url);
  const key = secret("clientKey");
  const certificates = (name: "clientCertificate" | "ca") => {
    const value = values[name] as string | undefined;
    return value === undefined ? undefined : readCertificates(name, value, withoutFiles ? undefined : directory);
  };
  const cert = certificates("clientCertificate");
  if ((key === undefined) !== (cert === undefined))
    throw new Error("clientCertificate and clientKey are needed together.");
  const ca = certificates("ca");
  const auth = readAuth(values, secret);
  return {
    ...given,
    url,
    auth,
    secretTexts: [...secrets.flatMap((name) => secret(name) ?? []), ...inHeader(auth)],
    tls: {
      ...(ca !== undefined && { ca }),
      ...(cert !== undefined && { cert }),
      ...(key !== undefined && { key }),
    },
  };
}

/** What a downstream that repeats the header in its answer shows of it. */
function inHeader(auth: Auth): string[] {
  return auth.kind === "header" ? auth.value.split(" ").slice(1) : [];
}

function readAuth(values: JsonObject, secret: (name: (typeof secrets)[number]) => string | undefined): Auth {
  const { username, tokenUrl, clientId, scope } = values as { readonly [name: string]: string | undefined };
  const password = secret("password");
  const token = secret("token");
  const clientSecret = secret("clientSecret");
  const ways = [username ?? password, token, tokenUrl ?? clientId ?? clientSecret].filter((way) => way !== undefined);
  if (ways.length > 1)
    throw new Error("Give one of username and password, token, or tokenUrl with clientId and clientSecret.");
  if (token !== undefined) return { kind: "header", value: `Bearer ${token}` };
  if (username !== undefined || password !== undefined) {
    if (username === undefined || password === undefined) throw new Error("username and password are needed together.");
    return { kind: "header", value: `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}` };
  }
  if (ways.length === 0) return { kind: "none" };
  if (tokenUrl === undefined || clientId === undefined || clientSecret === undefined)
    throw new Error("tokenUrl, clientId and clientSecret are needed together.");
  requireTls("tokenUrl", tokenUrl);
  return { kind: "oauth", tokenUrl, clientId, clientSecret, ...(scope !== undefined && { scope }) };
}

export function readBackend(backend: Json): Backend {
  const given = backend as unknown as Partial<Backend>;
  return {
    serviceId: given.serviceId ?? "",
    planId: given.planId ?? "",
    instancesRetrievable: given.instancesRetrievable ?? false,
    bindingsRetrievable: given.bindingsRetrievable ?? false,
    bindingRotatable: given.bindingRotatable ?? false,
  };
}

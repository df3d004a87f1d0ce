/** One vendor over HTTP: bounded in time, size and connections, and verified. */
import { errors, Pool } from "undici";
import type { Json, JsonObject } from "#adapter";
import { createTokenSource } from "#oauth";
import type { Asked, Mapping, Request } from "./mapping.ts";
import type { Account } from "./settings.ts";
import { fill, fillHeader, fillPath, fillText } from "./template.ts";

export interface Answer {
  readonly status: number;
  /** Undefined: no JSON. */
  readonly body: Json | undefined;
  /** What the vendor asked to wait, in milliseconds. */
  readonly retryAfterMs?: number;
}

export interface Vendor {
  /** Throws where no answer came, which then may or may not have taken effect; the message holds no secret. */
  ask(request: Request | Asked, scope: JsonObject, signal: AbortSignal): Promise<Answer>;
  close(): Promise<void>;
}

export function connectTo(account: Account): Vendor {
  const { origin, pathname } = new URL(account.url);
  const prefix = pathname === "/" ? "" : pathname;
  const pool = new Pool(origin, {
    connections: account.connections,
    pipelining: 1,
    headersTimeout: account.timeoutMs,
    bodyTimeout: account.timeoutMs,
    maxResponseSize: account.maxResponseBytes,
    // Shorter than most servers keep an idle connection, so that theirs is rarely the one to close it.
    keepAliveTimeout: 4_000,
    connect: { timeout: account.connectTimeoutMs, ...account.tls },
  });
  const authorize = authorizer(account);
  return {
    async ask(request, scope, signal) {
      const limit = AbortSignal.any([signal, AbortSignal.timeout(account.timeoutMs)]);
      const path = prefix + fillPath(request.path, scope) + queryOf(request, scope);
      const body = request.body === undefined ? undefined : (fill(request.body, scope) ?? {});
      const headers = {
        accept: "application/json",
        ...(body !== undefined && { "content-type": "application/json" }),
        ...headersOf(request, account.mapping, scope),
        ...(await authorize.headers(limit)),
      };
      try {
        const sent = { method: request.method, path, headers, signal: limit };
        const response = await pool.request({ ...sent, ...(body !== undefined && { body: JSON.stringify(body) }) });
        const text = await response.body.text();
        if (response.statusCode === 401) authorize.refused();
        const wait = retryAfterOf(response.headers["retry-after"]);
        return {
          status: response.statusCode,
          body: parsed(text),
          ...(wait !== undefined && { retryAfterMs: wait }),
        };
      } catch (error) {
        throw new Error(explain(error, signal), { cause: error });
      }
    },
    close: () => pool.close(),
  };
}

interface Authorizer {
  headers(signal: AbortSignal): Promise<{ readonly [name: string]: string }>;
  /** The vendor answered 401. */
  refused(): void;
}

function authorizer({ auth, connectTimeoutMs, tls }: Account): Authorizer {
  if (auth.kind !== "oauth") {
    const headers = auth.kind === "header" ? { [auth.name]: auth.value } : {};
    return { headers: async () => headers, refused() {} };
  }
  const { kind: _, ...endpoint } = auth;
  const source = createTokenSource({ ...endpoint, connectTimeoutMs, tls });
  return {
    headers: async (signal) => ({ authorization: `Bearer ${await source.token(signal)}` }),
    refused: source.refused,
  };
}

function queryOf({ query = {} }: Request, scope: JsonObject): string {
  const given = Object.entries(query).flatMap(([name, template]) => {
    const text = fillText(template, scope, (found) => found);
    return text === undefined ? [] : [[name, text] as [string, string]];
  });
  return given.length === 0 ? "" : `?${new URLSearchParams(given)}`;
}

function headersOf({ method, headers = {} }: Request, { keyHeader }: Mapping, scope: JsonObject) {
  const keyed = keyHeader !== undefined && method !== "GET" ? { [keyHeader]: "{/key}" } : {};
  const named = { ...keyed, "X-Request-Id": "{/requestId}", ...headers };
  const given = Object.entries(named).flatMap(([name, template]) => {
    const text = fillHeader(template, scope);
    return text === undefined ? [] : [[name.toLowerCase(), text]];
  });
  return Object.fromEntries(given) as { readonly [name: string]: string };
}

function parsed(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}

// Longer waits than a day are taken for mistakes.
const longestWaitMs = 24 * 60 * 60 * 1000;

/** RFC 9110: seconds, or a date. */
function retryAfterOf(header: string | string[] | undefined): number | undefined {
  if (typeof header !== "string") return undefined;
  const ms = /^\d{1,9}$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isFinite(ms) && ms >= 0 ? Math.min(ms, longestWaitMs) : undefined;
}

function explain(error: unknown, signal: AbortSignal): string {
  if (signal.aborted) return "The request was given up.";
  if (error instanceof errors.ResponseExceededMaxSizeError) return "The vendor's answer is larger than allowed.";
  const { name, code } = error as { readonly name?: unknown; readonly code?: unknown };
  if (name === "TimeoutError") return "The vendor did not answer in time.";
  return `The vendor could not be asked (${typeof code === "string" ? code : "unknown reason"}).`;
}

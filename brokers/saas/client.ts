/** One vendor over HTTP: bounded in time, size and connections, and verified. */
import { Pool } from "undici";
import type { Json, JsonObject } from "#adapter";
import { createTokenSource } from "#oauth";
import { bounded, queryOf, readJson, retryAfterMs, whyUnanswered, within } from "#outbound";
import type { Asked, Mapping, Request } from "./mapping.ts";
import type { Account } from "./settings.ts";
import { fill, fillHeader, fillPath, fillText } from "./template.ts";

export interface Answer {
  readonly status: number;
  /** Undefined: no JSON. */
  readonly body: Json | undefined;
  /** What the vendor asked to wait, in milliseconds, and no less than a second. */
  readonly retryAfterMs?: number;
}

export interface Vendor {
  /** Throws where no answer came, which then may or may not have taken effect; the message holds no secret. */
  ask(request: Request | Asked, scope: JsonObject, signal: AbortSignal): Promise<Answer>;
  close(): Promise<void>;
}

/** Whoever says "at once" is not asked without a pause either. */
const leastWaitMs = 1000;

export function connectTo(account: Account): Vendor {
  const { origin, pathname } = new URL(account.url);
  const prefix = pathname === "/" ? "" : pathname;
  const pool = new Pool(origin, bounded(account, account.tls));
  const authorize = authorizer(account);
  return {
    async ask(request, scope, signal) {
      const limit = within(account, signal);
      const path = prefix + fillPath(request.path, scope) + queryOf(filled(request, scope));
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
        const wait = retryAfterMs(response.headers["retry-after"]);
        return {
          status: response.statusCode,
          body: readJson(text),
          ...(wait !== undefined && { retryAfterMs: Math.max(wait, leastWaitMs) }),
        };
      } catch (error) {
        throw new Error(whyUnanswered(error, signal, "The vendor"), { cause: error });
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

function filled({ query = {} }: Request, scope: JsonObject): { readonly [name: string]: string | undefined } {
  const texts = Object.entries(query).map(([name, template]) => [name, fillText(template, scope, (found) => found)]);
  return Object.fromEntries(texts);
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

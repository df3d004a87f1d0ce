/** Asks the broker and keeps every question with its answer. Sends malformed requests as readily as good ones. */
import { errors, Pool } from "undici";
import { isJsonObject, type Json, type JsonObject } from "../core/json.ts";
import { createTokenSource } from "../oauth/client-credentials.ts";
import type { Ledger } from "./ledger.ts";
import type { Credentials, Target } from "./target.ts";

export type Method = "GET" | "PUT" | "PATCH" | "DELETE";

export interface Question {
  readonly method: Method;
  /** From /v2 on, percent-encoded already. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: Json;
  /** Sent as it is, instead of `body`. */
  readonly raw?: string;
  /** Added to the usual ones, or replacing them; null: the usual one is left out. */
  readonly headers?: Readonly<Record<string, string | null>>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  /** Undefined: the body is no JSON object. */
  readonly body: JsonObject | undefined;
}

/** A question and what came of it: an answer, or the reason that there is none. */
export interface Exchange {
  readonly question: Question;
  readonly sent: Readonly<Record<string, string>>;
  readonly answer?: Answer;
  readonly trouble?: string;
  readonly ms: number;
}

export interface Client {
  /** Never throws; without an answer the exchange says why. */
  ask(question: Question): Promise<Exchange>;
  /** As `ask`, and not to be interrupted by the end of the checks: for the clean-up. */
  askToTheEnd(question: Question): Promise<Exchange>;
  /** Everything asked so far, in order. */
  readonly exchanges: readonly Exchange[];
  /** The Authorization headers it logged in with; the target's credentials, and tokens that were fetched with them. */
  readonly logins: readonly string[];
  close(): Promise<void>;
}

/** The version the kit speaks. */
export const apiVersion = "2.17";

/** Why there is no answer to what was not asked any more. */
export const interrupted = "the checks were interrupted";

const longestAnswerBytes = 32 * 1024 * 1024;

export interface ClientParts {
  readonly target: Target;
  readonly ledger: Ledger;
  readonly requestTimeoutMs: number;
  readonly newId: () => string;
  readonly signal: AbortSignal;
  readonly giveUp: AbortSignal;
}

export function createClient({ target, ledger, requestTimeoutMs, newId, signal, giveUp }: ClientParts): Client {
  const { origin, pathname } = new URL(target.url);
  const prefix = pathname.replace(/\/+$/, "");
  const connectTimeoutMs = Math.min(requestTimeoutMs, 10_000);
  const tls = tlsOf(target);
  const pool = new Pool(origin, {
    connections: 8,
    headersTimeout: requestTimeoutMs,
    bodyTimeout: requestTimeoutMs,
    maxResponseSize: longestAnswerBytes,
    connect: { timeout: connectTimeoutMs, ...tls },
  });
  const exchanges: Exchange[] = [];
  const logins = new Set<string>();
  const login = createLogin(target.credentials, connectTimeoutMs, tls);

  async function send(question: Question, until: AbortSignal): Promise<Exchange> {
    const started = Date.now();
    if (until.aborted) return { question, sent: headersFor(question, null), trouble: interrupted, ms: 0 };
    const signal = AbortSignal.any([giveUp, AbortSignal.timeout(requestTimeoutMs)]);
    let authorization: string | null;
    try {
      authorization = await login.header(signal);
    } catch (error) {
      const trouble = `no token was to be had: ${explain(error, giveUp)}`;
      return { question, sent: headersFor(question, null), trouble, ms: Date.now() - started };
    }
    if (authorization !== null) logins.add(authorization);
    const sent = headersFor(question, authorization);
    // Written down before anything is sent: whatever happens from here on, it will be removed.
    ledger.asked(question);
    const exchange = await pool
      .request({
        method: question.method,
        path: `${prefix}${question.path}${queryOf(question.query)}`,
        headers: sent,
        // The end of the checks starts nothing more, yet waits for what is under way: a deletion must not overtake it.
        signal,
        ...bodyOf(question),
      })
      .then(async (response): Promise<Exchange> => {
        const text = await response.body.text();
        const headers = Object.fromEntries(
          Object.entries(response.headers).map(([name, value]) => [name, [value].flat().join(", ")]),
        );
        if (response.statusCode === 401 && sent.authorization === authorization) login.refused();
        const answer = { status: response.statusCode, headers, text, body: readObject(text) };
        return { question, sent, answer, ms: Date.now() - started };
      })
      .catch((error: unknown) => ({ question, sent, trouble: explain(error, giveUp), ms: Date.now() - started }));
    ledger.answered(exchange);
    exchanges.push(exchange);
    return exchange;
  }

  function headersFor({ headers = {}, body, raw }: Question, authorization: string | null): Record<string, string> {
    const usual: Record<string, string | null> = {
      accept: "application/json",
      "x-broker-api-version": apiVersion,
      "x-broker-api-request-identity": newId(),
      authorization,
      "content-type": body !== undefined || raw !== undefined ? "application/json" : null,
    };
    const changed = new Set(Object.keys(headers).map((name) => name.toLowerCase()));
    const kept = Object.entries(usual).filter(([name]) => !changed.has(name));
    return Object.fromEntries(
      [...kept, ...Object.entries(headers)].filter((entry): entry is [string, string] => entry[1] !== null),
    );
  }

  return {
    exchanges,
    get logins() {
      return [...logins];
    },
    ask: (question) => send(question, signal),
    askToTheEnd: (question) => send(question, giveUp),
    close: () => pool.destroy(),
  };
}

type Tls = { readonly ca?: string; readonly cert?: string; readonly key?: string };

const tlsOf = ({ ca, clientCertificate }: Target): Tls => ({
  ...(ca !== undefined && { ca }),
  ...(clientCertificate !== undefined && { cert: clientCertificate.cert, key: clientCertificate.key.reveal() }),
});

interface Login {
  /** Null: the broker asks nobody who they are. Rejects if no token is to be had. */
  header(signal: AbortSignal): Promise<string | null>;
  refused(): void;
}

function createLogin(credentials: Credentials | undefined, connectTimeoutMs: number, tls: Tls): Login {
  if (credentials !== undefined && "tokenUrl" in credentials) {
    const { clientSecret, ...endpoint } = credentials;
    const source = createTokenSource({ ...endpoint, clientSecret: clientSecret.reveal(), connectTimeoutMs, tls });
    return { header: async (signal) => `Bearer ${await source.token(signal)}`, refused: source.refused };
  }
  const fixed = fixedLogin(credentials);
  return { header: async () => fixed, refused() {} };
}

function fixedLogin(credentials: Exclude<Credentials, { tokenUrl: string }> | undefined): string | null {
  if (credentials === undefined) return null;
  if ("token" in credentials) return `Bearer ${credentials.token.reveal()}`;
  return basic(credentials.username, credentials.password.reveal());
}

export const basic = (username: string, password: string): string =>
  `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;

function bodyOf({ body, raw }: Question): { body?: string } {
  if (raw !== undefined) return { body: raw };
  return body === undefined ? {} : { body: JSON.stringify(body) };
}

export function queryOf(query: Question["query"] = {}): string {
  const text = new URLSearchParams(query).toString();
  return text === "" ? "" : `?${text}`;
}

function readObject(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function explain(error: unknown, giveUp: AbortSignal): string {
  if (giveUp.aborted) return interrupted;
  if (error instanceof errors.ResponseExceededMaxSizeError) return "the answer is larger than 32 MB";
  const { name, code, message } = error as { name?: string; code?: string; message?: string };
  const late = ["UND_ERR_HEADERS_TIMEOUT", "UND_ERR_BODY_TIMEOUT"].includes(code ?? "");
  if (name === "TimeoutError" || late) return "no answer in time";
  return code ?? message ?? "unknown trouble";
}

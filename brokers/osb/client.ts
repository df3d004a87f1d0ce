/** One downstream broker over HTTP: bounded in time, size and connections, verified, and left alone while it is down. */
import { BrokenCircuitError, ConsecutiveBreaker, circuitBreaker, handleWhen } from "cockatiel";
import { errors, Pool } from "undici";
import type { Json, JsonObject } from "#adapter";
import { createAuthorizer } from "./authorization.ts";
import type { Account } from "./settings.ts";

export interface Question {
  readonly method: "GET" | "PUT" | "PATCH" | "DELETE";
  /** Below the broker's address, each part to be percent-encoded. */
  readonly path: readonly string[];
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: JsonObject;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Answer {
  readonly status: number;
  /** Undefined: the body is no JSON object. */
  readonly body: JsonObject | undefined;
  /** Seconds the downstream asked to wait, as milliseconds. */
  readonly retryAfterMs?: number;
  readonly etag?: string;
}

/** The request may or may not have taken effect, or surely did not (`delivered: false`). */
export class Unanswered extends Error {
  readonly delivered: boolean;

  constructor(message: string, delivered: boolean, cause: unknown) {
    super(message, { cause });
    this.delivered = delivered;
  }
}

export interface Downstream {
  /** Throws `Unanswered` only. */
  ask(question: Question, signal: AbortSignal): Promise<Answer>;
  close(): Promise<void>;
}

export function connectTo(account: Account): Downstream {
  const { origin, pathname } = new URL(account.url);
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
  const authorizer = createAuthorizer(account);
  const { failures, coolDownMs } = account.breaker;
  const breaker = circuitBreaker(
    handleWhen((error) => error instanceof Unanswered),
    { halfOpenAfter: coolDownMs, breaker: new ConsecutiveBreaker(failures) },
  );
  const prefix = pathname === "/" ? "" : pathname;

  async function send(question: Question, signal: AbortSignal): Promise<Answer> {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(account.timeoutMs)]);
    const authorization = await authorizer.header(limit).catch((error: unknown) => {
      throw new Unanswered(`No token was to be had: ${messageOf(error)}`, false, error);
    });
    const path = `${prefix}/${question.path.map(encodeURIComponent).join("/")}${queryOf(question.query)}`;
    try {
      const response = await pool.request({
        method: question.method,
        path,
        signal: limit,
        headers: {
          accept: "application/json",
          "x-broker-api-version": account.apiVersion,
          ...question.headers,
          ...(authorization !== undefined && { authorization }),
          ...(question.body !== undefined && { "content-type": "application/json" }),
        },
        ...(question.body !== undefined && { body: JSON.stringify(question.body) }),
      });
      const text = await response.body.text();
      if (response.statusCode === 401) authorizer.refused();
      return {
        status: response.statusCode,
        body: readObject(text),
        ...retryAfterOf(response.headers["retry-after"]),
        ...(typeof response.headers.etag === "string" && { etag: response.headers.etag }),
      };
    } catch (error) {
      throw new Unanswered(explain(error, signal), maybeDelivered(error), error);
    }
  }

  return {
    async ask(question, signal) {
      try {
        return await breaker.execute(() => send(question, signal));
      } catch (error) {
        if (!(error instanceof BrokenCircuitError)) throw error;
        throw new Unanswered("The broker did not answer lately and is left alone for a moment.", false, error);
      }
    },
    close: () => pool.close(),
  };
}

function queryOf(query: Question["query"]): string {
  const given = Object.entries(query ?? {}).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return given.length === 0 ? "" : `?${new URLSearchParams(given)}`;
}

function readObject(text: string): JsonObject | undefined {
  try {
    const value = JSON.parse(text) as Json;
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined;
  } catch {
    return undefined;
  }
}

// Longer waits than a day are taken for mistakes.
const longestWaitMs = 24 * 60 * 60 * 1000;

/** RFC 9110: seconds, or a date. */
function retryAfterOf(header: string | string[] | undefined): { retryAfterMs?: number } {
  if (typeof header !== "string") return {};
  const ms = /^\d{1,9}$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isFinite(ms) && ms >= 0 ? { retryAfterMs: Math.min(ms, longestWaitMs) } : {};
}

// Errors of connecting: nothing of the request was sent yet.
const neverSent = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
]);

function maybeDelivered(error: unknown): boolean {
  const code = codeOf(error);
  return !(neverSent.has(code) || code.startsWith("ERR_TLS") || code.startsWith("CERT_") || certificateCodes.has(code));
}

const certificateCodes = new Set([
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
]);

function explain(error: unknown, signal: AbortSignal): string {
  if (signal.aborted) return "The request was given up.";
  if (error instanceof errors.ResponseExceededMaxSizeError) return "The broker's answer is larger than allowed.";
  if ((error as { readonly name?: unknown }).name === "TimeoutError") return "The broker did not answer in time.";
  return `The broker could not be asked (${codeOf(error) || messageOf(error)}).`;
}

function codeOf(error: unknown): string {
  const { code } = error as { readonly code?: unknown };
  return typeof code === "string" ? code : "";
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : "unknown reason";
}

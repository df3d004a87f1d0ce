/** One downstream broker over HTTP: bounded in time, size and connections, verified, and left alone while it is down. */
import { BrokenCircuitError, ConsecutiveBreaker, circuitBreaker, handleWhen } from "cockatiel";
import { Pool } from "undici";
import type { JsonObject } from "#adapter";
import { bounded, codeOf, queryOf, readObject, retryAfterMs, whyUnanswered, within } from "#outbound";
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
  /** What the downstream asked to wait, and no less than the account's own pace. */
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
  const pool = new Pool(origin, bounded(account, account.tls));
  const authorizer = createAuthorizer(account);
  const { failures, coolDownMs } = account.breaker;
  const breaker = circuitBreaker(
    handleWhen((error) => error instanceof Unanswered),
    { halfOpenAfter: coolDownMs, breaker: new ConsecutiveBreaker(failures) },
  );
  const prefix = pathname === "/" ? "" : pathname;

  async function send(question: Question, signal: AbortSignal): Promise<Answer> {
    const limit = within(account, signal);
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
      const wait = retryAfterMs(response.headers["retry-after"]);
      return {
        status: response.statusCode,
        body: readObject(text),
        // Whoever says "at once" is not asked without a pause either.
        ...(wait !== undefined && { retryAfterMs: Math.max(wait, account.pace.repeatMs) }),
        ...(typeof response.headers.etag === "string" && { etag: response.headers.etag }),
      };
    } catch (error) {
      throw new Unanswered(whyUnanswered(error, signal, "The broker"), maybeDelivered(error), error);
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

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : "unknown reason";
}

/** One API server over HTTP: bounded in time, size and connections, always verified. */
import { readFile } from "node:fs/promises";
import { Pool } from "undici";
import type { JsonObject } from "#adapter";
import { bounded, queryOf, readObject, retryAfterMs, within } from "#outbound";
import type { Account } from "./settings.ts";
import { walk } from "./template.ts";

export interface Question {
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  /** Below the server's address, parts percent-encoded already. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: JsonObject;
}

export interface Api {
  readonly account: Account;
  /** The answer's body if it is a success. Throws `Told`, `Busy`, or what the network threw: then nothing is known. */
  ask(question: Question, signal: AbortSignal): Promise<JsonObject>;
  close(): Promise<void>;
}

/** The API server answered with something else than a success. Its words may hold parameters, so a log never gets them. */
export class Told extends Error {
  readonly code: number;
  readonly #status: JsonObject;

  constructor(question: Question, code: number, status: JsonObject) {
    const reason = typeof status.reason === "string" ? status.reason : "no reason";
    super(`${question.method} ${question.path}: ${code} ${reason}`);
    this.code = code;
    this.#status = status;
  }

  /** Kubernetes: Status. */
  status(): JsonObject {
    return this.#status;
  }

  text(): string {
    return typeof this.#status.message === "string" ? this.#status.message : "";
  }
}

/** 429: the API server asks to be left alone for a while (API priority and fairness). */
export class Busy extends Error {
  readonly afterMs: number;

  constructor(afterMs: number) {
    super("The API server is busy.");
    this.afterMs = afterMs;
  }
}

// A token that the cluster mounts is renewed long before it ends (Kubernetes: Bound service account tokens).
const tokenFileMs = 60_000;
// Longer waits than an hour are taken for mistakes.
const longestWaitMs = 60 * 60 * 1000;

export function connectTo(account: Account): Api {
  const { origin, pathname } = new URL(account.server);
  const prefix = pathname === "/" ? "" : pathname;
  const pool = new Pool(origin, bounded(account, account.tls));
  let fromFile: { readonly token: string; readonly readAt: number } | undefined;

  async function authorization(): Promise<{ authorization?: string }> {
    const { token, tokenFile } = account.auth;
    if (token !== undefined) return { authorization: `Bearer ${token}` };
    if (tokenFile === undefined) return {};
    if (fromFile === undefined || performance.now() - fromFile.readAt > tokenFileMs)
      fromFile = { token: (await readFile(tokenFile, "utf8")).trim(), readAt: performance.now() };
    return { authorization: `Bearer ${fromFile.token}` };
  }

  return {
    account,
    async ask(question, signal) {
      signal.throwIfAborted();
      const response = await pool.request({
        method: question.method,
        path: `${prefix}${question.path}${queryOf(question.query)}`,
        signal: within(account, signal),
        headers: {
          accept: "application/json",
          "user-agent": "lotse",
          ...(await authorization()),
          ...(question.body !== undefined && {
            "content-type": question.method === "PATCH" ? "application/apply-patch+yaml" : "application/json",
          }),
        },
        ...(question.body !== undefined && { body: JSON.stringify(question.body) }),
      });
      const text = await response.body.text();
      const { statusCode } = response;
      if (statusCode === 429) throw new Busy(waitOf(response.headers["retry-after"], text));
      const body = readObject(text);
      if (statusCode < 200 || statusCode > 299) throw new Told(question, statusCode, body ?? {});
      if (body === undefined) throw new Error(`${question.method} ${question.path}: the answer is no JSON object.`);
      return body;
    },
    close: () => pool.close(),
  };
}

/** The header, or the same in the answer's body, in seconds; a second where neither says. */
function waitOf(header: string | string[] | undefined, text: string): number {
  const inBody = Number(walk(readObject(text), ["details", "retryAfterSeconds"])) * 1000;
  const said = retryAfterMs(header) ?? (Number.isFinite(inBody) ? inBody : 0);
  return Math.min(Math.max(said, 1000), longestWaitMs);
}

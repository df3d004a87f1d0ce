/** HTTP to the services of one cloud: verified, kept alive, bounded in time and size, and patient with busy services. */
import { setTimeout as pause } from "node:timers/promises";
import { Agent, request } from "undici";
import type { Json } from "#adapter";
import { bounded, readJson, retryAfterMs, whyUnanswered, within } from "#outbound";
import { Unanswered } from "./answers.ts";
import type { Account } from "./settings.ts";

export type Method = "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";

export interface HttpQuestion {
  readonly method: Method;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  /** Undefined: the text is no JSON. */
  readonly body: Json | undefined;
}

export interface Http {
  /** Any status is an answer; throws `Unanswered` where none came. */
  send(question: HttpQuestion, signal: AbortSignal): Promise<HttpAnswer>;
  close(): Promise<void>;
}

/** First wait for a busy service that names no time; each further one is twice as long. */
const firstWaitMs = 500;
/** A service that wants more is left to the engine's own repeats. */
const longestWaitMs = 30_000;

export function openHttp(account: Account): Http {
  const agent = new Agent(bounded(account, account.ca === undefined ? {} : { ca: account.ca }));

  async function once({ method, url, headers, body }: HttpQuestion, signal: AbortSignal): Promise<HttpAnswer> {
    const limit = within(account, signal);
    try {
      const answer = await request(url, {
        dispatcher: agent,
        method,
        signal: limit,
        headers: { accept: "application/json", ...headers },
        ...(body !== undefined && { body }),
      });
      const text = await answer.body.text();
      return { status: answer.statusCode, headers: flat(answer.headers), text, body: readJson(text) };
    } catch (error) {
      throw new Unanswered(whyUnanswered(error, signal, `${method} ${new URL(url).origin}`), { cause: error });
    }
  }

  return {
    async send(question, signal) {
      for (let repeat = 0; ; repeat++) {
        const answer = await once(question, signal);
        const waitMs = busyMs(question.method, answer, repeat);
        if (waitMs === undefined || repeat >= account.retries || waitMs > longestWaitMs) return answer;
        await pause(waitMs, undefined, { signal }).catch((cause: unknown) => {
          throw new Unanswered("The request was given up.", { cause });
        });
      }
    },
    // What is still under way is given up: nobody waits for it any more.
    close: () => agent.destroy(),
  };
}

/**
 * How long to leave a busy service alone; undefined where it is not busy. 429 surely had no effect. 503 may come from a
 * proxy that lost the answer of a request it passed on, so only what may be said twice is said again.
 */
export function busyMs(method: Method, { status, headers }: HttpAnswer, repeat: number): number | undefined {
  const again = status === 429 || (status === 503 && method !== "POST");
  if (!again) return undefined;
  return retryAfterMs(headers["retry-after"]) ?? firstWaitMs * 2 ** repeat;
}

function flat(headers: Record<string, string | string[] | undefined>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, Array.isArray(value) ? value.join(", ") : value]],
    ),
  );
}

/** What a cloud's service answered, as errors that a person can read and an adapter can tell apart. */
import type { Json } from "#adapter";

/** The service said no, in so many words. Whatever is no clear "no" is an `Unanswered`. */
export class Refused extends Error {
  readonly service: string;
  readonly status: number;
  /** The service's own words, without secrets of ours. */
  readonly words: string;

  constructor(service: string, method: string, path: string, status: number, words: string) {
    super(`${service} answered ${method} ${path} with ${status}: ${words}`);
    this.service = service;
    this.status = status;
    this.words = words;
  }
}

/** Nobody knows whether the request took effect: no answer, or one that says nothing about it. */
export class Unanswered extends Error {}

/**
 * Keystone gives no token, and says so. That is a "no" to Lotse and tells nothing about what was asked for: a credential that
 * was deleted is answered with 404, which must never be taken for a machine that is gone.
 */
export class LoginRefused extends Unanswered {
  readonly status: number;

  constructor(status: number, words: string) {
    super(`Keystone gives no token (${status}): ${words}`);
    this.status = status;
  }
}

/** Status of a service's clear "no", if the error is one. */
export function statusOf(error: unknown): number | undefined {
  return error instanceof Refused ? error.status : undefined;
}

/** Runs `request`; undefined where the thing it is about is not there (404). */
export async function unlessGone<T>(request: Promise<T>): Promise<T | undefined> {
  try {
    return await request;
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw error;
  }
}

const longestWords = 300;

/**
 * The service's own words in an error body. Nova wraps them as `{ forbidden: { message } }`, Neutron as `{ NeutronError:
 * { message } }`, Keystone as `{ error: { message } }`; Glance and Swift answer in HTML or plain text.
 */
export function wordsOf(body: Json | undefined, text: string, secretTexts: readonly string[]): string {
  const found = messageIn(body) ?? text.replace(/<[^>]*>/g, " ");
  const line = found.replace(/\s+/g, " ").trim();
  const safe = secretTexts.reduce((said, secret) => said.replaceAll(secret, "[secret]"), line);
  return safe.length === 0 ? "no reason given" : safe.slice(0, longestWords);
}

function messageIn(body: Json | undefined): string | undefined {
  if (typeof body !== "object" || body === null || Array.isArray(body)) return undefined;
  for (const value of Object.values(body)) {
    if (typeof value !== "object" || value === null) continue;
    const { message } = value as { readonly message?: unknown };
    if (typeof message === "string") return message;
  }
  const { message } = body as { readonly message?: unknown };
  return typeof message === "string" ? message : undefined;
}

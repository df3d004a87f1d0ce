/** HTTP to the systems behind the broker, for adapters: what all of them bound, read and tell in the same way. */
import { type Agent, errors } from "undici";
import type { Json, JsonObject } from "../core/json.ts";

export interface Bounds {
  /** Kept alive, to one server at a time. */
  readonly connections?: number;
  readonly connectTimeoutMs: number;
  /** For one request, answer included. */
  readonly timeoutMs: number;
  readonly maxResponseBytes: number;
}

/** PEM texts: the authority that signed the server's certificate, and a client certificate with its key. */
export interface Certificates {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** For an Agent or a Pool of undici: verified, and bounded in time, size and connections. */
export function bounded(bounds: Bounds, { ca, cert, key }: Certificates) {
  return {
    connections: bounds.connections ?? null,
    pipelining: 1,
    headersTimeout: bounds.timeoutMs,
    bodyTimeout: bounds.timeoutMs,
    maxResponseSize: bounds.maxResponseBytes,
    // Shorter than most servers keep an idle connection, so that theirs is rarely the one to close it.
    keepAliveTimeout: 4_000,
    connect: {
      timeout: bounds.connectTimeoutMs,
      ...(ca !== undefined && { ca }),
      ...(cert !== undefined && { cert }),
      ...(key !== undefined && { key }),
    },
  } satisfies Agent.Options;
}

/** Ends when the caller gives up, or when a request has taken as long as it may. */
export const within = ({ timeoutMs }: Bounds, signal: AbortSignal): AbortSignal =>
  AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);

/** Undefined: the text is no JSON. */
export function readJson(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}

/** Undefined: the text is no JSON object. */
export function readObject(text: string): JsonObject | undefined {
  const value = readJson(text);
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined;
}

/** With its question mark; empty where nothing is given. */
export function queryOf(query: Readonly<Record<string, string | undefined>> = {}): string {
  const given = Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return given.length === 0 ? "" : `?${new URLSearchParams(given)}`;
}

// Longer waits than a day are taken for mistakes.
const longestWaitMs = 24 * 60 * 60 * 1000;

/** `Retry-After` in milliseconds from now (RFC 9110, 10.2.3: seconds, or a date); undefined where it says nothing. */
export function retryAfterMs(header: string | readonly string[] | undefined): number | undefined {
  if (typeof header !== "string") return undefined;
  const ms = /^\d{1,9}$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), longestWaitMs) : undefined;
}

/** Why no answer came, for people; of what was sent it holds nothing. `whom`: as the sentence begins. */
export function whyUnanswered(error: unknown, signal: AbortSignal, whom: string): string {
  if (signal.aborted) return "The request was given up.";
  if (error instanceof errors.ResponseExceededMaxSizeError) return `${whom} answered with more than is allowed.`;
  if ((error as { readonly name?: unknown }).name === "TimeoutError") return `${whom} did not answer in time.`;
  return `${whom} could not be asked (${codeOf(error) || "unknown reason"}).`;
}

/** Node's and undici's codes, such as ECONNREFUSED; empty where there is none. */
export function codeOf(error: unknown): string {
  const { code } = error as { readonly code?: unknown };
  return typeof code === "string" ? code : "";
}

/**
 * The log line of a request, put together by hand: one is written for each, and building an object for pino to take
 * apart again costs as much as everything else that is done for a request that finds its answer ready.
 */
import { describeQuery, describeWord } from "./http/log-redaction.ts";
import { timestamp } from "./log-output.ts";

/** What a line tells. Routes are patterns, ids are the platform's; bodies and headers have no place here. */
export interface Answered {
  readonly method: string;
  readonly route: string;
  readonly status: number;
  readonly requestId: string;
  readonly platform?: string | undefined;
  /** Of the management API. */
  readonly principal?: string | undefined;
  readonly query?: unknown;
  readonly instance?: string | undefined;
  readonly binding?: string | undefined;
  readonly ms: number;
}

export type RequestLog = (answered: Answered) => void;

/** pino's number for `info`. */
const info = 30;

/** Lines as pino writes them, into its own destination. */
export function createRequestLog(destination: { write(line: string): unknown }): RequestLog {
  return ({ method, route, status, requestId, platform, principal, query, instance, binding, ms }) => {
    let line = `{"level":${info}${timestamp()},"method":${text(method)},"route":${text(route)},"status":${status}`;
    line += `,"requestId":${text(requestId)}`;
    if (platform !== undefined) line += `,"platform":${text(platform)}`;
    if (principal !== undefined) line += `,"principal":${text(principal)}`;
    if (query !== undefined) line += described(query);
    if (instance !== undefined) line += `,"instance":${text(instance)}`;
    if (binding !== undefined) line += `,"binding":${text(binding)}`;
    destination.write(`${line},"ms":${Math.round(ms * 10) / 10},"msg":"request"}\n`);
  };
}

/** Short, and nothing that would have to be escaped or cleaned; nearly every text. */
const plain = /^[\x21\x23-\x5b\x5d-\x7e]{0,255}$/;

function text(value: string): string {
  return plain.test(value) ? `"${value}"` : JSON.stringify(describeWord(value));
}

function described(query: unknown): string {
  const known = describeQuery(query);
  return known === undefined ? "" : `,"query":${JSON.stringify(known)}`;
}

/** The few things of HTTP that the vendor needs: bodies, answers, problems. */
import type { IncomingMessage, ServerResponse } from "node:http";

/** An expected "no", as RFC 9457 words it. */
export class Problem extends Error {
  readonly status: number;
  readonly code: string;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, code: string, detail: string, headers: Readonly<Record<string, string>> = {}) {
    super(detail);
    this.status = status;
    this.code = code;
    this.headers = headers;
  }
}

const longestBody = 256 * 1024;

export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request) {
    length += (chunk as Buffer).length;
    if (length > longestBody) throw new Problem(413, "too-large", "The body is longer than 256 KiB.");
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks);
}

export type Fields = Readonly<Record<string, unknown>>;

export const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export function readFields(body: Buffer): Fields {
  try {
    const value: unknown = JSON.parse(body.toString("utf8"));
    if (isFields(value)) return value;
  } catch {
    // Told below.
  }
  throw new Problem(400, "malformed", "The body must be a JSON object.");
}

export function sendJson(response: ServerResponse, status: number, value: unknown): void {
  send(response, status, "application/json", JSON.stringify(value));
}

export function send(
  response: ServerResponse,
  status: number,
  type: string,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { "content-type": type, "cache-control": "no-store", ...headers });
  response.end(body);
}

export function sendProblem(response: ServerResponse, error: unknown): void {
  const problem = error instanceof Problem ? error : new Problem(500, "internal", "Something went wrong here.");
  const { status, code, message, headers } = problem;
  const body = { type: `urn:lotse:saas-provider:${code}`, title: code, status, detail: message };
  send(response, status, "application/problem+json", JSON.stringify(body), headers);
}

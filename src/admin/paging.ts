/** Lists in pages. A page begins behind a row and not at a number: what comes and goes meanwhile moves nothing. */
import type { FastifyReply, FastifyRequest } from "fastify";
import type { JsonSchema } from "../core/json.ts";
import { invalidParameter } from "./problem.ts";

export interface PageQuery {
  readonly limit: number;
  readonly cursor?: string;
}

/** The schema of a list's query: `filters`, and where to go on. */
export const listQuery = (filters: { readonly [name: string]: JsonSchema } = {}) => ({
  type: "object",
  additionalProperties: false,
  properties: {
    limit: { type: "integer", minimum: 1, maximum: 200, default: 50, description: "Items in a page." },
    cursor: { type: "string", maxLength: 200, description: "`next` of the page before." },
    ...filters,
  },
});

/** The schema of a page. */
export const pageOf = (item: JsonSchema) => ({
  type: "object",
  required: ["items"],
  properties: {
    items: { type: "array", items: item },
    next: { type: "string", description: "Cursor of the next page; absent on the last one." },
  },
});

/** What a page holds, and the key behind which the next one begins. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly next?: string;
}

/** Of one row more than fit a page: the page. */
export function cut<T>(rows: readonly T[], limit: number, keyOf: (row: T) => string): Page<T> {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  return rows.length > limit && last !== undefined ? { items, next: keyOf(last) } : { items };
}

const anyKey = /^[a-z0-9-]{1,64}$/;

/** The key a cursor of this very list holds; undefined without one. */
export function readCursor(list: string, { cursor }: PageQuery, keyForm: RegExp = anyKey): string | undefined {
  if (cursor === undefined) return undefined;
  const [of, key = "", ...more] = Buffer.from(cursor, "base64url").toString("latin1").split(" ");
  const ours = of === list && keyForm.test(key) && more.length === 0;
  if (!ours || cursorOf(list, key) !== cursor) throw invalidParameter("cursor", "is none that this list gave out");
  return key;
}

/** Opaque to clients: the list it belongs to, and the key behind which the page begins. */
export const cursorOf = (list: string, key: string): string =>
  Buffer.from(`${list} ${key}`, "latin1").toString("base64url");

/** The page as it is answered, and the same in the header Link (RFC 8288). */
export function answerPage<T>(request: FastifyRequest, reply: FastifyReply, list: string, page: Page<T>): Page<T> {
  if (page.next === undefined) return { items: page.items };
  const next = cursorOf(list, page.next);
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(request.query as object)) query.set(name, `${value}`);
  query.set("cursor", next);
  reply.header("link", `<${request.routeOptions.url}?${query}>; rel="next"`);
  return { items: page.items, next };
}

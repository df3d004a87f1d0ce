/** Optimistic concurrency: a change names the version it was decided on. */
import type { FastifyReply, FastifyRequest } from "fastify";
import { Problem } from "./problem.ts";

const etagOf = (version: number): string => `"${version}"`;

/** Says which version the answer shows. */
export function tellVersion(reply: FastifyReply, version: number): void {
  reply.header("etag", etagOf(version));
}

/** For the schema of a route that changes something. */
export const ifMatchHeader = {
  type: "object",
  properties: { "if-match": { type: "string", description: "ETag of what the change was decided on; required." } },
} as const;

/** Throws unless the request names the version there is now. Whoever writes then must still guard the write by it. */
export function requireVersion({ headers }: Pick<FastifyRequest, "headers">, current: number): void {
  const asked = headers["if-match"];
  if (asked === undefined || asked.trim() === "") throw new Problem("PreconditionRequired");
  if (!named(asked).includes(etagOf(current)) && asked.trim() !== "*") throw stale(current);
}

/** Where nothing is there yet, `If-None-Match: *` says that this was seen. */
export function requireVersionOrNone({ headers }: Pick<FastifyRequest, "headers">, current: number): void {
  const seenNone = headers["if-none-match"]?.trim() === "*";
  if (current > 0 && seenNone) throw stale(current);
  if (current > 0) requireVersion({ headers }, current);
  else if (headers["if-match"] !== undefined) throw new Problem("Stale");
  else if (!seenNone)
    throw new Problem("PreconditionRequired", {
      detail: "There is none yet: say so with the header If-None-Match: *.",
    });
}

export const stale = (current: number): Problem => new Problem("Stale", { headers: { etag: etagOf(current) } });

const named = (header: string): readonly string[] => header.split(",").map((etag) => etag.trim());

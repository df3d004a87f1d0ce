/** Small things the routes share: how they are described, and how times are written. */
import type { FastifySchema } from "fastify";
import type { Millis } from "../core/model.ts";

export const text = { type: "string" } as const;
export const time = { type: "string", format: "date-time" } as const;

/** RFC 3339, UTC. */
export const timeOf = (millis: Millis): string => new Date(millis).toISOString();

/** A route's schema, with what the OpenAPI document says besides. */
export const describeRoute = (summary: string, schema: FastifySchema): FastifySchema =>
  ({ summary, security: [{ bearer: [] }], ...schema }) as FastifySchema;

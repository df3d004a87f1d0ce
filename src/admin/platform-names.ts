/** Platforms are asked for and shown by their names; rows hold their ids. */
import type { FastifyRequest } from "fastify";
import { hint } from "../config/problem.ts";
import { mayDo } from "../core/permissions.ts";
import { principalOf } from "./authenticate.ts";
import { invalidParameter } from "./problem.ts";

export const platformFilter = { type: "string", maxLength: 255, description: "Its name." } as const;

/**
 * The id of the platform asked for, if one is. A name that is none is told to those who may know the names; to others
 * it is a platform that ordered nothing of theirs.
 */
export function nameFilter(
  request: FastifyRequest,
  names: ReadonlyMap<string, string>,
  wanted: string | undefined,
): string | undefined {
  if (wanted === undefined) return undefined;
  for (const [id, name] of names) if (name === wanted) return id;
  if (mayDo(principalOf(request), "platforms.read"))
    throw invalidParameter("platform", `is not the name of a platform${hint(wanted, [...names.values()])}`);
  return "none";
}

/** What the routes about providers share: who acts, what comes in the way, and how a provider is shown. */
import type { FastifyReply, FastifyRequest } from "fastify";
import type { JsonObject } from "../core/json.ts";
import { mayDo } from "../core/permissions.ts";
import type { Provider } from "../core/provider.ts";
import type { Actor, Result } from "../providers/result.ts";
import { principalOf } from "./authenticate.ts";
import { stale, tellVersion } from "./etag.ts";
import { noProvider, requireProvider } from "./guard.ts";
import type { FederationParts } from "./parts.ts";
import { Problem } from "./problem.ts";
import { timeOf } from "./shapes.ts";
import { pointerOf } from "./validate.ts";

export function actorOf(request: FastifyRequest): Actor {
  const principal = principalOf(request);
  const { name, tokenId } = principal;
  return { name, token: tokenId, requestId: request.id, releases: mayDo(principal, "catalog.publish") };
}

export interface Named {
  readonly name: string;
}

/** The provider a route is about, if the request may have to do with it. */
export async function findProvider(request: FastifyRequest, { providers }: FederationParts): Promise<Provider> {
  const { name } = request.params as Named;
  requireProvider(request, name);
  const provider = await providers.byName(name);
  if (provider === undefined) throw noProvider(name);
  return provider;
}

/** What was done, or the problem that stood in the way; `version` is the one there is now, for who was too late. */
export async function doneOr<T>(result: Result<T>, version: () => Promise<number>): Promise<T> {
  if ("done" in result) return result.done;
  const { code, detail, problems = [] } = result.obstacle;
  if (code === "Unknown") throw new Problem("NotFound", { detail });
  if (code === "Stale") throw stale(await version());
  const errors = problems.map(({ path, message }) => ({ pointer: pointerOf(path), detail: message }));
  throw new Problem(code, { detail, ...(errors.length > 0 && { errors }) });
}

/** Without what is secret: of those settings only the names are told. */
export function showProvider(reply: FastifyReply, provider: Provider, federation: FederationParts): JsonObject {
  tellVersion(reply, provider.version);
  return shownProvider(provider, federation);
}

export function shownProvider(provider: Provider, { secretsOf }: FederationParts): JsonObject {
  const { name, origin, adapter, state, details, reading, version, createdAt, updatedAt } = provider;
  const { check, override, ...rest } = details;
  const settings = provider.settings?.reveal();
  const hidden = secretsOf(adapter);
  const open = Object.entries(settings ?? {}).filter(([key]) => !hidden.includes(key));
  return {
    name,
    origin,
    adapter,
    state,
    ...(settings !== undefined && {
      settings: Object.fromEntries(open),
      secrets: hidden.filter((key) => settings[key] !== undefined),
    }),
    ...(rest as unknown as JsonObject),
    ...(check !== undefined && { check: { ...check, at: timeOf(check.at) } }),
    ...(override !== undefined && { override: { ...override, at: timeOf(override.at) } }),
    reading: {
      failures: reading.failures,
      ...(reading.readAt !== undefined && { readAt: timeOf(reading.readAt) }),
      ...(reading.failure !== undefined && { failure: reading.failure }),
    },
    version,
    createdAt: timeOf(createdAt),
    updatedAt: timeOf(updatedAt),
  };
}

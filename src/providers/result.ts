/** What acting on providers shares: who acts, what came of it, and how the audit trail tells it. */
import type { AuditEntry } from "../core/change.ts";
import type { JsonObject } from "../core/json.ts";
import type { Millis } from "../core/model.ts";
import type { Provider, StepRefusal } from "../core/provider.ts";
import type { Providers } from "../store/providers.ts";
import type { SettingsProblem } from "./live-providers.ts";

/** Who acts, by name, with which token, and on which request. */
export interface Actor {
  readonly name: string;
  readonly token?: string;
  readonly requestId?: string;
  /** May change what customers see of a published provider. */
  readonly releases?: boolean;
}

export type ObstacleCode =
  | StepRefusal
  | "Unknown"
  | "Stale"
  | "Invalid"
  | "NameTaken"
  | "IdTaken"
  | "Immutable"
  | "Unreadable"
  | "StandsInFile";

/** What stands in the way; `code` for programs, `detail` for people. */
export interface Obstacle {
  readonly code: ObstacleCode;
  readonly detail: string;
  readonly problems?: readonly SettingsProblem[];
}

export type Result<T> = { readonly done: T } | { readonly obstacle: Obstacle };

export const obstacle = (code: ObstacleCode, detail: string): { readonly obstacle: Obstacle } => ({
  obstacle: { code, detail },
});

export const invalid = (detail: string, problems: readonly SettingsProblem[]): { readonly obstacle: Obstacle } => ({
  obstacle: { code: "Invalid", detail, problems },
});

export const unknown = (name: string) => obstacle("Unknown", `There is no provider "${name}".`);
export const stale = obstacle("Stale", "It was changed meanwhile. Read it again and decide anew.");

/** The provider, if it is as whoever acts has seen it. */
export async function seen(
  providers: Pick<Providers, "byName">,
  name: string,
  version: number,
): Promise<Result<Provider>> {
  const provider = await providers.byName(name);
  if (provider === undefined) return unknown(name);
  return provider.version === version ? { done: provider } : stale;
}

/** Who acts, as the audit trail tells it. */
export const actorTold = ({ name, token }: Actor): JsonObject => ({
  by: "token",
  principal: name,
  ...(token !== undefined && { token }),
});

export function auditOf(action: string, by: Actor, at: Millis, details: JsonObject): AuditEntry {
  return {
    at,
    action,
    outcome: "succeeded",
    actor: actorTold(by),
    details,
    ...(by.requestId !== undefined && { requestId: by.requestId }),
  };
}

/** What a person writes of a provider, and what it changes. */
import type { Organisation } from "../catalog/files.ts";
import { hint } from "../config/problem.ts";
import type { AdapterKind } from "../core/adapter.ts";
import { type Json, type JsonObject, sameJson } from "../core/json.ts";
import type { Provider, ProviderDetails, TestPlan } from "../core/provider.ts";
import type { RuleDepartures } from "../core/publication-rules.ts";
import type { SettingsProblem } from "./live-providers.ts";

export interface ProviderWish {
  readonly adapter: string;
  readonly settings: JsonObject;
  readonly slots?: number;
  readonly identities?: "derived" | "downstream";
  readonly organisation?: string;
  readonly integrator?: string;
  readonly publisher?: string;
  readonly testPlan?: TestPlan;
  readonly publication?: RuleDepartures;
}

/** What becomes of a wish in the provider's details. */
export function detailsOf(wish: Omit<ProviderWish, "adapter" | "settings">): Omit<ProviderDetails, "editors"> {
  const { slots, organisation, integrator, publisher, testPlan, publication } = wish;
  return {
    identities: wish.identities ?? "derived",
    ...(slots !== undefined && { slots }),
    ...(organisation !== undefined && { organisation }),
    ...(integrator !== undefined && { integrator }),
    ...(publisher !== undefined && { publisher }),
    ...(testPlan !== undefined && { testPlan }),
    ...(publication !== undefined && { publication }),
  };
}

/** What remains when somebody writes the rest anew. */
export function withoutWishes(details: ProviderDetails): ProviderDetails {
  const {
    slots: _s,
    organisation: _o,
    integrator: _i,
    publisher: _p,
    testPlan: _t,
    publication: _r,
    ...rest
  } = details;
  return rest;
}

/** Secrets that are not said again stay what they were: nobody can read them back to repeat them. */
export function withKeptSecrets(
  settings: JsonObject,
  provider: Provider,
  kinds: ReadonlyMap<string, AdapterKind>,
): JsonObject {
  const before = provider.settings?.reveal() ?? {};
  const kept: { [key: string]: Json } = { ...settings };
  for (const key of kinds.get(provider.adapter)?.secrets ?? []) {
    const old = before[key];
    if (kept[key] === undefined && old !== undefined) kept[key] = old;
    if (kept[key] === null) delete kept[key];
  }
  return kept;
}

/**
 * Secrets that were kept although they would go elsewhere now. Whoever may change a provider's address may not read its
 * secrets, and must not have them sent to an address of their own either.
 */
export function secretsSentElsewhere(
  settings: JsonObject,
  provider: Provider,
  kinds: ReadonlyMap<string, AdapterKind>,
): readonly SettingsProblem[] {
  const before = provider.settings?.reveal() ?? {};
  const { secrets = [], destinations } = kinds.get(provider.adapter) ?? {};
  const open = Object.keys({ ...before, ...settings }).filter((key) => !secrets.includes(key));
  const moved = (destinations ?? open).filter((key) => !sameJson(before[key], settings[key]));
  if (moved.length === 0) return [];
  return secrets
    .filter((key) => before[key] !== undefined && settings[key] === undefined)
    .map((key) => ({
      path: ["settings", key],
      message: `must be given again, because ${moved.join(", ")} changed: a secret goes only where it was given for`,
    }));
}

/** Nothing but secrets differs from what the provider is now. */
export function sameButSecrets(
  provider: Provider,
  wish: ProviderWish,
  kinds: ReadonlyMap<string, AdapterKind>,
): boolean {
  const secrets = new Set(kinds.get(provider.adapter)?.secrets ?? []);
  const open = (settings: JsonObject) =>
    JSON.stringify(
      Object.entries(settings)
        .filter(([key]) => !secrets.has(key))
        .sort(),
    );
  // What was wished for is picked from the details as it is from a wish, and so in the same order.
  const sameDetails = JSON.stringify(detailsOf(provider.details)) === JSON.stringify(detailsOf(wish));
  return sameDetails && open(provider.settings?.reveal() ?? {}) === open(wish.settings);
}

/** Nothing that people say about it was changed meanwhile, secrets included. */
export function sameWish(before: Provider, after: Provider): boolean {
  const said = ({ settings, details }: Provider) => JSON.stringify([settings?.reveal(), detailsOf(details)]);
  return said(before) === said(after);
}

/** Organisations that do not exist, or may not be what they are to be. */
export function organisationFaults(
  wish: Pick<ProviderWish, "organisation" | "integrator" | "publisher">,
  organisations: readonly Organisation[],
): readonly SettingsProblem[] {
  const byKey = new Map(organisations.map((organisation) => [organisation.key, organisation]));
  const named = (["organisation", "integrator", "publisher"] as const).flatMap((path) => {
    const key = wish[path];
    return key === undefined || byKey.has(key)
      ? []
      : [{ path: [path], message: `is no organisation of the catalog: "${key}"${hint(key, [...byKey.keys()])}` }];
  });
  const { organisation, integrator, publisher = organisation } = wish;
  const external = publisher !== undefined && byKey.get(publisher)?.kind === "external";
  if (external && (integrator === undefined || integrator !== organisation))
    return [
      ...named,
      {
        path: ["integrator"],
        message:
          "must be the organisation that answers for the provider, as what it offers is produced by an external one",
      },
    ];
  return named;
}

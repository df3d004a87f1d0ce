/** What people do with providers, their catalogs and who sees them: each looks, decides, writes, and shows at once. */

import type { Organisation } from "../catalog/files.ts";
import type { Overlay, OverlayCheck } from "../catalog/overlay.ts";
import type { Adapter, AdapterKind } from "../core/adapter.ts";
import type { AuditEntry } from "../core/change.ts";
import type { Json, JsonObject } from "../core/json.ts";
import type { Millis } from "../core/model.ts";
import {
  type CheckResult,
  decideStep,
  type Provider,
  type ProviderDetails,
  type ProviderStep,
  type StepRefusal,
  type TestPlan,
} from "../core/provider.ts";
import type { RuleDepartures } from "../core/publication-rules.ts";
import { Secret } from "../core/secret.ts";
import type { Grant } from "../core/visibility.ts";
import type { Curation, VisibleKind } from "../store/curation.ts";
import type { ProviderReport, Providers, Snapshot } from "../store/providers.ts";
import type { CatalogKeeper } from "./catalog-keeper.ts";
import type { CatalogReader, ReadResult } from "./catalog-reader.ts";
import { openRegistered, type SettingsProblem } from "./live-providers.ts";

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

/** What a person writes of a provider. */
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

export interface Onboarding {
  register(name: string, wish: ProviderWish, by: Actor): Promise<Result<Provider>>;
  edit(name: string, version: number, wish: ProviderWish, by: Actor): Promise<Result<Provider>>;
  /** Whether it can be reached and used, what its catalog holds, and how it keeps OSB where a test plan is named. */
  check(name: string, by: Actor): Promise<Result<Provider>>;
  submit(name: string, version: number, by: Actor): Promise<Result<Provider>>;
  reject(name: string, version: number, reason: string, by: Actor): Promise<Result<Provider>>;
  /** With the newest catalog that was read. `override`: why it is published although it breaks what it must keep. */
  publish(name: string, version: number, override: string | undefined, by: Actor): Promise<Result<Provider>>;
  suspend(name: string, version: number, reason: string, by: Actor): Promise<Result<Provider>>;
  resume(name: string, version: number, by: Actor): Promise<Result<Provider>>;
  retire(name: string, version: number, by: Actor): Promise<Result<Provider>>;
  /** Reads its catalog now. */
  refresh(name: string): Promise<Result<ReadResult>>;
  /** Releases a held catalog, or goes back to an earlier one; then nothing is published by itself until a later one is. */
  publishSnapshot(name: string, version: number, snapshot: string, by: Actor): Promise<Result<Snapshot>>;
  setOverlay(name: string, version: number, overlay: Json | undefined, by: Actor): Promise<Result<undefined>>;
  setVisibility(
    kind: VisibleKind,
    thing: string,
    version: number,
    grants: readonly Grant[] | undefined,
    by: Actor,
  ): Promise<Result<undefined>>;
}

export interface OnboardingParts {
  readonly kinds: ReadonlyMap<string, AdapterKind>;
  readonly adapters: ReadonlyMap<string, Adapter>;
  readonly organisations: readonly Organisation[];
  readonly overlayCheck: OverlayCheck;
  /** Providers whose overlay stands in a file. */
  readonly overlayFiles: ReadonlySet<string>;
  readonly providers: Providers;
  readonly curation: Curation;
  readonly keeper: CatalogKeeper;
  readonly reader: CatalogReader;
  readonly livingInstancesOf: (provider: string) => Promise<number>;
  /** Tries the provider with the conformance kit: with its test plan, or by looking alone. */
  readonly tryConformance: (provider: Provider) => Promise<ConformanceResult>;
  readonly now: () => Millis;
  readonly newId: () => string;
}

export type ConformanceResult =
  | { readonly failedMusts: number; readonly report: Json }
  /** Why it could not be tried. */
  | { readonly untried: string };

const obstacle = (code: Obstacle["code"], detail: string): { readonly obstacle: Obstacle } => ({
  obstacle: { code, detail },
});
const unknown = (name: string) => obstacle("Unknown", `There is no provider "${name}".`);
const stale = obstacle("Stale", "It was changed meanwhile. Read it again and decide anew.");

/** How long a check may take at the provider, in ms; the conformance kit has times of its own. */
const checkMs = 30_000;

export function createOnboarding(parts: OnboardingParts): Onboarding {
  const { providers, curation, keeper, now } = parts;

  const audit = (action: string, by: Actor, details: JsonObject): AuditEntry => ({
    at: now(),
    action,
    outcome: "succeeded",
    actor: { by: "token", principal: by.name, ...(by.token !== undefined && { token: by.token }) },
    details,
    ...(by.requestId !== undefined && { requestId: by.requestId }),
  });

  async function step(
    name: string,
    version: number | undefined,
    by: Actor,
    wanted: ProviderStep,
  ): Promise<Result<Provider>> {
    const provider = await providers.byName(name);
    if (provider === undefined) return unknown(name);
    if (version !== undefined && provider.version !== version) return stale;
    const decision = decideStep(provider, by.name, wanted, now());
    if ("refused" in decision) return obstacle(decision.refused, decision.detail);
    const { to, details } = decision;
    const told = "reason" in wanted ? { reason: wanted.reason } : {};
    const entry = audit(`provider.${wanted.step}`, by, { provider: name, state: to, ...told });
    if (!(await providers.change(name, provider.version, { state: to, details }, now(), entry))) return stale;
    await keeper.rebuild();
    return found(name);
  }

  async function found(name: string): Promise<Result<Provider>> {
    const provider = await providers.byName(name);
    return provider === undefined ? unknown(name) : { done: provider };
  }

  /** Settings that open, organisations that exist and may be what they are to be. */
  async function faults(wish: ProviderWish): Promise<readonly SettingsProblem[]> {
    const problems: SettingsProblem[] = [...organisationFaults(wish, parts.organisations)];
    const opened = await openRegistered(parts.kinds, wish.adapter, wish.settings);
    if ("problems" in opened) problems.push(...opened.problems);
    else {
      if (opened.adapter.catalog === undefined)
        problems.push({
          path: ["adapter"],
          message: `reads no catalogs; providers of the adapter ${wish.adapter} are named in lotse.yaml, and their plans in catalog files`,
        });
      await Promise.resolve(opened.adapter.close?.()).catch(() => undefined);
    }
    return problems;
  }

  async function lookAt(provider: Provider, by: Actor): Promise<CheckResult> {
    const adapter = parts.adapters.get(provider.name);
    const problems: string[] = [];
    if (adapter === undefined) problems.push("Its settings cannot be used. Look at them again.");
    const signal = AbortSignal.timeout(checkMs);
    const wrong = await adapter?.check?.(signal).catch((error: Error) => error.message);
    if (wrong !== undefined) problems.push(wrong);
    if (adapter?.catalog !== undefined && wrong === undefined)
      await parts.reader.read(provider, adapter).catch((error: Error) => problems.push(error.message));
    const result = { at: now(), by: by.name, ok: problems.length === 0, problems };
    if (!result.ok || provider.origin === "configuration") return result;
    const tried = await parts.tryConformance(provider);
    if ("untried" in tried) return { ...result, untried: tried.untried };
    const { failedMusts, report: content } = tried;
    const report: ProviderReport = { id: parts.newId(), provider: provider.name, at: now(), madeBy: by.name, content };
    await providers.keepReport(report);
    return { ...result, failedMusts, report: report.id };
  }

  async function publishSnapshot(name: string, version: number, id: string, by: Actor): Promise<Result<Snapshot>> {
    const provider = await providers.byName(name);
    if (provider === undefined) return unknown(name);
    if (provider.version !== version) return stale;
    const snapshot = await providers.snapshot(id);
    if (snapshot?.provider !== name) return obstacle("Unknown", `The provider "${name}" has no such catalog.`);
    if (snapshot.state === "published") return { done: snapshot };
    if (provider.details.publishedSnapshot === undefined && provider.origin === "registered")
      return obstacle("NotPublished", "Its first catalog is published together with the provider.");
    const content = await providers.content(id);
    const objections = content === undefined ? [] : await keeper.objections({ provider: name, offerings: content });
    if (objections.length > 0) return obstacle("HasInstances", objections.join(" "));
    const newest = await providers.newestSnapshot(name);
    const back = newest?.id !== id;
    const { pinned: _, ...details } = provider.details;
    const written = await providers.publishSnapshot({
      snapshot: id,
      provider: name,
      version,
      details: { ...details, ...(back && { pinned: true }) },
      by: by.name,
      at: now(),
      audit: audit(back ? "catalog.rolled-back" : "catalog.published", by, { provider: name, snapshot: id }),
    });
    if (!written) return stale;
    await keeper.rebuild();
    const now_ = await providers.snapshot(id);
    return now_ === undefined ? unknown(name) : { done: now_ };
  }

  return {
    async register(name, wish, by) {
      const problems = await faults(wish);
      if (problems.length > 0)
        return { obstacle: { code: "Invalid", detail: "The provider cannot be registered like this.", problems } };
      const at = now();
      const provider: Provider = {
        name,
        origin: "registered",
        adapter: wish.adapter,
        settings: new Secret(wish.settings),
        state: "draft",
        details: { ...detailsOf(wish), editors: [by.name] },
        refreshAt: at,
        reading: { failures: 0 },
        version: 1,
        createdAt: at,
        updatedAt: at,
      };
      const entry = audit("provider.registered", by, { provider: name, adapter: wish.adapter });
      if (!(await providers.add(provider, entry)))
        return obstacle(
          "NameTaken",
          `The name "${name}" is or was in use. Names are not given away again; choose another.`,
        );
      await keeper.rebuild();
      return found(name);
    },

    async edit(name, version, wish, by) {
      const provider = await providers.byName(name);
      if (provider === undefined) return unknown(name);
      if (provider.version !== version) return stale;
      const settings = withKeptSecrets(wish.settings, provider, parts.kinds);
      const whole = { ...wish, settings };
      const secretsOnly = sameButSecrets(provider, whole, parts.kinds);
      const decision = decideStep(provider, by.name, { step: "edit", secretsOnly }, now());
      if ("refused" in decision) return obstacle(decision.refused, decision.detail);
      const changesIdentity = (wish.identities ?? "derived") !== provider.details.identities;
      if (wish.adapter !== provider.adapter || (changesIdentity && provider.details.publishedSnapshot !== undefined))
        return obstacle("Immutable", "Adapter and identities stay what they were. Register another provider.");
      const problems = await faults(whole);
      if (problems.length > 0)
        return { obstacle: { code: "Invalid", detail: "The provider cannot be changed like this.", problems } };
      const { to, details } = decision;
      const kept = secretsOnly ? details : { ...withoutWishes(details), ...detailsOf(wish) };
      const change = { state: to, details: kept, settings: new Secret(settings), refreshAt: now() };
      const entry = audit("provider.changed", by, { provider: name, state: to, secretsOnly });
      if (!(await providers.change(name, version, change, now(), entry))) return stale;
      await keeper.rebuild();
      return found(name);
    },

    async check(name, by) {
      const provider = await providers.byName(name);
      if (provider === undefined) return unknown(name);
      if (provider.state === "retired") return obstacle("Retired", "The provider is retired, and that is final.");
      const result = await lookAt(provider, by);
      return step(name, undefined, by, { step: "check", result });
    },

    submit: (name, version, by) => step(name, version, by, { step: "submit" }),
    reject: (name, version, reason, by) => step(name, version, by, { step: "reject", reason }),
    suspend: (name, version, reason, by) => step(name, version, by, { step: "suspend", reason }),
    resume: (name, version, by) => step(name, version, by, { step: "resume" }),
    retire: async (name, version, by) =>
      step(name, version, by, { step: "retire", instances: await parts.livingInstancesOf(name) }),

    async publish(name, version, override, by) {
      const provider = await providers.byName(name);
      if (provider === undefined) return unknown(name);
      if (provider.version !== version) return stale;
      const newest = await providers.newestSnapshot(name);
      const usable = newest !== undefined && newest.plans > 0;
      const wanted = { step: "publish", hasSnapshot: usable, ...(override !== undefined && { override }) } as const;
      const decision = decideStep(provider, by.name, wanted, now());
      if ("refused" in decision) return obstacle(decision.refused, decision.detail);
      if (newest === undefined) return obstacle("NoCatalog", "Its catalog was not read yet. Run the check first.");
      const content = await providers.content(newest.id);
      const objections = content === undefined ? [] : await keeper.objections({ provider: name, offerings: content });
      if (objections.length > 0) return obstacle("HasInstances", objections.join(" "));
      const told = override === undefined ? {} : { override };
      const written = await providers.publishSnapshot({
        snapshot: newest.id,
        provider: name,
        version,
        state: decision.to,
        details: decision.details,
        by: by.name,
        at: now(),
        audit: audit("provider.publish", by, { provider: name, snapshot: newest.id, state: decision.to, ...told }),
      });
      if (!written) return stale;
      await keeper.rebuild();
      return found(name);
    },

    async refresh(name) {
      const provider = await providers.byName(name);
      if (provider === undefined) return unknown(name);
      if (provider.refreshAt === undefined)
        return obstacle("NoCatalog", "Its plans are written in catalog files; there is no catalog to read.");
      try {
        const result = await parts.reader.read(provider);
        if (result.is === "published") await keeper.rebuild();
        return { done: result };
      } catch (error) {
        return obstacle("Unreadable", error instanceof Error ? error.message : "Its catalog cannot be read.");
      }
    },

    publishSnapshot,

    async setOverlay(name, version, overlay, by) {
      const provider = await providers.byName(name);
      if (provider === undefined) return unknown(name);
      if (provider.state === "in-review")
        return obstacle("InReview", "It is being reviewed as it is. Have it rejected first.");
      if (provider.state === "published" && by.releases !== true)
        return obstacle(
          "Published",
          "What customers see of a published provider is changed by those who may publish it.",
        );
      if (parts.overlayFiles.has(name))
        return obstacle("StandsInFile", `Its overlay stands in catalog/overlays/${name}.yaml. Change it there.`);
      const problems = overlay === undefined ? [] : parts.overlayCheck(overlay);
      if (problems.length > 0)
        return { obstacle: { code: "Invalid", detail: "The overlay cannot be taken like this.", problems } };
      const objections = await keeper.objections({
        provider: name,
        overlay: (overlay as Overlay | undefined) ?? { unlisted: "offered", offerings: [] },
      });
      if (objections.length > 0) return obstacle("HasInstances", objections.join(" "));
      const entry = audit(overlay === undefined ? "overlay.removed" : "overlay.changed", by, { provider: name });
      if (!(await curation.setOverlay(name, overlay, { version, at: now(), by: by.name, audit: entry }))) return stale;
      await keeper.rebuild();
      return { done: undefined };
    },

    async setVisibility(kind, thing, version, grants, by) {
      const entry = audit(grants === undefined ? "visibility.removed" : "visibility.changed", by, {
        kind,
        thing,
        ...(grants !== undefined && { grants: grants.map((grant) => ({ ...grant })) }),
      });
      if (!(await curation.setVisibility(kind, thing, grants, { version, at: now(), by: by.name, audit: entry })))
        return stale;
      await keeper.rebuild();
      return { done: undefined };
    },
  };
}

function detailsOf(wish: ProviderWish): Omit<ProviderDetails, "editors"> {
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
function withoutWishes(details: ProviderDetails): ProviderDetails {
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
function withKeptSecrets(
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

function sameButSecrets(provider: Provider, wish: ProviderWish, kinds: ReadonlyMap<string, AdapterKind>): boolean {
  const secrets = new Set(kinds.get(provider.adapter)?.secrets ?? []);
  const open = (settings: JsonObject) =>
    JSON.stringify(
      Object.entries(settings)
        .filter(([key]) => !secrets.has(key))
        .sort(),
    );
  const { editors: _e, ...wished } = { ...detailsOf(wish), editors: [] };
  const before = provider.details;
  const sameDetails = Object.entries({
    ...withoutValues(before),
    ...wished,
  }).every(([key, value]) => JSON.stringify(before[key as keyof ProviderDetails]) === JSON.stringify(value));
  return sameDetails && open(provider.settings?.reveal() ?? {}) === open(wish.settings);
}

/** The wishes that were there, as absent: what is not said any more is a change. */
function withoutValues(details: ProviderDetails): { readonly [key: string]: undefined } {
  const wishes = ["slots", "organisation", "integrator", "publisher", "testPlan", "publication"] as const;
  return Object.fromEntries(wishes.filter((key) => details[key] !== undefined).map((key) => [key, undefined]));
}

function organisationFaults(wish: ProviderWish, organisations: readonly Organisation[]): readonly SettingsProblem[] {
  const byKey = new Map(organisations.map((organisation) => [organisation.key, organisation]));
  const named = (["organisation", "integrator", "publisher"] as const).flatMap((path) => {
    const key = wish[path];
    return key === undefined || byKey.has(key)
      ? []
      : [{ path: [path], message: `is no organisation of the catalog: "${key}"` }];
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

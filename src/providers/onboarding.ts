/** A provider's way from registration to retirement: each step looks, decides, writes, and shows at once. */
import type { Organisation } from "../catalog/files.ts";
import type { Adapter, AdapterKind } from "../core/adapter.ts";
import type { Json } from "../core/json.ts";
import type { Millis } from "../core/model.ts";
import { type CheckResult, decideStep, type Provider, type ProviderStep } from "../core/provider.ts";
import { Secret } from "../core/secret.ts";
import type { ProviderReport, Providers } from "../store/providers.ts";
import type { CatalogKeeper } from "./catalog-keeper.ts";
import type { CatalogReader } from "./catalog-reader.ts";
import { planProblems } from "./check-plans.ts";
import { openRegistered, type SettingsProblem } from "./live-providers.ts";
import {
  detailsOf,
  organisationFaults,
  type ProviderWish,
  sameButSecrets,
  sameWish,
  secretsSentElsewhere,
  withKeptSecrets,
  withoutWishes,
} from "./provider-wish.ts";
import type { Releasing } from "./releasing.ts";
import { type Actor, auditOf, invalid, obstacle, type Result, seen, stale, unknown } from "./result.ts";

export interface Onboarding {
  register(name: string, wish: ProviderWish, by: Actor): Promise<Result<Provider>>;
  edit(name: string, version: number, wish: ProviderWish, by: Actor): Promise<Result<Provider>>;
  /**
   * Whether it can be reached and used, whether its plans fit it, what its catalog holds, and how it keeps OSB where a test
   * plan is named.
   */
  check(name: string, by: Actor): Promise<Result<Provider>>;
  submit(name: string, version: number, by: Actor): Promise<Result<Provider>>;
  reject(name: string, version: number, reason: string, by: Actor): Promise<Result<Provider>>;
  /** With the catalog that was submitted. `override`: why it is published although it breaks what it must keep. */
  publish(name: string, version: number, override: string | undefined, by: Actor): Promise<Result<Provider>>;
  suspend(name: string, version: number, reason: string, by: Actor): Promise<Result<Provider>>;
  resume(name: string, version: number, by: Actor): Promise<Result<Provider>>;
  retire(name: string, version: number, by: Actor): Promise<Result<Provider>>;
}

export interface OnboardingParts {
  readonly kinds: ReadonlyMap<string, AdapterKind>;
  readonly adapters: ReadonlyMap<string, Adapter>;
  readonly organisations: readonly Organisation[];
  readonly providers: Providers;
  readonly keeper: Pick<CatalogKeeper, "rebuild" | "follow" | "current">;
  readonly reader: CatalogReader;
  readonly objection: Releasing["objection"];
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

/** How long a check may take at the provider, and then of its plans, in ms; the conformance kit has times of its own. */
const checkMs = 30_000;

export function createOnboarding(parts: OnboardingParts): Onboarding {
  const { providers, keeper, now } = parts;

  async function step(name: string, version: number, by: Actor, wanted: ProviderStep): Promise<Result<Provider>> {
    const provider = await providers.byName(name);
    if (provider === undefined) return unknown(name);
    if (provider.version !== version) return stale;
    const decision = decideStep(provider, by.name, wanted, now());
    if ("refused" in decision) return obstacle(decision.refused, decision.detail);
    const { to, details } = decision;
    const told = "reason" in wanted ? { reason: wanted.reason } : {};
    const entry = auditOf(`provider.${wanted.step}`, by, now(), { provider: name, state: to, ...told });
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
    const offered = keeper.current().offerings;
    problems.push(...(await planProblems(offered, provider.name, adapter, AbortSignal.timeout(checkMs))));
    let snapshot: string | undefined;
    if (adapter?.catalog !== undefined && wrong === undefined)
      await parts.reader.read(provider, adapter).then(
        (read) => {
          snapshot = read.snapshot.id;
        },
        (error: Error) => problems.push(error.message),
      );
    const seen = snapshot === undefined ? {} : { snapshot };
    const result = { at: now(), by: by.name, ok: problems.length === 0, problems, ...seen };
    if (!result.ok || provider.origin === "configuration") return result;
    const tried = await parts.tryConformance(provider);
    if ("untried" in tried) return { ...result, untried: tried.untried };
    const { failedMusts, report: content } = tried;
    const report: ProviderReport = { id: parts.newId(), provider: provider.name, at: now(), madeBy: by.name, content };
    await providers.keepReport(report);
    return { ...result, failedMusts, report: report.id };
  }

  return {
    async register(name, wish, by) {
      const problems = await faults(wish);
      if (problems.length > 0) return invalid("The provider cannot be registered like this.", problems);
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
      const entry = auditOf("provider.registered", by, now(), { provider: name, adapter: wish.adapter });
      if (!(await providers.add(provider, entry)))
        return obstacle(
          "NameTaken",
          `The name "${name}" is or was in use. Names are not given away again; choose another.`,
        );
      await keeper.rebuild();
      return found(name);
    },

    async edit(name, version, wish, by) {
      const known = await seen(providers, name, version);
      if ("obstacle" in known) return known;
      const provider = known.done;
      const settings = withKeptSecrets(wish.settings, provider, parts.kinds);
      const whole = { ...wish, settings };
      const secretsOnly = sameButSecrets(provider, whole, parts.kinds);
      const decision = decideStep(provider, by.name, { step: "edit", secretsOnly }, now());
      if ("refused" in decision) return obstacle(decision.refused, decision.detail);
      const changesIdentity = (wish.identities ?? "derived") !== provider.details.identities;
      if (wish.adapter !== provider.adapter || (changesIdentity && provider.details.publishedSnapshot !== undefined))
        return obstacle("Immutable", "Adapter and identities stay what they were. Register another provider.");
      const elsewhere = secretsSentElsewhere(wish.settings, provider, parts.kinds);
      const problems = [...elsewhere, ...(await faults(whole))];
      if (problems.length > 0) return invalid("The provider cannot be changed like this.", problems);
      const { to, details } = decision;
      const kept = secretsOnly ? details : { ...withoutWishes(details), ...detailsOf(wish) };
      const change = {
        state: to,
        details: kept,
        settings: new Secret(settings),
        refreshAt: now(),
        // Another broker may know its catalog by the same ETag.
        ...(!secretsOnly && { reading: { failures: 0 } }),
      };
      const entry = auditOf("provider.changed", by, now(), { provider: name, state: to, secretsOnly });
      if (!(await providers.change(name, version, change, now(), entry))) return stale;
      await keeper.rebuild();
      return found(name);
    },

    async check(name, by) {
      const provider = await providers.byName(name);
      if (provider === undefined) return unknown(name);
      if (provider.state === "retired") return obstacle("Retired", "The provider is retired, and that is final.");
      // The adapter is to be the one of these settings, also if they were changed at another replica a moment ago.
      await keeper.follow();
      const result = await lookAt(provider, by);
      const after = await providers.byName(name);
      if (after === undefined) return unknown(name);
      // What was found out about the settings before is no word on these.
      if (!sameWish(provider, after)) return stale;
      return step(name, after.version, by, { step: "check", result });
    },

    submit: (name, version, by) => step(name, version, by, { step: "submit" }),
    reject: (name, version, reason, by) => step(name, version, by, { step: "reject", reason }),
    suspend: (name, version, reason, by) => step(name, version, by, { step: "suspend", reason }),
    resume: (name, version, by) => step(name, version, by, { step: "resume" }),
    retire: async (name, version, by) =>
      step(name, version, by, { step: "retire", instances: await parts.livingInstancesOf(name) }),

    async publish(name, version, override, by) {
      const known = await seen(providers, name, version);
      if ("obstacle" in known) return known;
      const provider = known.done;
      const { submittedSnapshot } = provider.details;
      const submitted = submittedSnapshot === undefined ? undefined : await providers.snapshot(submittedSnapshot);
      const usable = submitted !== undefined && submitted.plans > 0;
      const wanted = { step: "publish", hasSnapshot: usable, ...(override !== undefined && { override }) } as const;
      const decision = decideStep(provider, by.name, wanted, now());
      if ("refused" in decision) return obstacle(decision.refused, decision.detail);
      if (submitted === undefined) return obstacle("NoCatalog", "Its catalog was not read yet. Run the check first.");
      const objection = await parts.objection(name, submitted.id);
      if (objection !== undefined) return objection;
      const told = override === undefined ? {} : { override };
      const written = await providers.publishSnapshot({
        snapshot: submitted.id,
        provider: name,
        version,
        state: decision.to,
        details: decision.details,
        by: by.name,
        at: now(),
        audit: auditOf("provider.publish", by, now(), {
          provider: name,
          snapshot: submitted.id,
          state: decision.to,
          ...told,
        }),
      });
      if (!written) return stale;
      await keeper.rebuild();
      return found(name);
    },
  };
}

/** Puts together what keeps the catalog: providers, their catalogs, and what people decide about them. */
import type { Organisation } from "./catalog/files.ts";
import type { Overlay, OverlayCheck } from "./catalog/overlay.ts";
import type { ProviderAccount } from "./config/providers.ts";
import type { Adapter, AdapterKind } from "./core/adapter.ts";
import type { Catalog } from "./core/catalog.ts";
import type { Millis, Offering } from "./core/model.ts";
import { type CatalogKeeper, createCatalogKeeper } from "./providers/catalog-keeper.ts";
import { type CatalogReader, createCatalogReader } from "./providers/catalog-reader.ts";
import { mirrorConfigured } from "./providers/configured.ts";
import { type Curating, createCurating } from "./providers/curating.ts";
import { createLiveProviders } from "./providers/live-providers.ts";
import { createOnboarding, type Onboarding, type OnboardingParts } from "./providers/onboarding.ts";
import { createReleasing, type Releasing } from "./providers/releasing.ts";
import { type Curation, createCuration } from "./store/curation.ts";
import type { OpenStore } from "./store/open.ts";
import { createRememberPlans, livingInstances, livingInstancesOf, movedPlans } from "./store/plans.ts";
import { createProviders, type Providers } from "./store/providers.ts";
import { revisionOf } from "./store/revisions.ts";
import type { Seal } from "./store/seal.ts";

export interface Federation {
  /** By provider; changes as registered providers come and go. */
  readonly adapters: ReadonlyMap<string, Adapter>;
  readonly keeper: CatalogKeeper;
  readonly reader: CatalogReader;
  readonly onboarding: Onboarding;
  readonly releasing: Releasing;
  readonly curating: Curating;
  readonly providers: Providers;
  readonly curation: Curation;
  slotsOf(provider: string): number | undefined;
  close(): Promise<void>;
}

export interface FederationParts {
  readonly knex: OpenStore["knex"];
  readonly seal: Seal;
  readonly kinds: ReadonlyMap<string, AdapterKind>;
  /** Accounts of lotse.yaml, and their adapters, which whoever opened them closes. */
  readonly accounts: ReadonlyMap<string, ProviderAccount>;
  readonly configured: ReadonlyMap<string, Adapter>;
  readonly files: CatalogFiles;
  readonly onChange: (catalog: Catalog) => Promise<void> | void;
  readonly tryConformance: OnboardingParts["tryConformance"];
  readonly now: () => Millis;
  readonly random: () => number;
  readonly newId: () => string;
  readonly refreshMs: number;
  readonly log: { info(fields: object, message: string): void; warn(fields: object, message: string): void };
}

/** What the catalog directory holds. */
export interface CatalogFiles {
  readonly offerings: readonly Offering[];
  readonly organisations: readonly Organisation[];
  readonly overlays: ReadonlyMap<string, Overlay>;
  readonly overlayCheck: OverlayCheck;
}

/** How long reading one catalog may take, in ms. */
const readingMs = 60_000;

/** The first catalog is made when this resolves. */
export async function openFederation(parts: FederationParts): Promise<Federation> {
  const { knex, kinds, accounts, configured, files, now, newId, log } = parts;
  const providers = createProviders(knex, parts.seal);
  const curation = createCuration(knex);
  await mirrorConfigured(providers, accounts, now());
  const live = createLiveProviders({ kinds, configured, log });
  const { adapters } = live;
  const keeper = createCatalogKeeper({
    files: files.offerings,
    organisations: files.organisations,
    overlays: files.overlays,
    providers,
    curation,
    live,
    configured: new Set(accounts.keys()),
    rememberPlans: createRememberPlans(knex),
    movedPlans: (offerings) => movedPlans(knex, offerings),
    revision: () => revisionOf(knex, "catalog"),
    now,
    onChange: parts.onChange,
    log,
  });
  const reader = createCatalogReader({
    providers,
    keeper,
    adapters,
    livingInstances: (planIds) => livingInstances(knex, planIds),
    now,
    random: parts.random,
    newId,
    everyMs: parts.refreshMs,
    timeoutMs: readingMs,
    log,
  });
  const releasing = createReleasing({ providers, keeper, reader, now });
  const curating = createCurating({
    overlayCheck: files.overlayCheck,
    overlayFiles: new Set(files.overlays.keys()),
    providers,
    curation,
    keeper,
    now,
  });
  const onboarding = createOnboarding({
    kinds,
    adapters,
    organisations: files.organisations,
    providers,
    keeper,
    reader,
    objection: releasing.objection,
    livingInstancesOf: (provider) => livingInstancesOf(knex, provider),
    tryConformance: parts.tryConformance,
    now,
    newId,
  });
  await keeper.rebuild();
  return {
    adapters,
    keeper,
    reader,
    onboarding,
    releasing,
    curating,
    providers,
    curation,
    slotsOf: (provider) => accounts.get(provider)?.slots ?? keeper.slotsOf(provider),
    close: () => live.close(),
  };
}

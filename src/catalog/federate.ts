/** One catalog of all: the offerings of the catalog files, and what providers offer by catalogs of their own. */
import type { ProviderOffering, ProviderPlan } from "../core/adapter.ts";
import type { JsonObject } from "../core/json.ts";
import type { Offering, Plan } from "../core/model.ts";
import type { RetiredPlan } from "./build-catalog.ts";
import type { Organisation } from "./files.ts";
import { type Identities, identityOf } from "./identity.ts";
import { noOverlay, type OfferingOverlay, type Overlay, type PlanOverlay } from "./overlay.ts";
import { costsOf, organisationWords, present, priceWords } from "./project.ts";

/** A provider with the catalog that is published of it. */
export interface FederatedProvider {
  readonly name: string;
  readonly identities: Identities;
  readonly offerings: readonly ProviderOffering[];
  readonly overlay?: Overlay;
  /** Keys of the organisations that answer for it, stand between, and produce. */
  readonly organisation?: string;
  readonly integrator?: string;
  readonly publisher?: string;
}

/** Names that were given once and stay: by scope (`""` for offerings, an offering's id for its plans), then by id. */
export type GivenNames = ReadonlyMap<string, ReadonlyMap<string, string>>;

export interface NewName {
  readonly scope: string;
  readonly id: string;
  readonly name: string;
}

export interface Federation {
  readonly offerings: readonly Offering[];
  /** To be remembered, so that whoever comes later does not take them. */
  readonly newNames: readonly NewName[];
  /** What an operator should know: an overlay that names nothing, an id that is taken. */
  readonly notes: readonly string[];
}

/** OSB leaves it open; a week is what platforms poll at most. */
const defaultPollingDuration = 86_400;

/**
 * Names: offerings of the files keep theirs. Of the others whoever is there first has the plain name, and who comes
 * later has the provider's name added; both for ever, by `given`.
 */
export function federate(
  files: readonly Offering[],
  providers: readonly FederatedProvider[],
  organisations: readonly Organisation[],
  given: GivenNames,
): Federation {
  const names = createNames(given, files);
  const byKey = new Map(organisations.map((organisation) => [organisation.key, organisation]));
  const notes: string[] = [];
  const taken = new Set(files.flatMap(({ id, plans }) => [id, ...plans.map((plan) => plan.id)]));
  const guests = new Map<string, Plan[]>();
  const own: Offering[] = [];
  const take = (id: string, what: string): boolean => {
    if (!taken.has(id)) {
      taken.add(id);
      return true;
    }
    notes.push(`${what} is left out: its id ${id} is used by another.`);
    return false;
  };
  for (const provider of [...providers].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const overlay = provider.overlay ?? noOverlay;
    notes.push(...unused(provider, overlay));
    for (const source of provider.offerings) {
      const wish = overlay.offerings.find(({ offering }) => offering === source.name || offering === source.id);
      if (wish?.hide === true || (wish === undefined && overlay.unlisted === "hidden")) continue;
      const id = identityOf(provider.name, provider.identities, "offering", source.id);
      const stay: Plan[] = [];
      for (const sourcePlan of source.plans) {
        const planWish = wish?.plans?.find(({ plan }) => plan === sourcePlan.name || plan === sourcePlan.id);
        if (
          planWish?.hide === true ||
          (planWish === undefined && wish?.plans !== undefined && overlay.unlisted === "hidden")
        )
          continue;
        const into = planWish?.into ?? wish?.into;
        const host = into === undefined ? undefined : files.find(({ name }) => name === into);
        if (into !== undefined && host === undefined)
          notes.push(
            `${provider.name}: there is no offering "${into}" for the plan ${source.name}/${sourcePlan.name}.`,
          );
        const planId = identityOf(provider.name, provider.identities, "plan", sourcePlan.id);
        if (!take(planId, `${provider.name}: the plan ${source.name}/${sourcePlan.name}`)) continue;
        const offeringId = host?.id ?? id;
        const wished = planWish?.name ?? (host === undefined ? sourcePlan.name : `${provider.name}-${sourcePlan.name}`);
        const name = names.give(offeringId, planId, wished, planWish?.name === undefined, provider.name);
        const plan = planFor({ provider, offeringId, planId, name, source: sourcePlan, wish: planWish, byKey });
        if (host === undefined) stay.push(plan);
        else guests.set(host.id, [...(guests.get(host.id) ?? []), plan]);
      }
      if (stay.length === 0 || !take(id, `${provider.name}: the offering ${source.name}`)) continue;
      const name = names.give("", id, wish?.name ?? source.name, wish?.name === undefined, provider.name);
      own.push(offeringFor({ id, name, source, wish, plans: stay }));
    }
  }
  const hosts = files.map((offering) => {
    const more = guests.get(offering.id);
    return more === undefined ? offering : { ...offering, plans: [...offering.plans, ...more] };
  });
  return { offerings: [...hosts, ...own], newNames: names.fresh(), notes };
}

interface Names {
  /** `settled`: a name that was given before stays; an operator's own word replaces it. */
  give(scope: string, id: string, wished: string, settled: boolean, provider: string): string;
  fresh(): readonly NewName[];
}

function createNames(given: GivenNames, files: readonly Offering[]): Names {
  const inUse = new Map<string, Map<string, string>>();
  const scopeOf = (scope: string): Map<string, string> => {
    let names = inUse.get(scope);
    if (names === undefined) {
      names = new Map([...(given.get(scope) ?? [])].map(([id, name]) => [name, id]));
      inUse.set(scope, names);
    }
    return names;
  };
  for (const { id, name, plans } of files) {
    scopeOf("").set(name, id);
    for (const plan of plans) scopeOf(id).set(plan.name, plan.id);
  }
  const fresh: NewName[] = [];
  return {
    give(scope, id, wished, settled, provider) {
      const names = scopeOf(scope);
      const before = given.get(scope)?.get(id);
      if (settled && before !== undefined && names.get(before) === id) return before;
      const free = (name: string) => [undefined, id].includes(names.get(name));
      const name = [wished, `${wished}-${provider}`, `${wished}-${provider}-${id.slice(0, 8)}`].find(free) ?? id;
      names.set(name, id);
      if (name !== before) fresh.push({ scope, id, name });
      return name;
    },
    fresh: () => fresh,
  };
}

function offeringFor({
  id,
  name,
  source,
  wish,
  plans,
}: {
  readonly id: string;
  readonly name: string;
  readonly source: ProviderOffering;
  readonly wish: OfferingOverlay | undefined;
  readonly plans: readonly Plan[];
}): Offering {
  const { displayName, longDescription, documentationUrl, supportUrl } = wish ?? {};
  const tags = wish?.tags ?? source.tags;
  return {
    id,
    name,
    description: wish?.description ?? source.description,
    ...(tags !== undefined && { tags }),
    ...(source.requires !== undefined && { requires: source.requires }),
    bindable: plans.some(({ bindable }) => bindable),
    planUpdateable: plans.some(({ planUpdateable }) => planUpdateable),
    allowContextUpdates: source.allowContextUpdates,
    metadata: { ...source.metadata, ...present({ displayName, longDescription, documentationUrl, supportUrl }) },
    plans,
  };
}

function planFor({
  provider,
  offeringId,
  planId,
  name,
  source,
  wish,
  byKey,
}: {
  readonly provider: FederatedProvider;
  readonly offeringId: string;
  readonly planId: string;
  readonly name: string;
  readonly source: ProviderPlan;
  readonly wish: PlanOverlay | undefined;
  readonly byKey: ReadonlyMap<string, Organisation>;
}): Plan {
  return {
    id: planId,
    offeringId,
    name,
    description: wish?.description ?? source.description,
    free: wish?.price === undefined ? source.free : wish.price.model === "free",
    bindable: source.bindable,
    // Where the provider cannot rotate, Lotse does it by a fresh binding.
    bindingRotatable: source.bindable,
    planUpdateable: source.planUpdateable,
    maximumPollingDuration: source.maximumPollingDuration ?? defaultPollingDuration,
    ...(source.maintenanceInfo !== undefined && { maintenanceInfo: source.maintenanceInfo }),
    schemas: source.schemas,
    metadata: planMetadata(provider, source.metadata, wish, byKey),
    provider: provider.name,
    backend: source.backend,
    execution: wish?.execution ?? "async",
    requiresApp: false,
    checkedByProvider: true,
  };
}

function planMetadata(
  { organisation, integrator, publisher }: FederatedProvider,
  source: JsonObject,
  wish: PlanOverlay | undefined,
  byKey: ReadonlyMap<string, Organisation>,
): JsonObject {
  const price = wish?.price;
  const dvc = present({
    provider: organisationWords(organisation, byKey),
    integrator: organisationWords(integrator, byKey),
    publisher: organisationWords(publisher, byKey),
    ...(price !== undefined && priceWords(price)),
    ...wish?.dvc,
  });
  return {
    ...source,
    ...present({ displayName: wish?.displayName, bullets: wish?.bullets }),
    ...(price !== undefined && { costs: costsOf(price) }),
    ...(Object.keys(dvc).length > 0 && { dvc }),
  };
}

/** What an overlay names that the provider does not have (any more). */
function unused(provider: FederatedProvider, overlay: Overlay): string[] {
  return overlay.offerings.flatMap(({ offering, plans = [] }) => {
    const source = provider.offerings.find(({ name, id }) => name === offering || id === offering);
    if (source === undefined)
      return [`${provider.name}: its overlay names the offering "${offering}", which is not there.`];
    return plans
      .filter(({ plan }) => !source.plans.some(({ name, id }) => name === plan || id === plan))
      .map(({ plan }) => `${provider.name}: its overlay names the plan "${offering}/${plan}", which is not there.`);
  });
}

/** Takes plans of providers that may not take orders out of a catalog, and keeps them for their instances. */
export function withholdPlans(
  offerings: readonly Offering[],
  mayOrder: (provider: string) => boolean,
): { readonly offerings: readonly Offering[]; readonly withheld: readonly RetiredPlan[] } {
  const withheld = offerings.flatMap(({ plans, ...offering }) =>
    plans.filter(({ provider }) => !mayOrder(provider)).map((plan) => ({ offering, plan })),
  );
  const left = offerings
    .map((offering) => ({ ...offering, plans: offering.plans.filter(({ provider }) => mayOrder(provider)) }))
    .filter(({ plans }) => plans.length > 0);
  return { offerings: left, withheld };
}

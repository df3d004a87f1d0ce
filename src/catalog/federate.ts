/** One catalog of all: the offerings of the catalog files, and what providers offer by catalogs of their own. */
import type { ProviderOffering, ProviderPlan } from "../core/adapter.ts";
import { isJsonObject, type Json, type JsonObject, sameJson } from "../core/json.ts";
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
  /** What was left out because its id is used by another, by the name of the provider it was left out of. */
  readonly collisions: readonly { readonly provider: string; readonly note: string }[];
  /** What an operator should know: an overlay that names nothing, an id that is taken. */
  readonly notes: readonly string[];
}

/** OSB leaves it open; a week is what platforms poll at most. */
const defaultPollingDuration = 86_400;

/** What one provider contributes, before it has names: the same objects as long as catalog and overlay are the same. */
interface Draft {
  readonly notes: readonly string[];
  readonly offerings: readonly DraftOffering[];
}

interface DraftOffering {
  readonly id: string;
  readonly source: ProviderOffering;
  readonly wish: OfferingOverlay | undefined;
  readonly plans: readonly DraftPlan[];
}

interface DraftPlan {
  readonly id: string;
  readonly source: ProviderPlan;
  readonly wish: PlanOverlay | undefined;
  /** Name of the offering of the files it is to stand in. */
  readonly into: string | undefined;
}

/** The earlier provider in the list keeps an id that a later one wants as well. */
export type Federate = (
  files: readonly Offering[],
  providers: readonly FederatedProvider[],
  organisations: readonly Organisation[],
  given: GivenNames,
) => Federation;

/**
 * Names: offerings of the files keep theirs. Of the others whoever is there first has the plain name, and who comes
 * later has the provider's name added; both for ever, by `given`.
 *
 * It remembers: what did not change comes out as the same objects, so that with ten thousand plans whoever looks at
 * the result has little to do when a provider changes one.
 */
export function createFederate(): Federate {
  const draft = createDrafts();
  const finish = createFinish();

  return (files, providers, organisations, given) => {
    const names = createNames(given, files);
    const byName = new Map(files.map((offering) => [offering.name, offering]));
    const byKey = new Map(organisations.map((organisation) => [organisation.key, organisation]));
    const notes: string[] = [];
    const taken = new Set(files.flatMap(({ id, plans }) => [id, ...plans.map((plan) => plan.id)]));
    const guests = new Map<string, Plan[]>();
    const own: Offering[] = [];
    const collisions: { readonly provider: string; readonly note: string }[] = [];
    const take = (id: string, provider: string, what: () => string): boolean => {
      const free = !taken.has(id);
      taken.add(id);
      if (!free) collisions.push({ provider, note: `${what()} is left out: its id ${id} is used by another.` });
      return free;
    };
    for (const provider of providers) {
      const { offerings, notes: told } = draft(provider);
      notes.push(...told);
      const words = organisationsOf(provider, byKey);
      for (const offering of offerings) {
        const stay: Plan[] = [];
        for (const plan of offering.plans) {
          const what = () => `${provider.name}: the plan ${offering.source.name}/${plan.source.name}`;
          const host = plan.into === undefined ? undefined : byName.get(plan.into);
          if (plan.into !== undefined && host === undefined)
            notes.push(`${what()} is to stand in "${plan.into}", which is not there.`);
          if (!take(plan.id, provider.name, what)) continue;
          const offeringId = host?.id ?? offering.id;
          const usual = host === undefined ? plan.source.name : `${provider.name}-${plan.source.name}`;
          const name = names.give(
            offeringId,
            plan.id,
            plan.wish?.name ?? usual,
            plan.wish?.name === undefined,
            provider.name,
          );
          const finished = finish.plan(plan, { provider: provider.name, words, offeringId, name });
          if (host === undefined) stay.push(finished);
          else guests.set(host.id, [...(guests.get(host.id) ?? []), finished]);
        }
        const what = () => `${provider.name}: the offering ${offering.source.name}`;
        if (stay.length === 0 || !take(offering.id, provider.name, what)) continue;
        const { wish, source } = offering;
        const name = names.give("", offering.id, wish?.name ?? source.name, wish?.name === undefined, provider.name);
        own.push(finish.offering(offering, name, stay));
      }
    }
    const hosts = files.map((offering) => {
      const more = guests.get(offering.id);
      return more === undefined ? offering : { ...offering, plans: [...offering.plans, ...more] };
    });
    return {
      offerings: [...hosts, ...own],
      newNames: names.fresh(),
      collisions,
      notes: [...notes, ...collisions.map(({ note }) => note)],
    };
  };
}

function createDrafts(): (provider: FederatedProvider) => Draft {
  const known = new WeakMap<
    readonly ProviderOffering[],
    { readonly provider: FederatedProvider; readonly draft: Draft }
  >();
  return (provider) => {
    const before = known.get(provider.offerings);
    if (
      before?.provider.name === provider.name &&
      before.provider.identities === provider.identities &&
      sameJson(before.provider.overlay as Json | undefined, provider.overlay as Json | undefined)
    )
      return before.draft;
    const made = draftOf(provider);
    known.set(provider.offerings, { provider, draft: made });
    return made;
  };
}

function draftOf(provider: FederatedProvider): Draft {
  const overlay = provider.overlay ?? noOverlay;
  const hidden = overlay.unlisted === "hidden";
  const offerings = provider.offerings.flatMap((source): DraftOffering[] => {
    const wish = overlay.offerings.find(({ offering }) => offering === source.name || offering === source.id);
    if (wish?.hide === true || (wish === undefined && hidden)) return [];
    const plans = source.plans.flatMap((plan): DraftPlan[] => {
      const planWish = wish?.plans?.find((each) => each.plan === plan.name || each.plan === plan.id);
      if (planWish?.hide === true || (planWish === undefined && wish?.plans !== undefined && hidden)) return [];
      const id = identityOf(provider.name, provider.identities, "plan", plan.id);
      return [{ id, source: plan, wish: planWish, into: planWish?.into ?? wish?.into }];
    });
    const id = identityOf(provider.name, provider.identities, "offering", source.id);
    return [{ id, source, wish, plans }];
  });
  return { notes: unused(provider, overlay), offerings };
}

/** Where a plan stands and what it is called there. */
interface Place {
  readonly provider: string;
  readonly words: JsonObject;
  readonly offeringId: string;
  readonly name: string;
}

function createFinish() {
  const plans = new WeakMap<DraftPlan, { readonly place: Place; readonly plan: Plan }>();
  const offerings = new WeakMap<DraftOffering, Offering>();
  return {
    plan(draft: DraftPlan, place: Place): Plan {
      const before = plans.get(draft);
      if (before !== undefined && sameJson(before.place as unknown as Json, place as unknown as Json))
        return before.plan;
      const plan = planFor(draft, place);
      plans.set(draft, { place, plan });
      return plan;
    },
    offering(draft: DraftOffering, name: string, stay: readonly Plan[]): Offering {
      const before = offerings.get(draft);
      const same =
        before?.name === name &&
        before.plans.length === stay.length &&
        before.plans.every((plan, index) => plan === stay[index]);
      if (same) return before;
      const offering = offeringFor(draft, name, stay);
      offerings.set(draft, offering);
      return offering;
    },
  };
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

function offeringFor({ id, source, wish }: DraftOffering, name: string, plans: readonly Plan[]): Offering {
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

function planFor({ id, source, wish }: DraftPlan, { provider, words, offeringId, name }: Place): Plan {
  return {
    id,
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
    metadata: planMetadata(words, source.metadata, wish),
    provider,
    backend: source.backend,
    execution: wish?.execution ?? "async",
    requiresApp: false,
    checkedByProvider: true,
  };
}

function organisationsOf(
  { organisation, integrator, publisher }: FederatedProvider,
  byKey: ReadonlyMap<string, Organisation>,
): JsonObject {
  return present({
    provider: organisationWords(organisation, byKey),
    integrator: organisationWords(integrator, byKey),
    publisher: organisationWords(publisher, byKey),
  });
}

function planMetadata(organisations: JsonObject, source: JsonObject, wish: PlanOverlay | undefined): JsonObject {
  const price = wish?.price;
  const own = isJsonObject(source.dvc) ? source.dvc : {};
  const dvc = { ...own, ...organisations, ...(price !== undefined && priceWords(price)), ...wish?.dvc };
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
  const left = offerings.flatMap((offering) => {
    const plans = offering.plans.filter(({ provider }) => mayOrder(provider));
    if (plans.length === offering.plans.length) return [offering];
    return plans.length === 0 ? [] : [{ ...offering, plans }];
  });
  return { offerings: left, withheld };
}

/** Turns catalog files into offerings and plans as they are ordered, with the metadata platforms show (OSB profile). */
import type { Json, JsonObject } from "../core/json.ts";
import type { Offering, Plan } from "../core/model.ts";
import type { OfferingFile, Organisation, PlanFile, PriceFile } from "./files.ts";

/** Plans whose provider account is not configured are not offered; an offering without plans vanishes. */
export function projectCatalog(
  offerings: readonly OfferingFile[],
  organisations: readonly Organisation[],
  accounts: ReadonlySet<string>,
): Offering[] {
  const byKey = new Map(organisations.map((organisation) => [organisation.key, organisation]));
  return offerings.flatMap((file) => {
    const plans = file.plans.filter((plan) => accounts.has(plan.account)).map((plan) => projectPlan(file, plan, byKey));
    return plans.length === 0 ? [] : [{ ...projectOffering(file, accounts), plans }];
  });
}

function projectOffering(file: OfferingFile, accounts: ReadonlySet<string>): Omit<Offering, "plans"> {
  const offered = file.plans.filter((plan) => accounts.has(plan.account));
  const classes = [...new Set(offered.flatMap((plan) => plan.equivalenceClass ?? []))];
  // With one producer left, there is nobody to change to.
  const portable = file.portable && new Set(offered.map((plan) => plan.publisher)).size > 1;
  const { displayName, longDescription, documentationUrl, supportUrl } = file;
  return {
    id: file.id,
    name: file.name,
    description: file.description,
    ...(file.tags !== undefined && { tags: file.tags }),
    ...(file.requires !== undefined && { requires: file.requires }),
    bindable: file.bindable,
    planUpdateable: file.planUpdateable,
    allowContextUpdates: file.allowContextUpdates,
    metadata: present({
      displayName,
      longDescription,
      documentationUrl,
      supportUrl,
      dvc: {
        schemaVersion: "1",
        deliveryModel: file.deliveryModel,
        category: file.category,
        focus: { ...file.focus },
        portable,
        equivalenceClasses: classes,
      },
    }),
  };
}

function projectPlan(offering: OfferingFile, plan: PlanFile, byKey: ReadonlyMap<string, Organisation>): Plan {
  const schemas = plan.schemas ?? offering.schemas ?? {};
  return {
    id: plan.id,
    offeringId: offering.id,
    name: plan.name,
    description: plan.description,
    free: plan.price.model === "free",
    bindable: plan.bindable ?? offering.bindable,
    bindingRotatable: plan.bindingRotatable,
    planUpdateable: plan.planUpdateable ?? offering.planUpdateable,
    maximumPollingDuration: plan.maximumPollingDuration,
    ...(plan.maintenance !== undefined && { maintenanceInfo: plan.maintenance }),
    schemas,
    metadata: planMetadata(plan, byKey),
    provider: plan.account,
    backend: plan.backend,
    execution: plan.execution,
    requiresApp: plan.requiresApp,
  };
}

function planMetadata(plan: PlanFile, byKey: ReadonlyMap<string, Organisation>): JsonObject {
  const named = (key: string | undefined) => organisationWords(key, byKey);
  return present({
    displayName: plan.displayName,
    bullets: plan.bullets,
    costs: costsOf(plan.price),
    dvc: present({
      provider: named(plan.provider),
      integrator: named(plan.integrator),
      publisher: named(plan.publisher),
      ...priceWords(plan.price),
      contractModels: plan.contractModels,
      acquisition: plan.acquisition,
      subscription: plan.subscription,
      equivalenceClass: plan.equivalenceClass,
      migration: plan.migration,
      capacity: plan.capacity,
      location: plan.location,
      protectionNeed: plan.protectionNeed,
      personalData: plan.personalData,
      maturity: plan.maturity,
      terms: plan.terms,
    }),
  });
}

/** How an organisation is named in `metadata.dvc`. */
export function organisationWords(
  key: string | undefined,
  byKey: ReadonlyMap<string, Organisation>,
): JsonObject | undefined {
  if (key === undefined) return undefined;
  const { legalName, kind } = byKey.get(key) ?? { legalName: key, kind: "external" };
  return { key, name: legalName, kind };
}

/** OSB's costs: decimals inside, floats only here, where OSB wants numbers. */
export function costsOf({ components }: PriceFile): Json {
  return components.map(({ amount, unit }) => ({ amount: { eur: Number(amount) }, unit }));
}

/** The price as `metadata.dvc` tells it, in decimals. */
export function priceWords({ model, illustrative, components }: PriceFile): JsonObject {
  return {
    priceModel: model,
    priceIllustrative: illustrative,
    priceComponents: components.map((component) => ({ ...component, currency: "EUR" })),
  };
}

/** Without what is undefined. */
export function present(fields: { readonly [name: string]: Json | undefined }): JsonObject {
  return Object.fromEntries(Object.entries(fields).filter((entry): entry is [string, Json] => entry[1] !== undefined));
}

/** A made-up catalog of any size, in the form of the files in `catalog/`. */
import type { OfferingFile, PlanFile } from "../../src/catalog/files.ts";
import type { JsonSchema } from "../../src/core/json.ts";
import { idText } from "./ids.ts";

/** Id spaces of their own, apart from instances. */
const offeringSpace = 0x0f;
const planSpace = 0x0e;

/** Every offering's first plan is carried out within the request, its second one answers 202. */
export const planIndex = { sync: 0, async: 1 } as const;

export const offeringId = (offering: number): string => idText(offeringSpace, offering);
export const planId = (offering: number, plan: number): string => idText(planSpace, offering * 1000 + plan);

/** The provider account every plan names. */
export const account = "bench";

/** Order parameters: about 60 bytes, or 1 KiB. */
export const parameters = {
  small: { size: "small", region: "north", replicas: 2, label: "orders" },
  large: { size: "large", region: "south", replicas: 3, label: "l".repeat(960) },
} as const;

const createSchema: JsonSchema = {
  $schema: "http://json-schema.org/draft-04/schema#",
  type: "object",
  properties: {
    size: { type: "string", enum: ["small", "medium", "large"], description: "How much memory and storage." },
    region: { type: "string", enum: ["north", "south"], description: "Where the data is kept." },
    replicas: { type: "integer", minimum: 0, maximum: 5 },
    label: { type: "string", maxLength: 1000, description: "A word of your own." },
  },
  required: ["size"],
  additionalProperties: false,
};

/** 17 offerings of 4 plans make about 100 KiB as OSB writes them. `accountOf`: who provides each; all the same if absent. */
export function makeOfferings(
  offerings: number,
  plansEach: number,
  accountOf: (offering: number) => string = () => account,
): readonly OfferingFile[] {
  return Array.from({ length: offerings }, (_, offering) => ({
    id: offeringId(offering),
    name: `database-${offering}`,
    displayName: `Database ${offering}`,
    deliveryModel: "PaaS",
    category: "database",
    focus: { serviceCategory: "Databases", serviceSubcategory: "Relational Databases" },
    description: "A relational database, kept up to date and backed up every night.",
    longDescription: "Runs on two machines in different rooms, so that one may fail.",
    tags: ["database", "relational"],
    bindable: true,
    planUpdateable: false,
    allowContextUpdates: false,
    portable: false,
    schemas: { create: createSchema },
    plans: Array.from({ length: plansEach }, (_, plan) => makePlan(offering, plan, accountOf(offering))),
  }));
}

function makePlan(offering: number, plan: number, account: string): PlanFile {
  return {
    id: planId(offering, plan),
    name: `size-${plan}`,
    displayName: `Size ${plan}`,
    description: "Memory and storage for a small department.",
    bullets: ["2 CPUs", "8 GiB memory", "100 GiB storage"],
    provider: "it-nord",
    publisher: "it-nord",
    account,
    backend: {},
    execution: plan === planIndex.async ? "async" : "sync",
    bindingRotatable: false,
    requiresApp: false,
    maximumPollingDuration: 3600,
    contractModels: ["direct"],
    acquisition: "purchase",
    price: { model: "free", illustrative: true, components: [] },
    location: { dataAtRest: ["DE"], processing: ["DE"], supportAccess: ["DE"], operatorSeat: "DE" },
    protectionNeed: "normal",
    personalData: "allowed",
  };
}

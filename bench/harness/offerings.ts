/** A made-up catalog of any size, in the broker's own nouns. */
import type { JsonSchema } from "../../src/core/json.ts";
import type { Offering, Plan } from "../../src/core/model.ts";
import { idText } from "./ids.ts";

/** Id spaces of their own, apart from instances. */
const offeringSpace = 0x0f;
const planSpace = 0x0e;

/** Every offering's first plan is carried out within the request, its second one answers 202. */
export const planIndex = { sync: 0, async: 1 } as const;

export const offeringId = (offering: number): string => idText(offeringSpace, offering);
export const planId = (offering: number, plan: number): string => idText(planSpace, offering * 1000 + plan);

/** Order parameters: about 60 bytes, or 1 KiB. */
export const parameters = {
  small: { size: "small", region: "north", replicas: 2, label: "orders" },
  large: { size: "large", region: "south", replicas: 3, label: "l".repeat(960) },
} as const;

const createSchema: JsonSchema = {
  $schema: "http://json-schema.org/draft-07/schema#",
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

/** 33 offerings of 4 plans make about 100 KiB as OSB writes them. */
export function makeOfferings(offerings: number, plansEach: number): readonly Offering[] {
  return Array.from({ length: offerings }, (_, offering) => ({
    id: offeringId(offering),
    name: `database-${offering}`,
    description: "A relational database, kept up to date and backed up every night.",
    tags: ["database", "relational"],
    bindable: true,
    planUpdateable: true,
    allowContextUpdates: false,
    metadata: {
      displayName: `Database ${offering}`,
      longDescription: "Runs on two machines in different rooms, so that one may fail.",
      providerDisplayName: "Provider",
      documentationUrl: `https://docs.example/database-${offering}`,
    },
    plans: Array.from({ length: plansEach }, (_, plan) => makePlan(offering, plan)),
  }));
}

function makePlan(offering: number, plan: number): Plan {
  return {
    id: planId(offering, plan),
    offeringId: offeringId(offering),
    name: `size-${plan}`,
    description: "Memory and storage for a small department.",
    free: false,
    bindable: true,
    bindingRotatable: false,
    planUpdateable: true,
    maximumPollingDuration: 3600,
    schemas: { create: createSchema },
    metadata: { displayName: `Size ${plan}`, bullets: ["2 CPUs", "8 GiB memory", "100 GiB storage"] },
    provider: "bench",
    backend: {},
    execution: plan === planIndex.async ? "async" : "sync",
    requiresApp: false,
  };
}

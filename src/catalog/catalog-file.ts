/** What stands in the files of a catalog directory, as types; `catalog/*.schema.json` says the same to editors. */
import type { JsonObject, JsonSchema } from "../core/json.ts";

export type Role = "provider" | "integrator" | "intermediary" | "supplier" | "software-operator";

export interface Organisation {
  readonly key: string;
  readonly id: string;
  readonly name: string;
  readonly fictional: boolean;
  readonly kind: "public-authority" | "external";
  readonly roles: readonly Role[];
  readonly legalBasis: string | null;
  readonly country: string;
  readonly controllingCountry: string;
  readonly openMarketSharePercent: number | null;
}

export interface OfferingFile {
  readonly id: string;
  readonly name: string;
  readonly displayName: string;
  readonly description: string;
  readonly longDescription?: string;
  readonly tags?: readonly string[];
  readonly requires?: readonly ("syslog_drain" | "route_forwarding" | "volume_mount")[];
  readonly deliveryModel: "SaaS" | "PaaS" | "IaaS" | "other";
  readonly category: string;
  readonly focus: { readonly category: string; readonly subcategory: string };
  readonly documentationUrl: string;
  readonly supportUrl: string;
  readonly bindable: boolean;
  readonly planUpdateable: boolean;
  readonly allowContextUpdates: boolean;
  readonly portable: boolean;
  readonly equivalenceClasses: { readonly [key: string]: EquivalenceClass };
  readonly plans: readonly PlanEntry[];
}

export type Figures = { readonly [name: string]: number };

export interface EquivalenceClass {
  readonly interface: { readonly standard: string; readonly version: string };
  readonly minCapacity: Figures;
  readonly features: readonly string[];
  readonly failsafeLevel: number;
  readonly migration: readonly string[];
}

export interface PlanEntry {
  readonly id: string;
  readonly name: string;
  readonly displayName: string;
  readonly description: string;
  readonly bullets: readonly string[];
  readonly state: "draft" | "published" | "suspended" | "retiring" | "retired";
  /** Key of the provider account in the configuration. */
  readonly account: string;
  /** Name of the adapter kind that account has. */
  readonly adapter: string;
  readonly backend: JsonObject;
  readonly execution: "sync" | "async";
  readonly bindable?: boolean;
  readonly bindingRotatable: boolean;
  readonly planUpdateable?: boolean;
  readonly requiresApp: boolean;
  readonly provider: string;
  readonly integrator?: string;
  readonly publisher?: string;
  readonly contractModels: readonly ("direct" | "back-to-back")[];
  readonly acquisition: "subscription" | "purchase";
  readonly subscription?: { readonly minTermMonths: number; readonly renewalMonths: number; readonly noticeDays: number };
  readonly priceModel: "free" | "flat" | "per-unit" | "tiered" | "usage" | "mixed";
  readonly prices: readonly Price[];
  readonly priceIllustrative: boolean;
  readonly equivalenceClass?: string;
  readonly migration?: readonly string[];
  readonly capacity: { readonly enforced: Figures; readonly illustrative?: Figures };
  readonly location: Location;
  readonly protectionNeed: "normal" | "high" | "very-high";
  readonly personalData: "none" | "allowed" | "special-categories";
  /** Seconds. */
  readonly maximumPollingDuration: number;
  readonly maintenance: { readonly version: string; readonly description?: string };
  readonly schemas: { readonly create?: JsonSchema; readonly update?: JsonSchema; readonly bind?: JsonSchema };
  readonly terms: readonly Terms[];
  readonly sla?: JsonObject;
  readonly maturity?: Maturity;
  readonly sovereignty?: Sovereignty;
}

export interface Price {
  readonly kind: "setup" | "recurring" | "usage" | "one-time" | "markup" | "intermediary-fee";
  /** Decimal, net of VAT. */
  readonly amount: string;
  readonly currency: "EUR";
  readonly unit: string;
  readonly meter?: string;
  readonly tiers?: readonly { readonly upTo: string | null; readonly amount: string }[];
  readonly vatPercent: string;
}

/** Countries are ISO 3166-1 alpha-2. */
export interface Location {
  readonly country: string;
  readonly region: string;
  readonly sites: readonly string[];
  readonly dataAtRest: readonly string[];
  readonly processing: readonly string[];
  readonly supportAccess: readonly string[];
  readonly operatorSeat: string;
}

export interface Terms {
  readonly kind: "csp-agb" | "service-terms" | "service-description" | "price-list" | "avv" | "sla" | "integrator-terms";
  readonly version: string;
  readonly language: "de" | "en";
  readonly uri?: string;
  readonly sha256?: string;
  readonly illustrative: boolean;
}

export interface Maturity {
  readonly model: string;
  readonly kind: "self" | "reviewed" | "audited";
  readonly level: number;
  readonly admissible: boolean;
  /** ISO 8601 date. */
  readonly validUntil: string;
  readonly illustrative: boolean;
}

export interface Sovereignty {
  readonly framework: string;
  readonly objectives: { readonly [objective: string]: number };
  readonly source: "self" | "third-party";
  readonly assessedAt: string;
  readonly illustrative: boolean;
}

/** Who really runs a plan: two plans of one integrator with different publishers are two operating groups. */
export const operatorOf = (plan: PlanEntry): string => plan.publisher ?? plan.provider;

/** Drafts are not shown yet, retired plans no more; what is shown counts for the rules of a complete offer. */
export const isShown = ({ state }: PlanEntry): boolean => state !== "draft" && state !== "retired";

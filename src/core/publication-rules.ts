/** By which rules a provider's new catalog is published by itself, or held until somebody releases it. */

/** What may be different in a catalog, by what a customer or an instance would notice. */
export const changeKinds = [
  "offering-added",
  "offering-removed",
  "plan-added",
  "plan-removed",
  /** A plan under an id that stood in another offering before. */
  "plan-moved",
  /** Name and description are others: the id now stands for something else. */
  "id-reused",
  "renamed",
  "described",
  "price-changed",
  "schema-widened",
  /** What was valid before may be refused now. */
  "schema-broken",
  "made-bindable",
  "made-unbindable",
  "made-updatable",
  "made-unupdatable",
  "maintenance-changed",
  "terms-changed",
] as const;

export type ChangeKind = (typeof changeKinds)[number];

/** `always`: published by itself. `unused`: if no living instance is touched. `never`: held. */
export type Publishing = "always" | "unused" | "never";

export interface PublicationRules {
  readonly changes: Readonly<Record<ChangeKind, Publishing>>;
  /** So many percent of the plans gone at once look like a fault and are held. */
  readonly massRemovalPercent: number;
}

/** What is new or costs otherwise needs somebody who answers for it; what only says more does not. */
export const defaultRules: PublicationRules = {
  changes: {
    "offering-added": "never",
    "offering-removed": "unused",
    "plan-added": "never",
    "plan-removed": "unused",
    "plan-moved": "never",
    "id-reused": "never",
    renamed: "unused",
    described: "always",
    "price-changed": "never",
    "schema-widened": "always",
    "schema-broken": "unused",
    "made-bindable": "always",
    "made-unbindable": "unused",
    "made-updatable": "always",
    "made-unupdatable": "unused",
    "maintenance-changed": "always",
    "terms-changed": "unused",
  },
  massRemovalPercent: 25,
};

/** What a provider's rules differ in from the defaults. */
export interface RuleDepartures {
  readonly changes?: { readonly [kind: string]: Publishing };
  readonly massRemovalPercent?: number;
}

export function rulesWith(departures: RuleDepartures = {}): PublicationRules {
  return {
    changes: { ...defaultRules.changes, ...departures.changes },
    massRemovalPercent: departures.massRemovalPercent ?? defaultRules.massRemovalPercent,
  };
}

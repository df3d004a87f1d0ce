/** Decides whether a provider's new catalog is published by itself or held until somebody releases it. */
import type { ProviderOffering } from "../core/adapter.ts";
import type { CatalogChange, ChangeKind } from "./compare.ts";

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

/** Why a catalog is held, a sentence each; none: it is published by itself. */
export function reasonsToHold(
  before: readonly ProviderOffering[],
  after: readonly ProviderOffering[],
  changes: readonly CatalogChange[],
  rules: PublicationRules,
): readonly string[] {
  const were = planIds(before);
  const are = new Set(planIds(after));
  const gone = were.filter((id) => !are.has(id)).length;
  if (after.length === 0) return ["The catalog is empty."];
  if (were.length > 0 && gone === were.length)
    return ["No plan of it was known before: it looks like another broker's."];
  const massive = were.length > 1 && gone * 100 > were.length * rules.massRemovalPercent;
  return [
    ...(massive ? [`${gone} of ${were.length} plans are gone at once.`] : []),
    ...changes.flatMap((change) => holds(change, rules)),
  ];
}

function holds({ kind, offering, plan, instances }: CatalogChange, rules: PublicationRules): string[] {
  const publishing = rules.changes[kind];
  if (publishing === "always" || (publishing === "unused" && instances === 0)) return [];
  const thing = plan === undefined ? offering : `${offering}/${plan}`;
  const touched = instances === 0 ? "" : `, ${instances} living instance${instances === 1 ? "" : "s"}`;
  return [`${thing}: ${kind}${touched}.`];
}

function planIds(offerings: readonly ProviderOffering[]): string[] {
  return offerings.flatMap(({ plans }) => plans.map(({ id }) => id));
}

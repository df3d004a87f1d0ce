/** Decides whether a provider's new catalog is published by itself or held until somebody releases it. */
import type { ProviderOffering } from "../core/adapter.ts";
import type { PublicationRules } from "../core/publication-rules.ts";
import type { CatalogChange } from "./compare.ts";

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

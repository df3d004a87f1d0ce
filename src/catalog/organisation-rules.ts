/** The domain's rules on who may be what. */
import type { Problem } from "../config/problem.ts";
import { type Draft, type OrganisationsDraft, type Report, reportOn } from "./draft.ts";
import type { Organisation } from "./files.ts";
import { uniqueIn } from "./unique.ts";

/** By key; of a key that stands twice nothing is known but that it is there. */
export type KnownOrganisations = ReadonlyMap<string, Partial<Organisation>>;

export function organisationRules(draft: Draft<OrganisationsDraft>, problems: Problem[]): KnownOrganisations {
  const report = reportOn(draft, problems);
  const unique = uniqueIn(draft.file, new Map(), report);
  const known = new Map<string, Partial<Organisation>>();
  for (const [index, organisation] of draft.content.organisations.entries()) {
    oneOrganisation(organisation, (path, message) => report(["organisations", index, ...path], message));
    const { key } = organisation;
    if (key === undefined) continue;
    unique(`key ${key}`, ["organisations", index, "key"]);
    known.set(key, known.has(key) ? {} : organisation);
  }
  return known;
}

function oneOrganisation(organisation: Partial<Organisation>, report: Report): void {
  const { kind, roles = [], openMarketSharePercent = 0, fictional, legalName } = organisation;
  if (kind === "external" && roles.some((role) => role !== "supplier"))
    report(["roles"], "must be supplier only, as an external organisation can only be a supplier");
  if (openMarketSharePercent >= 20)
    report(["openMarketSharePercent"], "must be below 20: a public provider earns less than that on the open market");
  if (fictional !== undefined && legalName !== undefined && fictional !== legalName.endsWith("(fiktiv)"))
    report(["legalName"], 'must end in "(fiktiv)" if the organisation is fictional, and only then');
}

/** All checks, in the order in which they are made. */
import type { Check } from "../check.ts";
import { answersChecks } from "./answers.ts";
import { bindChecks } from "./bind.ts";
import { catalogChecks } from "./catalog.ts";
import { deprovisionChecks } from "./deprovision.ts";
import { provisionChecks } from "./provision.ts";
import { raceChecks } from "./races.ts";
import { surfaceChecks } from "./surface.ts";
import { updateChecks } from "./update.ts";

/** By what they are about; the names head the parts of the report. */
export const areas: Readonly<Record<string, readonly Check[]>> = {
  Catalog: catalogChecks,
  "Headers and access": surfaceChecks,
  Ordering: provisionChecks,
  Changing: updateChecks,
  Binding: bindChecks,
  Removing: deprovisionChecks,
  Races: raceChecks,
  "Every answer": answersChecks,
};

export const checks: readonly Check[] = Object.values(areas).flat();

export function areaOf(check: Check): string {
  const [name] = Object.entries(areas).find(([, own]) => own.includes(check)) ?? [""];
  return name;
}

/** A catalog file as far as it can be used: the rules look at all of it that is right, also where other parts are wrong. */
import type { Path, Problem } from "../config/problem.ts";
import type { YamlFile } from "../config/yaml-file.ts";
import { isJsonObject, type Json } from "../core/json.ts";
import type { OfferingFile, Organisation, PlanFile } from "./files.ts";

export interface OfferingDraft extends Partial<Omit<OfferingFile, "plans">> {
  readonly plans: readonly Partial<PlanFile>[];
}

export interface OrganisationsDraft {
  readonly organisations: readonly Partial<Organisation>[];
}

export interface Draft<Content> {
  readonly file: YamlFile;
  readonly content: Content;
  /** Where the file breaks its schema. */
  readonly faults: readonly Path[];
}

export type Report = (path: Path, message: string, severity?: Problem["severity"]) => void;

/**
 * Takes out what breaks the schema: a key of the file, or a key of an entry of `list`, with all that is inside. Entries keep
 * their positions.
 */
export function draftOf(file: YamlFile, faults: readonly Path[], list: string): Draft<unknown> {
  const content = entriesOf(file.value);
  const found = content[list];
  const entries = Array.isArray(found) ? (found as readonly Json[]).map(entriesOf) : [];
  for (const [key, index, inner] of faults) {
    if (key !== list) Reflect.deleteProperty(content, key ?? "");
    else if (typeof index === "number" && inner !== undefined) Reflect.deleteProperty(entries[index] ?? {}, inner);
  }
  return { file, content: { ...content, [list]: entries }, faults };
}

const entriesOf = (value: unknown): { [key: string]: Json } => (isJsonObject(value) ? { ...value } : {});

/** Reports to `problems`, but nothing about a place that is told to be wrong already. */
export function reportOn({ file, faults }: Draft<unknown>, problems: Problem[]): Report {
  return (path, message, severity) => {
    if (!faults.some((fault) => overlap(fault, path))) problems.push(file.problem(path, message, severity));
  };
}

/** One of them is inside the other, or both are the same place. */
function overlap(one: Path, other: Path): boolean {
  const length = Math.min(one.length, other.length);
  return one.slice(0, length).every((step, index) => step === other[index]);
}

/** What an operator makes of a provider's own catalog: names, words, prices, what is hidden, what stands where. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { explain } from "../config/explain.ts";
import { ownSchemaCompiler } from "../config/json-schema.ts";
import { type Path, type Problem, shownPath } from "../config/problem.ts";
import { parseYamlFile } from "../config/yaml-file.ts";
import type { Json, JsonObject, JsonSchema } from "../core/json.ts";
import type { PriceFile } from "./files.ts";

/** Offerings and plans are named as the provider names them, or by its ids. */
export interface Overlay {
  /** What becomes of offerings and plans that are not listed. */
  readonly unlisted: "offered" | "hidden";
  readonly offerings: readonly OfferingOverlay[];
}

export interface OfferingOverlay {
  readonly offering: string;
  readonly hide?: boolean;
  readonly name?: string;
  readonly displayName?: string;
  readonly description?: string;
  readonly longDescription?: string;
  readonly documentationUrl?: string;
  readonly supportUrl?: string;
  readonly tags?: readonly string[];
  /** Name of an offering of the catalog files that its plans are to stand in. */
  readonly into?: string;
  readonly plans?: readonly PlanOverlay[];
}

export interface PlanOverlay {
  readonly plan: string;
  readonly hide?: boolean;
  readonly into?: string;
  readonly name?: string;
  readonly displayName?: string;
  readonly description?: string;
  readonly bullets?: readonly string[];
  readonly price?: PriceFile;
  readonly execution?: "sync" | "async";
  /** Further words of the domain for `metadata.dvc`: location, equivalenceClass, terms and so on. */
  readonly dvc?: JsonObject;
}

export const noOverlay: Overlay = { unlisted: "offered", offerings: [] };

/** Says what is wrong with an overlay, each with its path; none: `value` is an Overlay, its defaults filled in. */
export type OverlayCheck = (value: Json) => readonly { readonly path: Path; readonly message: string }[];

// The shipped one: an operator's own catalog directory need not hold it.
const schemaFile = new URL("../../catalog/overlay.schema.json", import.meta.url);

export function overlayCheck(): OverlayCheck {
  const schema = JSON.parse(readFileSync(schemaFile, "utf8")) as JsonSchema;
  const validate = ownSchemaCompiler({ useDefaults: true }).compile(schema);
  return (value) => (validate(value) ? [] : explain(validate.errors ?? [], value));
}

export interface ReadOverlays {
  readonly overlays: ReadonlyMap<string, Overlay>;
  readonly problems: readonly Problem[];
}

/** The files `overlays/PROVIDER.yaml` of a catalog directory. */
export function readOverlays(directory: string): ReadOverlays {
  const folder = join(directory, "overlays");
  const names = namesIn(folder);
  const overlays = new Map<string, Overlay>();
  const problems: Problem[] = [];
  if (names.length === 0) return { overlays, problems };
  const check = overlayCheck();
  for (const name of names) {
    const path = join(folder, name);
    const file = parseYamlFile(readFileSync(path, "utf8"), shownPath(path));
    problems.push(...file.problems);
    if (file.value === undefined) continue;
    const faults = check(file.value as Json);
    for (const { path: place, message } of faults) problems.push(file.problem(place, message));
    if (faults.length === 0) overlays.set(name.replace(/\.ya?ml$/, ""), file.value as Overlay);
  }
  return { overlays, problems };
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => /\.ya?ml$/.test(name))
      .sort();
  } catch {
    return [];
  }
}

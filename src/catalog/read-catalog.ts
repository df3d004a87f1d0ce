/** Reads a catalog directory: organisations.yaml and one YAML file per offering, held against the schemas of the product. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { explain } from "../config/explain.ts";
import { ownSchemaCompiler } from "../config/json-schema.ts";
import { type Problem, shownPath } from "../config/problem.ts";
import { reason } from "../config/secrets.ts";
import { parseYamlFile, type YamlFile } from "../config/yaml-file.ts";
import type { JsonSchema } from "../core/json.ts";
import { type Draft, draftOf, type OfferingDraft, type OrganisationsDraft } from "./draft.ts";
import type { OfferingFile, Organisation } from "./files.ts";

export interface ReadCatalog {
  readonly organisations: readonly Organisation[];
  readonly offerings: readonly { readonly file: YamlFile; readonly offering: OfferingFile }[];
  /** The same, and as much as can be used of the files that break their schema. */
  readonly drafts: {
    /** Absent: who is who cannot be said. */
    readonly organisations?: Draft<OrganisationsDraft>;
    readonly offerings: readonly Draft<OfferingDraft>[];
  };
  readonly problems: readonly Problem[];
}

/** The catalog that comes with the product; an operator's own directory need not hold the schemas. */
export const shippedCatalog = new URL("../../catalog/", import.meta.url);

const organisationsName = "organisations.yaml";

/** Everything that breaks a schema or cannot be read is told, and nothing is thrown. */
export function readCatalog(directory: string): ReadCatalog {
  const problems: Problem[] = [];
  const names = namesIn(directory, problems);
  const read = createReader(directory, problems);
  const people = names.includes(organisationsName) ? read(organisationsName, "organisations") : undefined;
  const drafts = names
    .filter((name) => name !== organisationsName)
    .flatMap((name) => (read(name, "plans") as Draft<OfferingDraft> | undefined) ?? []);
  const known = people?.faults.every(
    ([key, index]) => key !== undefined && (key !== "organisations" || index !== undefined),
  );
  if (known !== true && drafts.length > 0) problems.push(unknownOrganisations(directory, names));
  const complete = people?.faults.length === 0 ? (people.content as { organisations: Organisation[] }) : undefined;
  return {
    organisations: complete?.organisations ?? [],
    offerings: drafts
      .filter(({ faults }) => faults.length === 0)
      .map(({ file }) => ({ file, offering: file.value as OfferingFile })),
    drafts: {
      offerings: drafts,
      ...(known === true && { organisations: people as Draft<OrganisationsDraft> }),
    },
    problems,
  };
}

/** Told once, instead of with every plan that names one. */
function unknownOrganisations(directory: string, names: readonly string[]): Problem {
  const file = shownPath(join(directory, organisationsName));
  const message = "the organisations that plans name can be looked at only once this file is right";
  return names.includes(organisationsName)
    ? { file, path: "", message, severity: "warning" }
    : {
        file,
        path: "",
        message: "is missing: plans name their organisations by the keys that stand there",
        severity: "error",
      };
}

type List = "organisations" | "plans";

/** Reads a file of a kind that is told by the list it holds; undefined if it is no YAML. */
function createReader(
  directory: string,
  problems: Problem[],
): (name: string, list: List) => Draft<unknown> | undefined {
  const compiler = ownSchemaCompiler({ useDefaults: true });
  const schemaOf = (name: string) =>
    compiler.compile(JSON.parse(readFileSync(new URL(name, shippedCatalog), "utf8")) as JsonSchema);
  const checks = { organisations: schemaOf("organisation.schema.json"), plans: schemaOf("offering.schema.json") };
  return (name, list) => {
    const path = join(directory, name);
    const file = parseYamlFile(readFileSync(path, "utf8"), shownPath(path));
    problems.push(...file.problems);
    if (file.value === undefined) {
      const message = "its other rules can be looked at only once it is valid YAML";
      problems.push(...file.problems.slice(-1).map((last): Problem => ({ ...last, message, severity: "warning" })));
      return undefined;
    }
    const check = checks[list];
    const violations = check(file.value) ? [] : explain(check.errors ?? [], file.value);
    for (const { path: place, message } of violations) problems.push(file.problem(place, message));
    const faults = violations.map(({ path: place }) => place);
    return draftOf(file, faults, list);
  };
}

function namesIn(directory: string, problems: Problem[]): string[] {
  try {
    return readdirSync(directory)
      .filter((name) => /\.ya?ml$/.test(name))
      .sort();
  } catch (error) {
    problems.push({
      file: shownPath(directory),
      path: "",
      message: `cannot be read as the directory of the catalog (${reason(error)}): name yours by LOTSE_CATALOG; the one that comes with Lotse is ${fileURLToPath(shippedCatalog)}`,
      severity: "error",
    });
    return [];
  }
}

/** Reads a catalog directory: organisations.yaml and one YAML file per offering, held against the schemas beside them. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { explain } from "../config/explain.ts";
import { schemaCompiler } from "../config/json-schema.ts";
import type { Problem } from "../config/problem.ts";
import { parseYamlFile, type YamlFile } from "../config/yaml-file.ts";
import type { JsonSchema } from "../core/json.ts";
import type { OfferingFile, Organisation } from "./files.ts";

export interface ReadCatalog {
  readonly organisations: readonly Organisation[];
  readonly offerings: readonly { readonly file: YamlFile; readonly offering: OfferingFile }[];
  readonly problems: readonly Problem[];
}

/** Files that break their schema are told and left out; nothing is thrown but for an unreadable directory. */
export function readCatalog(directory: string): ReadCatalog {
  const problems: Problem[] = [];
  const compiler = schemaCompiler({ useDefaults: true });
  const schemaOf = (name: string) =>
    compiler.compile(JSON.parse(readFileSync(join(directory, name), "utf8")) as JsonSchema);
  const organisationCheck = schemaOf("organisation.schema.json");
  const offeringCheck = schemaOf("offering.schema.json");

  function read(name: string, check: typeof offeringCheck): YamlFile | undefined {
    const file = parseYamlFile(readFileSync(join(directory, name), "utf8"), `catalog/${name}`);
    problems.push(...file.problems);
    if (file.value === undefined || check(file.value)) return file.value === undefined ? undefined : file;
    for (const { path, message } of explain(check.errors ?? [], file.value)) problems.push(file.problem(path, message));
    return undefined;
  }

  const names = readdirSync(directory)
    .filter((name) => /\.ya?ml$/.test(name))
    .sort();
  const people = names.includes("organisations.yaml") ? read("organisations.yaml", organisationCheck) : undefined;
  const offerings = names
    .filter((name) => name !== "organisations.yaml")
    .flatMap((name) => {
      const file = read(name, offeringCheck);
      return file === undefined ? [] : [{ file, offering: file.value as OfferingFile }];
    });
  const organisations = (people?.value as { readonly organisations: readonly Organisation[] } | undefined)
    ?.organisations;
  return { organisations: organisations ?? [], offerings, problems };
}

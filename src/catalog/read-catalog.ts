/** Reads a catalog directory: organisations.yaml and one YAML file per offering, checked against their shapes. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import offeringSchema from "../../catalog/offering.schema.json" with { type: "json" };
import organisationSchema from "../../catalog/organisation.schema.json" with { type: "json" };
import { explain } from "../config/explain.ts";
import { schemaCompiler } from "../config/json-schema.ts";
import type { Problem } from "../config/problem.ts";
import { reason } from "../config/secrets.ts";
import { parseYamlFile, type YamlFile } from "../config/yaml-file.ts";
import type { OfferingFile, Organisation } from "./catalog-file.ts";

/** A file of the right shape, with what it takes to say on which line something stands. */
export interface Located<T> {
  readonly value: T;
  readonly source: YamlFile;
}

export interface ReadCatalog {
  readonly organisations: Located<{ readonly organisations: readonly Organisation[] }> | undefined;
  /** In the order of their file names. Files of another shape are left out. */
  readonly offerings: readonly Located<OfferingFile>[];
  /** What kept files from being read or gave them the wrong shape. */
  readonly problems: readonly Problem[];
}

const organisationsFile = "organisations.yaml";

/** Never throws for what stands in the directory, or for its absence: that is told in `problems`. */
export function readCatalog(directory: string): ReadCatalog {
  const problems: Problem[] = [];
  const names = listYaml(directory, problems);
  const compiler = schemaCompiler({ useDefaults: true });
  const isOffering = compiler.compile(offeringSchema);
  const isOrganisations = compiler.compile(organisationSchema);
  const read = <T>(name: string, isRight: typeof isOffering): Located<T> | undefined => {
    const source = readYaml(join(directory, name), problems);
    if (source === undefined || source.value === undefined) return undefined;
    const { value } = source;
    if (isRight(value)) return { value: value as T, source };
    problems.push(...explain(isRight.errors ?? [], value).map(({ path, message }) => source.problem(path, message)));
    return undefined;
  };
  const offerings = names
    .filter((name) => name !== organisationsFile)
    .map((name) => read<OfferingFile>(name, isOffering))
    .filter((offering) => offering !== undefined);
  return { organisations: read(organisationsFile, isOrganisations), offerings, problems };
}

function listYaml(directory: string, problems: Problem[]): string[] {
  try {
    return readdirSync(directory)
      .filter((name) => /\.ya?ml$/.test(name))
      .sort();
  } catch (error) {
    const message = `is no directory that can be read (${reason(error)})`;
    problems.push({ file: directory, path: "", message, severity: "error" });
    return [];
  }
}

function readYaml(file: string, problems: Problem[]): YamlFile | undefined {
  try {
    const source = parseYamlFile(readFileSync(file, "utf8"), file);
    problems.push(...source.problems);
    return source;
  } catch (error) {
    problems.push({ file, path: "", message: `cannot be read (${reason(error)})`, severity: "error" });
    return undefined;
  }
}

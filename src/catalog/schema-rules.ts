/** What the parameter schemas of a catalog have to be, so that platforms take them and Lotse can check by them. */
import { explain, type Violation } from "../config/explain.ts";
import { draft04, draftOf, knownDrafts, type SchemaCompiler } from "../config/json-schema.ts";
import type { Path } from "../config/problem.ts";
import { isJsonObject, type Json, type JsonSchema } from "../core/json.ts";
import type { Report } from "./draft.ts";

// OSB, Input Parameters Schema Object.
const largestSchema = 64 * 1024;

export function schemaRules(schema: JsonSchema, path: Path, compiler: SchemaCompiler, report: Report): void {
  const faults = documentFaults(schema, compiler);
  for (const fault of faults) report([...path, ...fault.path], fault.message);
  if (faults.length === 0) compileRule(schema, path, compiler, report);
}

/** The first rule that the schema as a document breaks, and all places where it does. */
function documentFaults(schema: JsonSchema, compiler: SchemaCompiler): readonly Violation[] {
  if (schema.$schema === undefined) return [{ path: [], message: "needs $schema" }];
  if (draftOf(schema.$schema) === undefined)
    return [{ path: ["$schema"], message: `names no known draft; known here: ${knownDrafts.join(", ")}` }];
  if (JSON.stringify(schema).length > largestSchema) return [{ path: [], message: "is larger than 64 kB" }];
  if (hasOutsideReference(schema)) return [{ path: [], message: "has a $ref to somewhere outside itself" }];
  return byMetaSchema(compiler.faults(schema), schema, "as the schema's own draft says");
}

/** One violation for each place: a meta-schema offers choices, and what it says first is what is mostly meant. */
function byMetaSchema(
  faults: ReturnType<SchemaCompiler["faults"]>,
  schema: JsonSchema,
  says: string,
): readonly Violation[] {
  const places = new Map<string, Violation>();
  for (const { path, message } of explain(faults, schema)) {
    const place = JSON.stringify(path);
    if (!places.has(place)) places.set(place, { path, message: `${message} (${says})` });
  }
  return [...places.values()];
}

function compileRule(schema: JsonSchema, path: Path, compiler: SchemaCompiler, report: Report): void {
  const says = "as draft-04 says, and Cloud Foundry holds every schema against it";
  for (const fault of byMetaSchema(compiler.faults(schema, draft04), schema, says))
    report([...path, ...fault.path], fault.message);
  try {
    compiler.compile(schema);
    for (const place of wrongDefaults(schema, compiler)) report([...path, ...place], "does not fit its own schema");
  } catch (error) {
    const message = error instanceof Error ? error.message : "unknown reason";
    report([...path, ...placeNamed(schema, message)], `cannot be compiled: ${message}`);
  }
}

// What Ajv does not understand, it names without the place.
const sought: readonly (readonly [RegExp, (key: string, value: Json, named: string) => boolean])[] = [
  [/unknown keyword: "([^"]+)"/, (key, _value, named) => key === named],
  [/unknown format "([^"]+)"/, (key, value, named) => key === "format" && value === named],
  [/can't resolve reference (\S+)/, (key, value, named) => key === "$ref" && value === named],
];

/** Where the first thing stands that the message names; the schema as a whole where it names none. */
function placeNamed(schema: JsonSchema, message: string): Path {
  for (const [words, isIt] of sought) {
    const named = words.exec(message)?.[1];
    if (named !== undefined) return placeOf(schema, (key, value) => isIt(key, value, named)) ?? [];
  }
  return [];
}

function placeOf(within: Json, isIt: (key: string, value: Json) => boolean): Path | undefined {
  if (typeof within !== "object" || within === null) return undefined;
  const isList = Array.isArray(within);
  for (const [key, value] of Object.entries(within)) {
    const inner = !isList && isIt(key, value) ? [] : placeOf(value, isIt);
    if (inner !== undefined) return [isList ? Number(key) : key, ...inner];
  }
  return undefined;
}

function hasOutsideReference(value: Json): boolean {
  if (Array.isArray(value)) return value.some(hasOutsideReference);
  if (!isJsonObject(value)) return false;
  const { $ref } = value;
  if (typeof $ref === "string" && !$ref.startsWith("#")) return true;
  return Object.values(value).some(hasOutsideReference);
}

/** Paths of defaults that their own schema refuses. */
function wrongDefaults(schema: JsonSchema, compiler: SchemaCompiler): Path[] {
  const { properties } = schema;
  if (properties === undefined || !isJsonObject(properties)) return [];
  return Object.entries(properties).flatMap(([name, property]) => {
    if (!isJsonObject(property) || property.default === undefined) return [];
    const draft = schema.$schema ?? null;
    const fits = compiler.compile({ ...property, $schema: draft })(property.default);
    return fits ? [] : [["properties", name, "default"]];
  });
}

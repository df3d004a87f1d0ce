/** Whether a parameter schema still takes everything it took before. */
import { isJsonObject, type Json, type JsonObject, type JsonSchema, sameJson } from "../core/json.ts";

/** Keywords that say nothing about what is valid. */
const annotations = new Set(
  "$schema $id id $comment title description default examples deprecated readOnly writeOnly form".split(" "),
);

/** The same for both: `after` may drop the keyword, or keep it as it was. */
const upper = ["maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"];
const lower = ["minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"];
const understood = new Set([
  ...annotations,
  ...upper,
  ...lower,
  ..."type required properties additionalProperties enum const items".split(" "),
]);

/**
 * True: whatever was valid under `before` surely is under `after`. False where that is not sure, so that somebody looks.
 * An optional property that was not named before counts as wider, although a schema that closes nothing took any value
 * under that name.
 */
export function stillTakes(before: JsonSchema | undefined, after: JsonSchema | undefined): boolean {
  if (after === undefined) return true;
  return takes(before ?? {}, after);
}

/** Whether only titles, descriptions, defaults and the like differ. */
export function sameRules(before: JsonSchema | undefined, after: JsonSchema | undefined): boolean {
  if (before === undefined || after === undefined) return before === after;
  return sameJson(bare(before), bare(after));
}

function takes(before: Json, after: Json): boolean {
  if (after === true || sameJson(before, after) || before === false) return true;
  if (after === false) return false;
  const old = isJsonObject(before) ? before : {};
  if (!isJsonObject(after)) return false;
  return (
    takesTypes(old.type, after.type) &&
    takesValues(old, after) &&
    takesProperties(old, after) &&
    (after.items === undefined || takes(old.items ?? true, after.items)) &&
    upper.every((name) => takesBound(old[name], after[name], (mine, theirs) => mine >= theirs)) &&
    lower.every((name) => takesBound(old[name], after[name], (mine, theirs) => mine <= theirs)) &&
    // What is not understood must be as it was.
    Object.keys(after).every((name) => understood.has(name) || sameJson(old[name], after[name]))
  );
}

const listOf = (value: Json | undefined): readonly Json[] =>
  value === undefined ? [] : Array.isArray(value) ? value : [value as Json];

function takesTypes(before: Json | undefined, after: Json | undefined): boolean {
  if (after === undefined) return true;
  const now = new Set(listOf(after));
  if (now.has("number")) now.add("integer");
  return before !== undefined && listOf(before).every((type) => now.has(type));
}

function takesValues(before: JsonObject, after: JsonObject): boolean {
  const valuesOf = (schema: JsonObject) =>
    schema.const !== undefined ? [schema.const] : schema.enum === undefined ? undefined : listOf(schema.enum);
  const now = valuesOf(after);
  if (now === undefined) return true;
  // By their texts: a stranger's list may have hundreds of thousands.
  const texts = new Set(now.map(sortedText));
  return valuesOf(before)?.every((value) => texts.has(sortedText(value))) === true;
}

/** The same for what `sameJson` calls the same. */
function sortedText(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(sortedText).join()}]`;
  if (!isJsonObject(value)) return JSON.stringify(value);
  const members = Object.entries(value).map(([key, inner]) => `${JSON.stringify(key)}:${sortedText(inner)}`);
  return `{${members.sort().join()}}`;
}

function takesProperties(before: JsonObject, after: JsonObject): boolean {
  const were = isJsonObject(before.properties) ? before.properties : {};
  const are = isJsonObject(after.properties) ? after.properties : {};
  const open = (schema: JsonObject) => schema.additionalProperties ?? true;
  const needed = new Set(listOf(before.required));
  const stillNeeded = listOf(after.required).every((name) => needed.has(name));
  const kept = Object.entries(were).every(([name, schema]) => takes(schema, are[name] ?? open(after)));
  const isOpenEnough = open(before) === false || takes(open(before), open(after));
  const others = Object.keys(are).filter((name) => !Object.hasOwn(were, name));
  const closedByType = others.every((name) => before.additionalProperties === undefined || fits(before, are[name]));
  return stillNeeded && kept && isOpenEnough && closedByType;
}

/** What an open schema took under a name that is spelled out now. */
function fits(before: JsonObject, now: Json | undefined): boolean {
  return before.additionalProperties === false || takes(before.additionalProperties ?? true, now ?? true);
}

function takesBound(
  before: Json | undefined,
  after: Json | undefined,
  wide: (after: number, before: number) => boolean,
): boolean {
  if (after === undefined || sameJson(before, after)) return true;
  return typeof before === "number" && typeof after === "number" && wide(after, before);
}

/** Names of properties are no keywords: whatever they are called, they count. */
function bare(schema: Json, keywords = true): Json {
  if (Array.isArray(schema)) return schema.map((item) => bare(item));
  if (!isJsonObject(schema)) return schema;
  return Object.fromEntries(
    Object.entries(schema)
      .filter(([name]) => !keywords || !annotations.has(name))
      .map(([name, value]) => [name, bare(value, !(keywords && namesOfOthers.has(name)))]),
  );
}

const namesOfOthers = new Set(["properties", "patternProperties", "definitions", "$defs", "dependentSchemas"]);

/** Turns Ajv's violations into sentences for people: where, what is wrong, what would be right; never the value itself. */
import type { ErrorObject } from "ajv/dist/ajv.js";
import { isJsonObject } from "../core/json.ts";
import { hint, nearest, type Path } from "./problem.ts";

export interface Violation {
  readonly path: Path;
  readonly message: string;
}

/** One violation for each thing wrong. What only says that a part elsewhere failed is left out. */
export function explain(errors: readonly ErrorObject[], root: unknown): Violation[] {
  const violations: Violation[] = [];
  const seen = new Set<string>();
  for (const error of withoutBranches(errors)) {
    const violation = explainOne(error, root, errors);
    const key = JSON.stringify(violation);
    if (seen.has(key)) continue;
    seen.add(key);
    violations.push(violation);
  }
  return violations;
}

/** Errors inside the branches of an anyOf or oneOf are told together with it; an `if` only names its other half. */
function withoutBranches(errors: readonly ErrorObject[]): ErrorObject[] {
  const choices = errors.filter(isChoice).map(({ schemaPath }) => `${schemaPath}/`);
  return errors.filter(
    ({ keyword, schemaPath }) => keyword !== "if" && !choices.some((start) => schemaPath.startsWith(start)),
  );
}

const isChoice = ({ keyword }: ErrorObject): boolean => keyword === "anyOf" || keyword === "oneOf";

function explainOne(error: ErrorObject, root: unknown, all: readonly ErrorObject[]): Violation {
  const path = readPointer(error.instancePath, root);
  const { params, parentSchema, schema } = error;
  switch (error.keyword) {
    case "required":
      return { path: [...path, params.missingProperty], message: "is missing" };
    case "dependentRequired":
    case "dependencies":
      return { path: [...path, params.missingProperty], message: `is missing; ${params.property} needs it` };
    case "additionalProperties":
    case "unevaluatedProperties": {
      const key: string = params.additionalProperty ?? params.unevaluatedProperty;
      return { path: [...path, key], message: `is not known here${hint(key, knownKeys(parentSchema))}` };
    }
    case "propertyNames":
      return { path: [...path, params.propertyName], message: "is not a name allowed here" };
    case "type":
      return { path, message: typeMessage(schema, error.data) };
    case "enum":
      return { path, message: `must be one of ${listed(schema)}${meant(schema, error.data)}` };
    case "const":
      return { path, message: `must be ${JSON.stringify(schema)}` };
    case "anyOf":
    case "oneOf":
      return { path, message: choiceMessage(error, root, all) };
    default:
      return { path, message: `${limitMessage(error)}${example(parentSchema)}` };
  }
}

const comparisons: Readonly<Record<string, string>> = {
  ">=": "at least",
  "<=": "at most",
  ">": "more than",
  "<": "less than",
};

function limitMessage({ keyword, params, schema, message }: ErrorObject): string {
  switch (keyword) {
    // In draft 4 a minimum may be excluded itself, so the comparison tells more than the keyword.
    case "minimum":
    case "maximum":
    case "exclusiveMinimum":
    case "exclusiveMaximum":
      return `must be ${comparisons[String(params.comparison)]} ${params.limit}`;
    case "minLength":
      return params.limit === 1 ? "must not be empty" : `must have at least ${params.limit} characters`;
    case "maxLength":
      return `must have at most ${params.limit} characters`;
    case "minItems":
    case "minProperties":
      return `must have at least ${counted(params.limit)}`;
    case "maxItems":
    case "maxProperties":
      return `must have at most ${counted(params.limit)}`;
    case "uniqueItems":
      return `must not hold the same entry twice (entries ${params.j} and ${params.i})`;
    case "pattern":
      return `must match ${schema}`;
    case "format":
      return `must be a valid ${schema}`;
    case "not":
      return "must not look like this";
    case "false schema":
      return "is not allowed here";
    default:
      return message ?? `breaks the rule "${keyword}"`;
  }
}

const counted = (limit: number): string => (limit === 1 ? "1 entry" : `${limit} entries`);

const kinds: { readonly [type: string]: string } = {
  object: "a map of keys and values",
  array: "a list",
  string: "a string",
  integer: "a whole number",
  number: "a number",
  boolean: "true or false",
  null: "null",
};

function typeMessage(schema: unknown, data: unknown): string {
  const wanted: unknown[] = Array.isArray(schema) ? schema : [schema];
  const text = `must be ${wanted.map((type) => kinds[String(type)] ?? String(type)).join(" or ")}`;
  const quotes = wanted.includes("string") && (typeof data === "number" || typeof data === "boolean");
  if (quotes) return `${text}: put it in quotes`;
  return data === null ? `${text}; nothing stands here` : text;
}

function choiceMessage(
  { keyword, params, schemaPath }: ErrorObject,
  root: unknown,
  all: readonly ErrorObject[],
): string {
  if (keyword === "oneOf" && params.passingSchemas !== null) return "must fit only one of the shapes allowed here";
  const branches = all.filter((error) => error.schemaPath.startsWith(`${schemaPath}/`) && !isChoice(error));
  const messages = new Set(branches.map((error) => explainOne(error, root, []).message));
  return messages.size === 0 ? "must fit one of the shapes allowed here" : [...messages].join(", or ");
}

function knownKeys(parentSchema: unknown): string[] {
  return isJsonObject(parentSchema) && isJsonObject(parentSchema.properties)
    ? Object.keys(parentSchema.properties)
    : [];
}

function listed(schema: unknown): string {
  const values = Array.isArray(schema) ? schema : [];
  const shown = values.slice(0, 20).map((value) => JSON.stringify(value));
  return values.length > shown.length ? `${shown.join(", ")}, …` : shown.join(", ");
}

/** The value that a misspelt one was meant to be. */
function meant(schema: unknown, data: unknown): string {
  const known = (Array.isArray(schema) ? schema : []).filter((value) => typeof value === "string");
  const word = typeof data === "string" ? nearest(data, known) : undefined;
  return word === undefined ? "" : `; did you mean "${word}"?`;
}

function example(parentSchema: unknown): string {
  if (!isJsonObject(parentSchema) || !Array.isArray(parentSchema.examples)) return "";
  const [first] = parentSchema.examples;
  return first === undefined ? "" : `, for example ${JSON.stringify(first)}`;
}

/** Array positions become numbers, by looking at what is really there. */
function readPointer(pointer: string, root: unknown): (string | number)[] {
  const path: (string | number)[] = [];
  let here = root;
  for (const part of pointer.split("/").slice(1)) {
    const key = part.replaceAll("~1", "/").replaceAll("~0", "~");
    path.push(Array.isArray(here) ? Number(key) : key);
    here = typeof here === "object" && here !== null ? Reflect.get(here, key) : undefined;
  }
  return path;
}

/**
 * Fills the gaps in a plan's manifests. A gap `{{ parameters.size }}` stands inside a text; keys, lists and numbers are left
 * alone. What fills it is a text, a number or a boolean and stays one: it is put into a value that was read already, so no
 * YAML, JSON or braces in it are ever read again. A text that is one gap and nothing else takes the value's own type.
 */
import type { Json, JsonObject } from "#adapter";

export type Scalar = string | number | boolean;

/** What a root name stands for: a value to walk into by dots, or something asked for with the rest of the path. */
export type Roots = { readonly [root: string]: Json | ((rest: string) => Json | undefined) };

/** The person ordering has to give the parameter. */
export class MissingParameter extends Error {}
/** Whoever wrote the plan made a mistake. */
export class PlanMistake extends Error {}

const gap = /\{\{([^{}]*)\}\}/g;
const onlyGap = /^\{\{([^{}]*)\}\}$/;

export function fill<T extends Json>(template: T, roots: Roots): T {
  return fillAny(template, roots) as T;
}

function fillAny(template: Json, roots: Roots): Json {
  if (typeof template === "string") return fillText(template, roots);
  if (Array.isArray(template)) return template.map((item: Json) => fillAny(item, roots));
  if (typeof template !== "object" || template === null) return template;
  return Object.fromEntries(Object.entries(template).map(([key, value]) => [key, fillAny(value, roots)]));
}

function fillText(text: string, roots: Roots): Scalar {
  const whole = onlyGap.exec(text)?.[1];
  if (whole !== undefined) return scalarOf(whole, roots);
  if (text.replace(gap, "").includes("{{")) throw new PlanMistake(`A gap in "${text}" is not closed.`);
  // A function, because a replacement text would have "$&" and the like read in it.
  return text.replace(gap, (_, inner: string) => String(scalarOf(inner, roots)));
}

/** `path`, or `path | uri`: percent-encoded for a part of a URI. */
function scalarOf(expression: string, roots: Roots): Scalar {
  const [path = "", filter, ...more] = expression.split("|").map((part) => part.trim());
  if (more.length > 0 || (filter !== undefined && filter !== "uri"))
    throw new PlanMistake(`"${expression.trim()}" has another filter than uri.`);
  const value = look(path, roots);
  if (typeof value === "object") throw new PlanMistake(`"${path}" is no text, number or boolean.`);
  return filter === "uri" ? encodeURIComponent(String(value)) : value;
}

function look(path: string, roots: Roots): Scalar | object {
  const [root = "", ...keys] = path.split(".");
  if (!Object.hasOwn(roots, root)) throw new PlanMistake(`Nothing is called "${path}".`);
  const start = roots[root] as Roots[string];
  const value = typeof start === "function" ? start(keys.join(".")) : walk(start, keys);
  if (value !== undefined && value !== null) return value;
  if (path.includes("parameters.")) throw new MissingParameter(path.slice(path.indexOf("parameters.") + 11));
  throw new PlanMistake(`Nothing is called "${path}".`);
}

/** The value below `from`; undefined where it has no such key of its own. */
export function walk(from: Json | undefined, keys: readonly (string | number)[]): Json | undefined {
  let value = from;
  for (const key of keys) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as JsonObject)[key];
  }
  return value;
}

/**
 * What a stranger's parameter schema may cost. It is held against what customers send in the one thread there is: a pattern
 * that backtracks, or references that double at each step, would stop the broker for everybody.
 */
import { isJsonObject, type Json, type JsonObject, type JsonSchema } from "../core/json.ts";

/** Keywords and values looked at, each reference counted as what it leads to. Schemas in use have some hundreds. */
const mostSteps = 5_000;

/** False: it could take long. What leads back to itself, or cannot be followed here, counts as that. */
export function isAffordable(schema: JsonSchema): boolean {
  const known = new Map<string, number>();

  function stepsOf(value: Json, root: boolean): number {
    if (Array.isArray(value)) return sum(value);
    if (!isJsonObject(value)) return 1;
    // Elsewhere than at the root these change what references mean.
    const moves = !root && (typeof value.$id === "string" || typeof value.id === "string");
    if (moves || value.$dynamicRef !== undefined || value.$recursiveRef !== undefined || comparesAll(value))
      return Number.POSITIVE_INFINITY;
    return 1 + sum(Object.values(value)) + (typeof value.$ref === "string" ? stepsBehind(value.$ref) : 0);
  }

  function sum(values: readonly Json[]): number {
    let steps = 0;
    for (const value of values) {
      steps += stepsOf(value, false);
      if (steps > mostSteps) break;
    }
    return steps;
  }

  function stepsBehind(reference: string): number {
    const before = known.get(reference);
    if (before !== undefined) return before;
    // Whoever comes here again before the end goes round in a circle.
    known.set(reference, Number.POSITIVE_INFINITY);
    const target = lookUp(schema, reference);
    const steps = target === undefined ? Number.POSITIVE_INFINITY : stepsOf(target, target === schema);
    known.set(reference, steps);
    return steps;
  }

  return stepsOf(schema, true) <= mostSteps;
}

/** Items that are no plain values are compared each with each. */
function comparesAll({ uniqueItems, items }: JsonObject): boolean {
  const type = isJsonObject(items) ? items.type : undefined;
  return uniqueItems === true && !["string", "number", "integer", "boolean"].includes(String(type));
}

function lookUp(schema: JsonSchema, reference: string): Json | undefined {
  if (reference !== "#" && !reference.startsWith("#/")) return undefined;
  let at: Json | undefined = schema;
  for (const part of reference.split("/").slice(1)) {
    const key = part.replaceAll("~1", "/").replaceAll("~0", "~");
    if (Array.isArray(at)) at = (at as readonly Json[])[Number(key)];
    else at = isJsonObject(at) && Object.hasOwn(at, key) ? at[key] : undefined;
  }
  return at;
}

/** One character after the other, some of them repeated; no groups and no alternatives. */
const plain =
  /^\^?(?:(?:[^\\()[\]{}*+?|^$]|\\[dDwWsS.\-/\\+*?()[\]{}|^$]|\[\^?(?:[^\\\]]|\\.)+\])(?:\{\d{1,4}(?:,\d{0,4})?\}|[?*+])?)*\$?$/;
/** With at most two places to begin or to stop at, a text this long takes some ten million steps at worst. */
const longestText = 4_096;

/** As a RegExp, where that surely comes to an end soon; else one that takes everything: the provider looks as well. */
export function affordablePattern(pattern: string, flags: string): { test(text: string): boolean; toString(): string } {
  const bare = pattern.replace(/\\.|\[(?:\\.|[^\]\\])*\]/g, "x");
  const choices = [...bare.matchAll(/[?*+]|\{\d+,/g)].length + (pattern.startsWith("^") ? 0 : 1);
  if (!plain.test(pattern) || choices > 2) return { test: () => true, toString: () => "anything" };
  const expression = new RegExp(pattern, flags);
  return { test: (text) => text.length > longestText || expression.test(text), toString: () => pattern };
}

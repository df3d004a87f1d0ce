/** Whether what a stranger sent can be kept, compared and shown: every later reader may rely on it. */
import type { Json } from "#adapter";

/**
 * How deep a catalog may be nested. What is below takes apart, compares, sends and compiles it by recursion; a schema
 * stands at the eighth level, and those in use need some ten more.
 */
const deepest = 64;

/** What is wrong with it, to go on after "The broker's catalog"; undefined: nothing. Walks without recursion. */
export function unsound(value: Json): string | undefined {
  const left: (readonly [Json, number])[] = [[value, 1]];
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    const [each, depth] = next;
    if (typeof each === "string" && !isText(each)) return noText;
    if (typeof each !== "object" || each === null) continue;
    if (depth > deepest) return `is nested deeper than ${deepest} levels.`;
    for (const [key, inner] of Object.entries(each)) {
      if (key === "__proto__") return "has a key __proto__.";
      if (!isText(key)) return noText;
      left.push([inner as Json, depth + 1]);
    }
  }
  return undefined;
}

const noText = "holds U+0000 or half of a character, which cannot be kept.";
const isText = (text: string): boolean => !text.includes("\0") && text.isWellFormed();

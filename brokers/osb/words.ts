/** What of a downstream's error reaches the customer: its description and code, without anybody's secrets. */
import type { Json, JsonObject } from "#adapter";
import type { Answer } from "./client.ts";

const longest = 1000;
/** Shorter texts are words of everyday life rather than secrets, and taking them out would garble the sentence. */
const shortestSecret = 6;
const unprintable = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]+/gu;

/** `description (Code)`, or what can be said of an answer without either. */
export function describe(answer: Answer, secrets: readonly string[]): string {
  const { error, description } = answer.body ?? {};
  const words = typeof description === "string" && description.trim() !== "" ? description : fallback(answer);
  const code = typeof error === "string" && /^[A-Za-z0-9_.-]{1,64}$/.test(error) ? ` (${error})` : "";
  return clean(words, secrets) + code;
}

function fallback(answer: Answer): string {
  return `The provider's broker answered ${answer.status}${answer.body === undefined ? " without a readable reason" : ""}.`;
}

/** A header that was repeated to us; a token that was fetched a moment ago is known nowhere else. */
const header = /\b(Basic|Bearer) +[\w.~+/=-]{6,}/gi;

export function clean(text: string, secrets: readonly string[]): string {
  let cleaned = text.replace(unprintable, " ").replace(header, "$1 […]");
  for (const secret of secrets) cleaned = cleaned.replaceAll(secret, "[…]");
  return cleaned.length > longest ? `${cleaned.slice(0, longest)}…` : cleaned.trim();
}

/** The texts in a JSON value that are long enough to be secrets, the longest first. */
export function secretTexts(value: Json): string[] {
  const found: string[] = [];
  const walk = (part: Json): void => {
    if (typeof part === "string") {
      if (part.length >= shortestSecret) found.push(part);
    } else if (typeof part === "object" && part !== null) {
      for (const inner of Array.isArray(part) ? part : Object.values(part as JsonObject)) walk(inner);
    }
  };
  walk(value);
  return found.sort((a, b) => b.length - a.length);
}

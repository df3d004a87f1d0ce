/** What of a vendor's words reaches people: one line of readable text, without anybody's secrets. */
import type { Json, JsonObject } from "#adapter";
import { type AnyOrder, isBinding } from "./scope.ts";
import type { Account } from "./settings.ts";

const longest = 1000;
/** Shorter texts are words of everyday life rather than secrets, and taking them out would garble the sentence. */
const shortestSecret = 6;
const unprintable = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]+/gu;

export function cleaned(text: string, order: AnyOrder, account: Account): string {
  const hidden = [
    ...account.secretTexts,
    ...textsIn(order.instance.parameters.reveal()),
    ...(isBinding(order) ? textsIn(order.binding.parameters.reveal()) : []),
  ].sort((a, b) => b.length - a.length);
  let words = text.replace(unprintable, " ");
  for (const secret of hidden) words = words.replaceAll(secret, "[…]");
  return words.length > longest ? `${words.slice(0, longest)}…` : words.trim();
}

function textsIn(value: Json): string[] {
  if (typeof value === "string") return value.length >= shortestSecret ? [value] : [];
  if (typeof value !== "object" || value === null) return [];
  return (Array.isArray(value) ? value : Object.values(value as JsonObject)).flatMap((inner) => textsIn(inner as Json));
}

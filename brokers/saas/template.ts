/**
 * Templates: JSON with places to be filled from a document, and nothing that could be executed.
 *
 * | in a template                                | becomes                                                        |
 * | -------------------------------------------- | -------------------------------------------------------------- |
 * | `"Order {/subscription/id}"`                 | a text, each `{…}` replaced by the text or number found there  |
 * | `{ "$value": "/parameters/users" }`          | the value found there, whatever it is, as a value              |
 * | `{ "$value": "/plan", "$words": {"s": 1} }`  | the word that stands for the text found there                  |
 * | `{ "$value": "/limit", "$default": 5 }`      | the default where nothing is found                             |
 *
 * Places are JSON Pointers (RFC 6901). Where nothing is found the member or element is left out. What was filled in is
 * never read as a template again, so no customer's text can become structure.
 */
import type { Json, JsonObject } from "#adapter";

/** What is written in the mapping cannot be filled, or must not. */
export class Unfit extends Error {}

const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** RFC 6901; undefined where nothing is. The empty pointer is the document. */
export function valueAt(document: Json | undefined, pointer: string): Json | undefined {
  let value: Json | undefined = document;
  for (const raw of pointer.split("/").slice(1)) {
    const key = raw.replaceAll("~1", "/").replaceAll("~0", "~");
    if (Array.isArray(value)) value = /^(0|[1-9]\d{0,8})$/.test(key) ? value[Number(key)] : undefined;
    else value = isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
    if (value === undefined) return undefined;
  }
  return value;
}

/** A text there; undefined for anything else, and for an empty one. A number counts as its digits. */
export function textAt(document: Json | undefined, pointer: string | undefined): string | undefined {
  const value = pointer === undefined ? undefined : valueAt(document, pointer);
  if (typeof value === "number") return String(value);
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** Fills a template; undefined where the whole of it found nothing. */
export function fill(template: Json, document: Json): Json | undefined {
  if (typeof template === "string") return fillText(template, document, (text) => text);
  if (Array.isArray(template)) return template.flatMap((each: Json) => fill(each, document) ?? []);
  if (!isObject(template)) return template;
  if (typeof template.$value === "string") return fillValue(template.$value, template, document);
  const filled = Object.entries(template).map(([key, inner]) => [key, fill(inner as Json, document)] as const);
  return Object.fromEntries(filled.filter((entry): entry is [string, Json] => entry[1] !== undefined));
}

function fillValue(pointer: string, { $words, $default }: JsonObject, document: Json): Json | undefined {
  const found = valueAt(document, pointer);
  if (found === undefined || found === null) return $default;
  if (!isObject($words)) return found;
  const word = String(found);
  if (!Object.hasOwn($words, word)) throw new Unfit(`No word stands for what is at ${pointer}.`);
  return $words[word];
}

const places = /\{((?:\/[^{}]*)+)\}/g;

/** Undefined where one of the places is empty; `write` makes each found text safe for where it goes. */
export function fillText(template: string, document: Json, write: (text: string) => string): string | undefined {
  let whole = true;
  const text = template.replace(places, (_, pointer: string) => {
    const value = valueAt(document, pointer);
    if (typeof value === "string" || typeof value === "number" || typeof value === "boolean")
      return write(String(value));
    whole = false;
    return "";
  });
  return whole ? text : undefined;
}

/** A path below the account's address. Each filled place stays one segment of it. */
export function fillPath(template: string, document: Json): string {
  const path = fillText(template, document, (text) => {
    // These two mean other segments, percent-encoded or not.
    if (text === "" || text === "." || text === "..") throw new Unfit("A value cannot be part of a path.");
    return encodeURIComponent(text);
  });
  if (path === undefined) throw new Unfit(`Nothing is known yet to fill the path ${template} with.`);
  return path;
}

/** A header's value; a text that would end the line is none. */
export function fillHeader(template: string, document: Json): string | undefined {
  return fillText(template, document, (text) => {
    if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(text)) throw new Unfit("A value cannot stand in a header.");
    return text;
  });
}

/**
 * Reads a request body as one JSON object, and refuses every text that two readers could understand differently.
 *
 * The text is scanned once, which finds the faults `JSON.parse` is silent about and knows the place of each;
 * only a text without fault is then given to `JSON.parse` for its values.
 */
import { isUtf8 } from "node:buffer";
import type { JsonObject } from "../core/json.ts";

/** `problem` is a sentence for the caller: what is wrong and where. It never repeats anything of the text. */
export type ReadJson = { readonly value: JsonObject } | { readonly problem: string };

/**
 * How deep objects and arrays may be nested, the outermost object counted. Orders in use stay under ten; schema checks,
 * comparison and sealing walk values by recursion, so that a bound is needed, and 32 leaves them ample stack.
 */
export const maximumDepth = 32;

/**
 * Refused besides broken JSON: what is not UTF-8, a byte order mark, another top level than an object, nesting deeper
 * than `maximumDepth`, a key that occurs twice in its object (RFC 8259 leaves the meaning open), the key `__proto__`,
 * U+0000 (PostgreSQL cannot keep it) and lone surrogates (not text at all), and numbers that would change: see `changes`.
 */
export function readJsonObject(body: Buffer): ReadJson {
  if (body.length === 0) return { problem: "The JSON text is empty; an object is expected." };
  if (!isUtf8(body)) return { problem: "The JSON text is not UTF-8." };
  const text = body.toString("utf8");
  if (text.charCodeAt(0) === 0xfeff)
    return { problem: "The JSON text begins with a byte order mark; send it without." };
  const scan = new Scan(text);
  const fault = scan.document();
  if (fault !== undefined) return { problem: `${fault} ${placeOf(text, scan.at)}.` };
  return { value: JSON.parse(text) };
}

/** Line and column as `JSON.parse` counts them: from 1, in UTF-16 units. */
function placeOf(text: string, at: number): string {
  const before = text.slice(0, at);
  return `at line ${before.split("\n").length}, column ${at - before.lastIndexOf("\n")}`;
}

/** Each fault is the beginning of a sentence that ends with the place. */
const faults = {
  end: "The JSON text ends too early",
  extra: "The JSON text goes on after its end",
  notObject: "The JSON text is not an object",
  value: "A JSON value is expected",
  key: "A key in double quotes is expected",
  colon: "A colon is expected",
  objectGoesOn: "A comma or a closing brace is expected",
  arrayGoesOn: "A comma or a closing bracket is expected",
  control: "A control character stands unescaped in a string",
  escape: "A string holds an escape JSON does not know",
  nul: "A string holds the character U+0000, which cannot be kept,",
  surrogate: "A string holds half of a surrogate pair",
  number: "A number is written in a form JSON does not know",
  changed: "A number is too large or too fine to be read without change (send it as a string)",
  twice: "A key is given twice in the same object",
  proto: "The key __proto__ is not allowed",
  deep: `Objects and arrays are nested deeper than ${maximumDepth} levels`,
} as const;

type Fault = (typeof faults)[keyof typeof faults] | undefined;

const quote = 0x22;
const comma = 0x2c;
const minus = 0x2d;
const colon = 0x3a;
const openBracket = 0x5b;
const backslash = 0x5c;
const closeBracket = 0x5d;
const letterU = 0x75;
const openBrace = 0x7b;
const closeBrace = 0x7d;
/** What may follow a backslash, besides `u`. */
const shortEscapes = new Set(Array.from('"\\/bfnrt', (letter) => letter.charCodeAt(0)));
const numberForm = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const fourHexDigits = /[0-9a-fA-F]{4}/y;
const literals = ["true", "false", "null"] as const;

/** A recursive descent over the JSON grammar; every method starts at `at` and leaves `at` behind what it read. */
class Scan {
  readonly text: string;
  /** After a fault: its place. */
  at = 0;

  constructor(text: string) {
    this.text = text;
  }

  document(): Fault {
    const first = this.next();
    if (Number.isNaN(first)) return faults.end;
    if (first !== openBrace) return faults.notObject;
    const fault = this.object(1);
    if (fault !== undefined) return fault;
    this.next();
    return this.at < this.text.length ? faults.extra : undefined;
  }

  /** Skips white space; the code of the character now at `at`, NaN at the end. */
  next(): number {
    let code = this.text.charCodeAt(this.at);
    while (code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09) code = this.text.charCodeAt(++this.at);
    return code;
  }

  value(depth: number): Fault {
    const code = this.next();
    if (code === quote) return this.string();
    if (code === openBrace) return this.object(depth + 1);
    if (code === openBracket) return this.array(depth + 1);
    if (code === minus || (code >= 0x30 && code <= 0x39)) return this.number();
    const literal = literals.find((word) => this.text.startsWith(word, this.at));
    if (literal === undefined) return this.missing(faults.value);
    this.at += literal.length;
    return undefined;
  }

  object(depth: number): Fault {
    if (depth > maximumDepth) return faults.deep;
    this.at++;
    if (this.next() === closeBrace) return this.step();
    const seen = new Set<string>();
    for (;;) {
      if (this.next() !== quote) return this.missing(faults.key);
      const fault = this.key(seen);
      if (fault !== undefined) return fault;
      if (this.next() !== colon) return this.missing(faults.colon);
      this.at++;
      const inner = this.value(depth);
      if (inner !== undefined) return inner;
      const code = this.next();
      if (code === closeBrace) return this.step();
      if (code !== comma) return this.missing(faults.objectGoesOn);
      this.at++;
    }
  }

  array(depth: number): Fault {
    if (depth > maximumDepth) return faults.deep;
    this.at++;
    if (this.next() === closeBracket) return this.step();
    for (;;) {
      const inner = this.value(depth);
      if (inner !== undefined) return inner;
      const code = this.next();
      if (code === closeBracket) return this.step();
      if (code !== comma) return this.missing(faults.arrayGoesOn);
      this.at++;
    }
  }

  /** Reads a key, compares it as it will be (escapes undone) with those of the same object, and adds it. */
  key(seen: Set<string>): Fault {
    const start = this.at;
    const fault = this.string();
    if (fault !== undefined) return fault;
    const raw = this.text.slice(start + 1, this.at - 1);
    const key: string = raw.includes("\\") ? JSON.parse(`"${raw}"`) : raw;
    if (key !== "__proto__" && !seen.has(key)) {
      seen.add(key);
      return undefined;
    }
    this.at = start;
    return key === "__proto__" ? faults.proto : faults.twice;
  }

  string(): Fault {
    const { text } = this;
    for (;;) {
      let at = this.at + 1;
      let code = text.charCodeAt(at);
      while (code >= 0x20 && code !== quote && code !== backslash) code = text.charCodeAt(++at);
      this.at = at;
      if (code === quote) return this.step();
      if (code === backslash) {
        const fault = this.escape();
        if (fault !== undefined) return fault;
      } else {
        return this.missing(faults.control);
      }
    }
  }

  /** Starts at a backslash and leaves `at` on the escape's last character. A valid text holds surrogates unescaped only
   *  in pairs, so that an escaped half is whole only with another escape. */
  escape(): Fault {
    const start = this.at;
    const code = this.text.charCodeAt(++this.at);
    if (shortEscapes.has(code)) return undefined;
    if (code !== letterU) return this.missing(faults.escape);
    const unit = this.hexUnit();
    if (unit === undefined) return this.missing(faults.escape);
    const isLead = unit >= 0xd800 && unit <= 0xdbff;
    let whole = unit < 0xd800 || unit > 0xdfff;
    if (isLead && this.text.startsWith("\\u", this.at + 1)) {
      this.at += 2;
      const trail = this.hexUnit() ?? 0;
      whole = trail >= 0xdc00 && trail <= 0xdfff;
    }
    if (whole && unit !== 0) return undefined;
    this.at = start;
    return unit === 0 ? faults.nul : faults.surrogate;
  }

  /** Starts at the `u` of an escape; the code unit, with `at` on its last digit, or undefined. */
  hexUnit(): number | undefined {
    fourHexDigits.lastIndex = this.at + 1;
    if (!fourHexDigits.test(this.text)) return undefined;
    const digits = this.text.slice(this.at + 1, this.at + 5);
    this.at += 4;
    return Number.parseInt(digits, 16);
  }

  number(): Fault {
    numberForm.lastIndex = this.at;
    if (!numberForm.test(this.text)) return faults.number;
    const token = this.text.slice(this.at, numberForm.lastIndex);
    if (changes(token)) return faults.changed;
    this.at = numberForm.lastIndex;
    // A digit or point that the grammar has no place for: 01, 1.e5, 1.2.3
    const code = this.text.charCodeAt(this.at);
    return (code >= 0x30 && code <= 0x39) || code === 0x2e ? faults.number : undefined;
  }

  step(): undefined {
    this.at++;
  }

  /** The fault, or the truer one that the text has come to its end. */
  missing(fault: Fault): Fault {
    return this.at >= this.text.length ? faults.end : fault;
  }
}

/**
 * Whether a number would be another one after reading. A fraction may be rounded to the nearest double, as all JSON
 * readers do; it must neither become infinite nor vanish. An integer is often a name or an amount, so it must come
 * through exactly: 2^53 + 1 is refused, 10^18 is not.
 */
function changes(token: string): boolean {
  if (token.length <= 15 && !token.includes("e") && !token.includes("E")) return false;
  const value = Number(token);
  if (!Number.isFinite(value)) return true;
  if (/[.eE]/.test(token)) return value === 0 && /[1-9]/.test(token.replace(/[eE].*/, ""));
  return BigInt(token) !== BigInt(value);
}

/**
 * What the log may say of requests and errors, by picking what is known to be harmless and never by masking the rest.
 *
 * Bodies, headers, paths and unknown query values are not picked at all. Of an error its type, message, code, stack and
 * causes are; what drivers hang on it besides (rows, statements, addresses) is not. A message is free text, however:
 * the three kinds of messages known to quote data lose it here, and own errors must not be written with data in them.
 */
import type { JsonObject } from "../core/json.ts";

/** The query parameters of OSB; none of them can hold a secret. */
const loggedQuery = ["service_id", "plan_id", "operation", "accepts_incomplete"] as const;

/** Longest texts in a log line, in characters. */
const longest = { word: 255, message: 1000, stack: 4000 };
/** Causes and parts followed from one error; chains are short, and a circle must end. */
const deepestCause = 5;
const mostParts = 5;

/** Of a request's query what OSB defines, each given once; undefined if that is nothing. */
export function describeQuery(query: unknown): JsonObject | undefined {
  const asked: { [name: string]: string } = {};
  let any = false;
  for (const name of loggedQuery) {
    const value = textProperty(query, name);
    if (value === undefined) continue;
    asked[name] = clean(value, longest.word);
    any = true;
  }
  return any ? asked : undefined;
}

/** A word for the log: at most 255 characters, none of which could fake a line or hide text in a terminal. */
export function describeWord(text: string): string {
  return clean(text, longest.word);
}

/** An error's fields: `type`, `message`, `code`, `stack` (frames only), `cause`, and `parts` of an AggregateError. */
export function describeError(error: unknown): JsonObject {
  return describe(error, 1);
}

function describe(error: unknown, depth: number): JsonObject {
  // Anything can be thrown, a password too; only errors have parts that are known.
  if (!(error instanceof Error)) return { type: typeof error, message: "What was thrown is not an Error." };
  const code = property(error, "code");
  const stack = framesOf(error);
  const cause = property(error, "cause");
  const parts = property(error, "errors");
  const deeper = depth < deepestCause;
  return {
    type: typeOf(error),
    message: clean(messageOf(error), longest.message),
    ...(typeof code === "string" ? { code: clean(code, longest.word) } : {}),
    ...(typeof code === "number" ? { code } : {}),
    ...(stack === "" ? {} : { stack }),
    ...(deeper && cause !== undefined ? { cause: describe(cause, depth + 1) } : {}),
    ...(deeper && Array.isArray(parts)
      ? { parts: parts.slice(0, mostParts).map((part) => describe(part, depth + 1)) }
      : {}),
  };
}

/** The name an error gives itself, unless it is only "Error"; then its class. */
function typeOf(error: Error): string {
  const name = textProperty(error, "name") ?? "";
  const ofClass = textProperty(property(error, "constructor"), "name") ?? "";
  return clean(name === "" || name.toLowerCase() === "error" ? ofClass || "Error" : name, longest.word);
}

/** A statement and its bound values, which knex puts before the driver's message. */
const statement = /^\s*(?:with|select|insert|update|delete|create|alter|drop|grant|revoke|begin|commit)\b.* - /is;
/** SQLSTATE classes whose messages quote what was sent: data exceptions, and syntax errors. */
const quotingState = /^(?:22...|42601)$/;

/** The message without the data that JSON.parse, knex and PostgreSQL are known to quote. */
function messageOf(error: Error): string {
  const message = (textProperty(error, "message") ?? "").replace(statement, "(statement) - ");
  if (error instanceof SyntaxError && /\bJSON\b/.test(message)) return "The text is not valid JSON.";
  const state = textProperty(error, "code") ?? "";
  return quotingState.test(state) ? message.replace(/".*"/s, '"…"') : message;
}

/** How V8 writes a frame: what the message holds besides, over several lines even, does not look like this. */
const frame = /^ {4}at .*(?::\d+:\d+\)?|\(<anonymous>\)|\(index \d+\))$/;

/** The stack's frames, one a line; the message that stands before them may hold data. */
function framesOf(error: Error): string {
  const stack = textProperty(error, "stack") ?? "";
  const message = textProperty(error, "message") ?? "";
  return stack
    .replace(message, "")
    .split("\n")
    .filter((line) => frame.test(line))
    .map((line) => `    ${clean(line, longest.word)}`)
    .join("\n")
    .slice(0, longest.stack);
}

/** Control, format and line-breaking characters, and halves of pairs: they could fake lines or hide text in a terminal. */
const unprintable = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]+/gu;

/** Nearly every text, and quickly recognised. */
const plain = /^[\x21-\x7e]*$/;

function clean(text: string, length: number): string {
  if (text.length <= length && plain.test(text)) return text;
  const printable = text.slice(0, length + 1).replace(unprintable, " ");
  return printable.length > length ? `${printable.slice(0, length)}…` : printable.trim();
}

function textProperty(holder: unknown, name: string): string | undefined {
  const value = property(holder, name);
  return typeof value === "string" ? value : undefined;
}

/** A property of anything; what cannot be read is absent, because logging must not throw. */
function property(holder: unknown, name: string): unknown {
  try {
    return holder === null || holder === undefined ? undefined : Reflect.get(Object(holder), name);
  } catch {
    return undefined;
  }
}

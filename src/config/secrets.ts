/** Reads secrets from where the configuration says they are: an environment variable or a file. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { isJsonObject } from "../core/json.ts";
import { Secret } from "../core/secret.ts";
import { hint } from "./problem.ts";

export interface SecretSource {
  readonly env: Environment;
  /** Where relative paths start: the directory of the configuration file. */
  readonly directory: string;
}

export type Environment = { readonly [name: string]: string | undefined };

/** The secret behind `{ env: NAME }` or `{ file: path }`, or what is wrong with the reference. */
export function readSecret(reference: unknown, source: SecretSource): Secret<string> | string {
  if (!isJsonObject(reference)) {
    return "is a secret and must not stand here: write { env: NAME } or { file: path } instead";
  }
  const keys = Object.keys(reference);
  const [kind] = keys;
  const where = kind === undefined ? undefined : reference[kind];
  if (kind === undefined || keys.length > 1) return "must be { env: NAME } or { file: path }";
  if (kind !== "env" && kind !== "file") return `"${kind}" is not known here${hint(kind, ["env", "file"])}`;
  if (typeof where !== "string" || where === "") return `must name ${kind === "env" ? "a variable" : "a file"}`;
  return kind === "env" ? fromEnvironment(where, source.env) : fromFile(resolve(source.directory, where));
}

/** The variable a reference names, so that it is not taken for a misspelt setting. */
export function variableOf(reference: unknown): string | undefined {
  return isJsonObject(reference) && typeof reference.env === "string" ? reference.env : undefined;
}

function fromEnvironment(name: string, env: Environment): Secret<string> | string {
  const value = env[name];
  return value === undefined || value === "" ? `the environment variable ${name} is not set` : new Secret(value);
}

/** Editors and `echo` end a file with a line break that is not meant. */
function fromFile(path: string): Secret<string> | string {
  try {
    const value = readFileSync(path, "utf8").replace(/\r?\n$/, "");
    return value === "" ? `the file ${path} is empty` : new Secret(value);
  } catch (error) {
    return `the file ${path} cannot be read (${reason(error)})`;
  }
}

/** ENOENT and its like; the message would repeat the path. */
export function reason(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "unknown reason";
}

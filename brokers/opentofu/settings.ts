/** What an account says to this adapter, as JSON Schema and as types. */
import { accessSync, constants, existsSync, statSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { delimiter, isAbsolute, join, resolve } from "node:path";
import { type Json, type JsonObject, type JsonSchema, Secret, type Settings } from "#adapter";
import { variableName, variables } from "./plan.ts";

const text = { type: "string", minLength: 1 } as const;
const whole = (minimum: number, maximum: number, value: number) => ({
  type: "integer",
  minimum,
  maximum,
  default: value,
});

export const settingsSchema: JsonSchema = {
  type: "object",
  additionalProperties: false,
  required: ["modules", "pluginMirror"],
  properties: {
    binary: {
      ...text,
      default: "tofu",
      description: "OpenTofu, 1.11 or newer, or a program with its command line; a bare name is looked for in PATH.",
    },
    modules: { ...text, description: "Directory with the modules that plans name, each a directory of its own." },
    pluginMirror: {
      ...text,
      description: "Directory that `tofu providers mirror` filled: providers come from there and from nowhere else.",
    },
    variables: variables("What all modules of the account get, such as a region; values of any type."),
    secretVariables: { ...text, description: "More of them, secret ones: a JSON object as text." },
    environment: {
      type: "object",
      propertyNames: { pattern: "^(?!TF_|LOTSE_)[A-Z_][A-Z0-9_]*$" },
      additionalProperties: { type: "string" },
      description: "Environment variables for providers; they get no others.",
    },
    secretEnvironment: { ...text, description: "More of them, secret ones: a JSON object as text." },
    workDirectory: {
      ...text,
      description:
        "Where runs have their private directories; absent: one of Lotse's own under the system's temporary one.",
    },
    concurrency: { ...whole(1, 64, 4), description: "How many runs go on at once in one process of Lotse." },
    tries: { ...whole(1, 10, 5), description: "How often an order runs before its errors count as a no." },
    retryMs: {
      ...whole(0, 3_600_000, 10_000),
      description:
        "From the first run that ended with errors to the next; each pause is three times as long as the last.",
    },
    runMs: {
      ...whole(1_000, 86_400_000, 3_600_000),
      description: "The longest a run may take before it is told to stop.",
    },
    abandonedMs: {
      ...whole(1_000, 86_400_000, 900_000),
      description: "How long a run on another machine may be silent before it counts as gone, and its lock is broken.",
    },
    compareMs: {
      ...whole(0, 2_592_000_000, 86_400_000),
      description: "How often a state is compared with reality during inventories; 0: never.",
    },
    pollMs: { ...whole(10, 600_000, 2_000), description: "Until a run that goes on is looked at again." },
  },
};

/** Settings that hold secrets. */
export const secrets = ["secretVariables", "secretEnvironment"] as const;

export interface Account {
  readonly binary: string;
  readonly modules: string;
  readonly mirror: string;
  readonly workDirectory: string;
  readonly variables: JsonObject;
  readonly environment: { readonly [name: string]: string };
  readonly secretVariables: Secret<JsonObject>;
  readonly secretEnvironment: Secret<{ readonly [name: string]: string }>;
  readonly concurrency: number;
  readonly tries: number;
  readonly retryMs: number;
  readonly runMs: number;
  readonly abandonedMs: number;
  readonly compareMs: number;
  readonly pollMs: number;
}

/** Throws, naming the setting and what to do, where a path leads nowhere or a secret is no JSON object. */
export function readAccount({ values, secrets: hidden, directory = "", withoutFiles = false }: Settings): Account {
  if (withoutFiles)
    throw new Error("accounts of this adapter are named in lotse.yaml: they say which program Lotse runs.");
  const numbers = settingsSchema.properties as { readonly [name: string]: { readonly default?: Json } };
  const number = (name: string) => Number(values[name] ?? numbers[name]?.default);
  return {
    binary: findBinary(String(values.binary ?? "tofu"), directory),
    modules: findDirectory("modules", String(values.modules), directory),
    mirror: findDirectory("pluginMirror", String(values.pluginMirror), directory),
    workDirectory:
      values.workDirectory === undefined
        ? join(tmpdir(), `lotse-opentofu-${userInfo().uid}`)
        : resolve(directory, String(values.workDirectory)),
    variables: (values.variables ?? {}) as JsonObject,
    environment: (values.environment ?? {}) as { readonly [name: string]: string },
    secretVariables: readObject("secretVariables", hidden.secretVariables, () => true, variableName.pattern),
    secretEnvironment: readObject(
      "secretEnvironment",
      hidden.secretEnvironment,
      (value): value is string => typeof value === "string",
      "^(?!TF_|LOTSE_)[A-Z_][A-Z0-9_]*$",
    ) as Secret<{ readonly [name: string]: string }>,
    concurrency: number("concurrency"),
    tries: number("tries"),
    retryMs: number("retryMs"),
    runMs: number("runMs"),
    abandonedMs: number("abandonedMs"),
    compareMs: number("compareMs"),
    pollMs: number("pollMs"),
  };
}

function findBinary(name: string, directory: string): string {
  const bare = !name.includes("/");
  const places = bare
    ? (process.env.PATH ?? "").split(delimiter).map((path) => join(path, name))
    : [resolve(directory, name)];
  const found = places.find((path) => isAbsolute(path) && isExecutable(path));
  if (found !== undefined) return found;
  if (!bare && existsSync(places[0] ?? ""))
    throw new Error(`binary: ${places[0]} cannot be run. Name the program itself, and make it executable (chmod +x).`);
  throw new Error(
    `binary: there is no program ${bare ? `"${name}" in PATH` : places[0]}. Install OpenTofu and name the path of its program "tofu".`,
  );
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function findDirectory(setting: string, name: string, directory: string): string {
  const path = resolve(directory, name);
  if (existsSync(path) && statSync(path).isDirectory()) return path;
  throw new Error(`${setting}: there is no directory ${path}.`);
}

function readObject(
  setting: string,
  given: Secret<string> | undefined,
  fits: (value: Json) => boolean,
  names: string,
): Secret<JsonObject> {
  if (given === undefined) return new Secret({});
  let read: unknown;
  try {
    read = JSON.parse(given.reveal());
  } catch {
    // What it says is secret, so the parser's message is not repeated.
  }
  if (typeof read !== "object" || read === null || Array.isArray(read))
    throw new Error(`${setting} must be a JSON object as text, such as {"password":"..."}.`);
  const wrong = Object.entries(read as JsonObject).find(
    ([name, value]) => !new RegExp(names).test(name) || !fits(value),
  );
  if (wrong !== undefined)
    throw new Error(
      new RegExp(names).test(wrong[0])
        ? `${setting}: ${wrong[0]} has to be a text.`
        : `${setting}: "${wrong[0]}" is no name that can be handed on; names match ${names}.`,
    );
  return new Secret(read as JsonObject);
}

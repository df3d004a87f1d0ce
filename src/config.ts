/** Reads the environment and lotse.yaml, once, at start: everything is right, or everything that is wrong is told. */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { type Database, readEnvironment, unknownVariables } from "./config/environment.ts";
import { explain } from "./config/explain.ts";
import { ownSchemaCompiler } from "./config/json-schema.ts";
import { formatProblem, type Path, type Problem, shownPath } from "./config/problem.ts";
import { type ProviderAccount, type ProviderEntry, readProviders, secretReferences } from "./config/providers.ts";
import { configSchema } from "./config/schema.ts";
import { type Environment, readSecret, reason, type SecretSource, variableOf } from "./config/secrets.ts";
import { parseYamlFile, type YamlFile } from "./config/yaml-file.ts";
import type { AdapterKind } from "./core/adapter.ts";
import { isJsonObject } from "./core/json.ts";
import { Secret } from "./core/secret.ts";
import type { Switches } from "./core/switches.ts";

export type { Database } from "./config/environment.ts";
export type { ProviderAccount } from "./config/providers.ts";

/** Everything an operator can set. Frozen; paths are absolute; lengths of time carry their unit in their name. */
export interface Config {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  readonly dataDirectory: string;
  readonly catalogDirectory: string;
  readonly database: Database;
  readonly configFile?: string;
  readonly osb: Switches;
  readonly engine: EngineConfig;
  readonly http: HttpConfig;
  /** How often a provider's own catalog is read, give or take a tenth. */
  readonly catalog: { readonly refreshSeconds: number };
  /** How often what providers have is compared with what is on record, give or take a tenth. */
  readonly inventory: { readonly everySeconds: number };
  readonly log: { readonly level: LogLevel };
  /** The first key seals new data, the others still open old data. Empty: Lotse keeps one of its own. */
  readonly keys: readonly SealingKey[];
  /** By account name. Absent: none were configured, and the embedded demonstration stands in. */
  readonly providers?: ReadonlyMap<string, ProviderAccount>;
  /** What looks odd but stops nothing. */
  readonly warnings: readonly Problem[];
  /** Something wrong in the configuration file that shows only later; one without file has no lines. */
  problemAt(path: Path, message: string): Problem;
}

export interface EngineConfig {
  readonly leaseSeconds: number;
  /** How long one call of an adapter may take. */
  readonly stepTimeoutSeconds: number;
  /** How long a synchronous plan is waited for when the platform cannot wait for itself. */
  readonly syncPatienceSeconds: number;
  /** How long it is waited for when the platform takes 202 for an answer. */
  readonly quickAnswerSeconds: number;
  readonly slotsPerProvider: number;
  readonly backoff: { readonly firstSeconds: number; readonly maxSeconds: number };
  readonly stopGraceSeconds: number;
}

export interface HttpConfig {
  readonly bodyLimitBytes: number;
  readonly requestTimeoutSeconds: number;
  /** PEM. Absent: plain HTTP. */
  readonly tls?: { readonly cert: string; readonly key: Secret<string> };
}

export type LogLevel = "fatal" | "error" | "warn" | "info" | "debug" | "trace" | "silent";

export interface SealingKey {
  readonly id: string;
  /** 32 bytes in base64. */
  readonly secret: Secret<string>;
}

/** Thrown when Lotse cannot start as configured; the message lists every problem, a line each, and may be printed. */
export class ConfigError extends Error {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super(problems.map(formatProblem).join("\n"));
    this.name = "ConfigError";
    this.problems = problems;
  }
}

/** lotse.yaml once its schema was met and its defaults were filled in; secrets are still references. */
interface Written {
  readonly osb: Switches;
  readonly engine: EngineConfig;
  readonly http: Omit<HttpConfig, "tls"> & { readonly tls?: { readonly cert: string; readonly key: unknown } };
  readonly catalog: Config["catalog"];
  readonly inventory: Config["inventory"];
  readonly log: Config["log"];
  readonly keys: readonly { readonly id: string; readonly secret: unknown }[];
  readonly providers?: { readonly [name: string]: ProviderEntry };
}

/** The one reader of environment and configuration file. Throws a ConfigError with all problems there are. */
export function readConfig(env: Environment, cwd: string, kinds: ReadonlyMap<string, AdapterKind>): Config {
  const problems: Problem[] = [];
  const settings = readEnvironment(env, cwd, problems);
  const file = readFile(settings.configFile, cwd, problems);
  problems.push(...unknownVariables(env, referencedVariables(file.value, kinds)));
  const source = { env, directory: dirname(settings.configFile ?? resolve(cwd, "lotse.yaml")) };
  const written = checkShape(file, problems);
  const parts = written === undefined ? undefined : readParts(written, file, kinds, source, problems);
  if (parts === undefined || problems.some(({ severity }) => severity === "error")) {
    throw new ConfigError(problems.sort((a, b) => (a.line ?? 0) - (b.line ?? 0)));
  }
  return deepFreeze({ ...settings, ...parts, warnings: problems, problemAt: file.problem });
}

function readFile(path: string | undefined, cwd: string, problems: Problem[]): YamlFile {
  if (path === undefined) return parseYamlFile("", "lotse.yaml");
  const name = shownPath(path, cwd);
  try {
    const file = parseYamlFile(readFileSync(path, "utf8"), name);
    problems.push(...file.problems);
    return file;
  } catch (error) {
    problems.push({ file: path, path: "", message: `cannot be read (${reason(error)})`, severity: "error" });
    return parseYamlFile("", name);
  }
}

/**
 * Fills in defaults. Where the shape is wrong, that is told and a default stands in, so that the rest can be looked at
 * as well; undefined if nothing can be made of the file. An empty file is one without wishes.
 */
function checkShape(file: YamlFile, problems: Problem[]): Written | undefined {
  if (file.value === undefined) return undefined;
  const validate = ownSchemaCompiler({ useDefaults: true }).compile(configSchema);
  const value = file.value ?? {};
  if (validate(value)) return value as Written;
  const violations = explain(validate.errors ?? [], value);
  for (const { path, message } of violations) problems.push(file.problem(path, message));
  for (const { path } of violations) removeAt(value, path);
  return validate(value) ? (value as Written) : undefined;
}

/** Takes out what is wrong: the thing itself, or what it is missing from, or the whole list it is part of. */
function removeAt(value: unknown, path: Path): void {
  const listAt = path.findIndex((step) => typeof step === "number");
  const steps = listAt === -1 ? path : path.slice(0, listAt);
  let holder = value;
  let remove = () => {};
  for (const step of steps) {
    if (!isJsonObject(holder) || !Object.hasOwn(holder, step)) break;
    const parent = holder;
    remove = () => {
      Reflect.deleteProperty(parent, step);
    };
    holder = holder[step];
  }
  remove();
}

type Parts = Omit<
  Config,
  "host" | "port" | "dataDirectory" | "catalogDirectory" | "database" | "warnings" | "problemAt"
>;

function readParts(
  written: Written,
  file: YamlFile,
  kinds: ReadonlyMap<string, AdapterKind>,
  source: SecretSource,
  problems: Problem[],
): Parts {
  const report = (path: Path, message: string) => {
    problems.push(file.problem(path, message));
  };
  checkTimes(written, report);
  const { osb, engine, catalog, inventory, log } = written;
  const { tls, ...http } = written.http;
  const pair = tls === undefined ? undefined : readTls(tls, source, report);
  const keys = readKeys(written.keys, source, report);
  const providers =
    written.providers && readProviders(written.providers, kinds, source, engine.slotsPerProvider, report);
  return {
    osb,
    engine,
    catalog,
    inventory,
    log,
    keys,
    http: pair === undefined ? http : { ...http, tls: pair },
    ...(providers === undefined ? {} : { providers }),
  };
}

type Report = (path: Path, message: string) => void;

/** Times that would defeat each other. */
function checkTimes({ engine, http }: Written, report: Report): void {
  const { syncPatienceSeconds, quickAnswerSeconds, backoff } = engine;
  if (quickAnswerSeconds > syncPatienceSeconds) {
    report(["engine", "quickAnswerSeconds"], `must not exceed syncPatienceSeconds (${syncPatienceSeconds})`);
  }
  if (backoff.firstSeconds > backoff.maxSeconds) {
    report(["engine", "backoff", "firstSeconds"], `must not exceed maxSeconds (${backoff.maxSeconds})`);
  }
  if (http.requestTimeoutSeconds <= syncPatienceSeconds) {
    const message = `must exceed engine.syncPatienceSeconds (${syncPatienceSeconds}), or answers come too late`;
    report(["http", "requestTimeoutSeconds"], message);
  }
}

function readKeys(keys: Written["keys"], source: SecretSource, report: Report): SealingKey[] {
  const seen = new Set<string>();
  return keys.flatMap(({ id, secret: reference }, index) => {
    if (seen.has(id)) report(["keys", index, "id"], "is used by another key");
    seen.add(id);
    const secret = readSecret(reference, source);
    if (typeof secret === "string") {
      report(["keys", index, "secret"], secret);
      return [];
    }
    if (!isKey(secret.reveal())) {
      report(["keys", index, "secret"], "must be 32 bytes in base64; `openssl rand -base64 32` makes one");
    }
    return [{ id, secret }];
  });
}

/** Node decodes leniently, so the way back has to give the same text. */
function isKey(text: string): boolean {
  const bytes = Buffer.from(text, "base64");
  return bytes.length === 32 && bytes.toString("base64").replace(/=$/, "") === text.replace(/=$/, "");
}

function readTls(
  tls: { readonly cert: string; readonly key: unknown },
  source: SecretSource,
  report: Report,
): HttpConfig["tls"] {
  const key = readSecret(tls.key, source);
  if (typeof key === "string") report(["http", "tls", "key"], key);
  const path = resolve(source.directory, tls.cert);
  const cert = readCertificate(path, (message) => report(["http", "tls", "cert"], message));
  if (cert === undefined || typeof key === "string") return undefined;
  if (!isPair(cert, key)) report(["http", "tls", "key"], "is not the private key of the certificate, in PEM form");
  return { cert, key };
}

/** PEM, with the chain if the file has one; the first certificate is the server's own. */
function readCertificate(path: string, report: (message: string) => void): string | undefined {
  try {
    const pem = readFileSync(path, "utf8");
    new X509Certificate(pem);
    return pem;
  } catch (error) {
    const isFileError = error instanceof Error && "syscall" in error;
    report(
      `the file ${path} ${isFileError ? `cannot be read (${reason(error)})` : "holds no certificate in PEM form"}`,
    );
    return undefined;
  }
}

function isPair(cert: string, key: Secret<string>): boolean {
  try {
    return new X509Certificate(cert).checkPrivateKey(createPrivateKey(key.reveal()));
  } catch {
    return false;
  }
}

/** Found in the raw document, so that a file with other faults does not make its own variables look unknown. */
function referencedVariables(value: unknown, kinds: ReadonlyMap<string, AdapterKind>): ReadonlySet<string> {
  if (!isJsonObject(value)) return new Set();
  const keys = Array.isArray(value.keys) ? value.keys.map((key) => (isJsonObject(key) ? key.secret : undefined)) : [];
  const tls = isJsonObject(value.http) && isJsonObject(value.http.tls) ? value.http.tls.key : undefined;
  const references = [...keys, tls, ...secretReferences(value.providers, kinds)];
  return new Set(references.map(variableOf).filter((name) => name !== undefined));
}

/** Maps and Secrets keep their insides to themselves; what maps hold is frozen as well. */
function deepFreeze<T>(value: T): T {
  if (typeof value !== "object" || value === null || value instanceof Secret) return value;
  const inside: readonly unknown[] = value instanceof Map ? [...value.values()] : Object.values(value);
  for (const part of inside) deepFreeze(part);
  return Object.freeze(value);
}

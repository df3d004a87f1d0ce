/** Reads Lotse's own environment variables, and notices those that look like one but are none. */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { Secret } from "../core/secret.ts";
import { hint, nearest, type Problem } from "./problem.ts";
import type { Environment } from "./secrets.ts";

const names = [
  "LOTSE_HOST",
  "LOTSE_PORT",
  "LOTSE_DATA_DIR",
  "LOTSE_CONFIG",
  "LOTSE_CATALOG",
  "LOTSE_DATABASE_URL",
  // For commands that ask a running broker.
  "LOTSE_URL",
  "LOTSE_TOKEN",
] as const;

/** Where Lotse keeps its rows. */
export type Database =
  | { readonly kind: "sqlite"; readonly directory: string }
  | { readonly kind: "postgresql"; readonly url: Secret<string> };

export interface EnvironmentSettings {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  readonly dataDirectory: string;
  readonly catalogDirectory: string;
  readonly database: Database;
  /** The configuration file, if there is one. */
  readonly configFile?: string;
}

/** Paths come out absolute. Whatever is wrong is added to `problems`, and a default stands in. */
export function readEnvironment(env: Environment, cwd: string, problems: Problem[]): EnvironmentSettings {
  const report = (path: string, message: string) => {
    problems.push({ file: "environment", path, message, severity: "error" });
  };
  const dataDirectory = resolve(cwd, env.LOTSE_DATA_DIR || "data");
  const configFile = findConfigFile(env, cwd, report);
  if (env.NODE_TLS_REJECT_UNAUTHORIZED === "0") {
    report("NODE_TLS_REJECT_UNAUTHORIZED", "switches off TLS verification everywhere; remove it and name a CA instead");
  }
  return {
    host: env.LOTSE_HOST || "127.0.0.1",
    port: readPort(env.LOTSE_PORT || "8080", report),
    dataDirectory,
    catalogDirectory: resolve(cwd, env.LOTSE_CATALOG || "catalog"),
    database: readDatabase(env.LOTSE_DATABASE_URL || "", dataDirectory, report),
    ...(configFile === undefined ? {} : { configFile }),
  };
}

type Report = (name: string, message: string) => void;

function findConfigFile(env: Environment, cwd: string, report: Report): string | undefined {
  const file = resolve(cwd, env.LOTSE_CONFIG || "lotse.yaml");
  if (existsSync(file)) return file;
  if (env.LOTSE_CONFIG) report("LOTSE_CONFIG", `names the file ${file}, which does not exist`);
  return undefined;
}

function readPort(text: string, report: Report): number {
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port <= 65_535) return port;
  const kubernetes = text.startsWith("tcp://")
    ? '; Kubernetes sets it for a Service called "lotse": set enableServiceLinks: false or name the Service otherwise'
    : "";
  report("LOTSE_PORT", `must be a port number from 0 to 65535${kubernetes}`);
  return 0;
}

function readDatabase(text: string, directory: string, report: Report): Database {
  if (text === "") return { kind: "sqlite", directory };
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !["postgres:", "postgresql:"].includes(url.protocol)) {
    report("LOTSE_DATABASE_URL", "must be postgres://user:password@host:port/database, or empty for SQLite");
  } else if (skipsVerification(url.searchParams)) {
    report(
      "LOTSE_DATABASE_URL",
      "must not switch off TLS verification: use sslmode=verify-full, with sslrootcert if need be",
    );
  }
  return { kind: "postgresql", url: new Secret(text) };
}

/** The two ways in which the PostgreSQL driver can be told to encrypt without looking whom it talks to. */
function skipsVerification(parameters: URLSearchParams): boolean {
  return parameters.getAll("sslmode").includes("no-verify") || parameters.has("uselibpqcompat");
}

/**
 * Names that begin with LOTSE_ and mean nothing. One that is nearly right is an error, because it was surely meant;
 * `referenced` are the names the configuration file takes secrets from.
 */
export function unknownVariables(env: Environment, referenced: ReadonlySet<string>): Problem[] {
  const known: readonly string[] = names;
  return Object.keys(env)
    .filter(
      (name) => name.startsWith("LOTSE_") && !known.includes(name) && !referenced.has(name) && !isServiceLink(name),
    )
    .map((name) => {
      const meant = nearest(
        name.slice("LOTSE_".length),
        known.map((other) => other.slice("LOTSE_".length)),
      );
      return {
        file: "environment",
        path: name,
        message: `means nothing to Lotse${meant === undefined ? hint(name, known) : `; did you mean "LOTSE_${meant}"?`}`,
        severity: meant === undefined ? "warning" : "error",
      };
    });
}

/** What Kubernetes puts into every pod next to a Service called `lotse`. */
const isServiceLink = (name: string): boolean => /^LOTSE_(?:SERVICE_|PORT_\d)/.test(name);

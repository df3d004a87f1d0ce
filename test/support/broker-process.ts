/** The broker as an operator runs it: a process of its own, that a test may kill, freeze and start again. */
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Test } from "tap";
import type { JsonObject } from "../../src/core/adapter.ts";
import type { Answer, Method } from "./broker.ts";
import { compiled } from "./compiled.ts";

/** The shipped catalog's small and larger plan of this account's PostgreSQL. */
export const account = "it-nord";
export const offeringId = "5b2d3c1e-6a47-4f0f-9d0b-3a1c8f7e2d10";
export const smallPlan = "0f6b8a52-1c3d-4e5f-8a9b-0c1d2e3f4a51";
export const largerPlan = "0f6b8a52-1c3d-4e5f-8a9b-0c1d2e3f4a52";

export interface BrokerSettings {
  readonly directory: string;
  readonly provider: ProvidersServer | DownstreamBroker | Accounts;
  /** Directory of the catalog; the shipped one if absent. */
  readonly catalog?: string;
  /** Empty or absent: SQLite in the directory. */
  readonly databaseUrl?: string;
  /** Replicas share one. */
  readonly sealingKey?: string;
  readonly engine?: JsonObject;
  readonly osb?: JsonObject;
  /** More accounts, as lotse.yaml has them. */
  readonly providers?: JsonObject;
}

/** The provider's server as the broker reaches it (perhaps through a proxy), and as customers do. */
export interface ProvidersServer {
  readonly port: number;
  readonly publicPort: number;
  readonly user: string;
  readonly password: string;
  readonly statementTimeoutMs?: number;
}

/** Another broker as the provider. */
export interface DownstreamBroker {
  readonly url: string;
  readonly username: string;
  readonly password: string;
}

/** Any accounts, as in lotse.yaml; their secrets are named there by `{ env: NAME }`. */
export interface Accounts {
  readonly accounts: JsonObject;
  readonly secrets: { readonly [name: string]: string };
}

export interface BrokerProcess {
  readonly url: string;
  readonly child: ChildProcess;
  /** Log lines so far, parsed. */
  readonly logged: readonly JsonObject[];
  /** Resolves with the exit code, or the signal's name. */
  readonly ended: Promise<number | string>;
  /** Sends the signal and waits for the end. */
  end(signal: "SIGKILL" | "SIGTERM"): Promise<number | string>;
  /** One request, unrepeated. Rejects when no answer came. */
  ask(method: Method, path: string, body?: unknown): Promise<Answer>;
}

const root = fileURLToPath(new URL("../..", import.meta.url));
export const shippedCatalog = join(root, "catalog");

export const newSealingKey = (): string => randomBytes(32).toString("base64");

/** Credentials of the first platform: the file the first start leaves for the operator. */
export interface Credentials {
  readonly username: string;
  readonly password: string;
}

/** Rejects, with what it printed, when the process ends before it is ready. */
export async function startBrokerProcess(
  t: Test,
  settings: BrokerSettings,
  credentials?: Credentials,
): Promise<BrokerProcess> {
  const { directory, provider, databaseUrl = "", sealingKey = newSealingKey(), catalog = shippedCatalog } = settings;
  mkdirSync(directory, { recursive: true });
  const configFile = join(directory, "lotse.yaml");
  writeFileSync(configFile, JSON.stringify(configOf(settings), null, 2));
  const child = spawn(process.execPath, [join(root, "src", "lotse.js"), "serve"], {
    env: {
      PATH: process.env.PATH,
      ...compiled,
      LOTSE_PORT: "0",
      LOTSE_DATA_DIR: directory,
      LOTSE_CONFIG: configFile,
      LOTSE_CATALOG: catalog,
      LOTSE_DATABASE_URL: databaseUrl,
      ...("accounts" in provider ? provider.secrets : { PROVIDER_PASSWORD: provider.password }),
      SEALING_KEY: sealingKey,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  t.teardown(() => {
    child.kill("SIGCONT");
    child.kill("SIGKILL");
  });
  const ended = once(child, "close").then(([code, signal]) => (code ?? signal) as number | string);
  const logged: JsonObject[] = [];
  const printed: string[] = [];
  const ready = new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).on("line", (line) => {
      if (!line.startsWith("{")) return;
      const entry = JSON.parse(line) as JsonObject;
      logged.push(entry);
      if (entry.msg === "ready") resolve(String(entry.url));
    });
    child.stderr.on("data", (chunk: Buffer) => printed.push(chunk.toString()));
    void ended.then((code) => reject(new Error(`The broker ended with ${code}: ${printed.join("")}`)));
  });
  ready.catch(() => undefined);
  const url = await ready;
  const { username, password } = credentials ?? credentialsIn(directory);
  const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
  return {
    url,
    child,
    logged,
    ended,
    end(signal) {
      child.kill(signal);
      return ended;
    },
    async ask(method, path, body) {
      const answer = await fetch(`${url}/v2${path}`, {
        method,
        headers: {
          authorization,
          "x-broker-api-version": "2.17",
          ...(body !== undefined && { "content-type": "application/json" }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      const text = await answer.text();
      return {
        status: answer.status,
        body: text === "" ? {} : (JSON.parse(text) as JsonObject),
        headers: Object.fromEntries(answer.headers),
      };
    },
  };
}

export function credentialsIn(directory: string): Credentials {
  return JSON.parse(readFileSync(join(directory, "first-run.json"), "utf8")) as Credentials;
}

function configOf({ provider, engine, osb, providers }: BrokerSettings): JsonObject {
  return {
    engine: {
      // The shortest lease there is, and the shortest pause before another try: a test waits for both.
      leaseSeconds: 5,
      backoff: { firstSeconds: 1, maxSeconds: 2 },
      slotsPerProvider: 100,
      ...engine,
    },
    ...(osb !== undefined && { osb }),
    keys: [{ id: "test", secret: { env: "SEALING_KEY" } }],
    providers: { ...accountsOf(provider), ...providers },
  };
}

function accountsOf(provider: BrokerSettings["provider"]): JsonObject {
  if ("accounts" in provider) return provider.accounts;
  return { [account]: "url" in provider ? brokerAccount(provider) : serverAccount(provider) };
}

function serverAccount({ port, publicPort, user, statementTimeoutMs = 60_000 }: ProvidersServer): JsonObject {
  return {
    adapter: "postgresql",
    settings: {
      host: "127.0.0.1",
      port,
      publicPort,
      user,
      password: { env: "PROVIDER_PASSWORD" },
      tls: "off",
      maxConnections: 100,
      statementTimeoutMs,
    },
  };
}

/**
 * Impatient: a test's downstream is away for a second or two. Its line holds a request for half a second at most, but on a
 * busy machine the request has to wait for a CPU besides, at the line and where it arrives; what settles later than the
 * account says is, by that account's word, lost for good.
 */
function brokerAccount({ url, username }: DownstreamBroker): JsonObject {
  return {
    adapter: "osb",
    settings: {
      url,
      username,
      password: { env: "PROVIDER_PASSWORD" },
      connections: 100,
      timeoutMs: 20_000,
      retries: 20,
      pace: { repeatMs: 100, busyMs: 200, settleMs: 4_000 },
      breaker: { failures: 20, coolDownMs: 200 },
    },
  };
}

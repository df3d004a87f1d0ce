/** `lotse conformance`: reads what was typed, checks, and writes the reports. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { parseArgs } from "node:util";
import { isJsonObject, type JsonObject } from "../core/json.ts";
import { Secret } from "../core/secret.ts";
import type { Report } from "./report.ts";
import { writeJson } from "./report-json.ts";
import { writeJunit } from "./report-junit.ts";
import { writeText } from "./report-text.ts";
import { runConformance } from "./run.ts";
import { BrokerUnreachable, type Credentials, type Options, type Target, WrongUsage } from "./target.ts";

const help = `lotse conformance URL: checks any OSB broker against the Open Service Broker API 2.17

  --plan NAME|ID            order on this plan; may be given several times. Nothing is ordered on any other
  --read-only               order nothing: send GET only, and look at what that shows
  --service NAME|ID         the offering of the plans, where names of plans are not unique
  --update-plan NAME|ID     move an instance to this plan
  --parameters FILE         JSON object: parameters of orders, where a plan needs some
  --bind-parameters FILE    JSON object: parameters of bindings

  --username NAME           log in by HTTP Basic, with
  --password-env NAME         the password in this environment variable, or
  --password-file PATH        the password in this file
  --token-env NAME          log in with the bearer token in this environment variable
  --token-url URL           log in by OAuth 2 client credentials from this token endpoint, with
  --client-id NAME            the client's id,
  --client-secret-env NAME    its secret in this environment variable, and where the endpoint wants one
  --scope TEXT                the scope
  --client-certificate FILE PEM of a client certificate (mutual TLS), with
  --client-key FILE           its key
  --ca FILE                 PEM of the authority that signed the broker's certificate

  --junit FILE              also write a report for continuous integration
  --json FILE               also write a report for machines
  --timeout SECONDS         how long an operation may take, 600 if absent; an answer may take 60 s
  --only CHECK              make only this check; may be given several times

What is made is removed at the end, also after Ctrl-C. Secrets are never taken from the command line.
Exit code: 0 every MUST is kept, 1 a MUST is broken or something is left, 2 wrong usage, 3 the broker cannot be reached,
130 interrupted.`;

const exits = { conforming: 0, "not conforming": 1, interrupted: 130 } as const;

/** Returns the exit code. */
export async function conformance(args: readonly string[]): Promise<number> {
  if (args.some((word) => word === "--help" || word === "-h")) {
    console.log(help);
    return 0;
  }
  const screen = createScreen();
  try {
    const { target, options, files } = readArguments(args);
    const report = await withSignals(screen, (signals) =>
      runConformance(target, { ...options, ...signals, progress: screen.progress }),
    );
    screen.clear();
    if (files.json !== undefined) writeFileSync(files.json, writeJson(report));
    if (files.junit !== undefined) writeFileSync(files.junit, writeJunit(report));
    console.log(writeText(report, screen.look));
    return exitOf(report);
  } catch (error) {
    screen.clear();
    if (error instanceof WrongUsage) {
      console.error(`lotse conformance: ${error.message}\n\n"lotse conformance --help" tells what can be said.`);
      return 2;
    }
    if (error instanceof BrokerUnreachable) {
      console.error(`lotse conformance: ${error.message}`);
      return 3;
    }
    throw error;
  }
}

const exitOf = ({ verdict }: Report): number => exits[verdict];

interface Arguments {
  readonly target: Target;
  readonly options: Options;
  readonly files: { readonly json?: string; readonly junit?: string };
}

const text = { type: "string" } as const;
const texts = { type: "string", multiple: true } as const;
const flag = { type: "boolean" } as const;

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        plan: texts,
        "read-only": flag,
        service: text,
        "update-plan": text,
        parameters: text,
        "bind-parameters": text,
        username: text,
        "password-env": text,
        "password-file": text,
        "token-env": text,
        "token-url": text,
        "client-id": text,
        "client-secret-env": text,
        scope: text,
        "client-certificate": text,
        "client-key": text,
        ca: text,
        junit: text,
        json: text,
        timeout: text,
        only: texts,
      },
    });
  } catch (error) {
    // Only the option's name is repeated: a word too many may well be a secret.
    const [, option] = /'(--[a-z-]+)/.exec(error instanceof Error ? error.message : "") ?? [];
    throw new WrongUsage(`${option ?? "something"} is not understood, and nothing was done.`);
  }
}

function readArguments(args: readonly string[]): Arguments {
  const { values, positionals } = parse(args);
  const [url, ...more] = positionals;
  if (url === undefined || more.length > 0) throw new WrongUsage("name exactly one broker, by its URL.");
  const credentials = readCredentials(values);
  const clientCertificate = readCertificate(values);
  const timeoutMs = values.timeout === undefined ? undefined : seconds(values.timeout);
  const parameters = values.parameters === undefined ? undefined : readObject(values.parameters);
  const bindParameters = values["bind-parameters"] === undefined ? undefined : readObject(values["bind-parameters"]);
  for (const file of [values.json, values.junit])
    if (file !== undefined && !existsSync(dirname(resolve(file))))
      throw new WrongUsage(`there is no directory for ${file}.`);
  return {
    target: {
      url: checkUrl(url),
      plans: values.plan ?? [],
      ...(credentials !== undefined && { credentials }),
      ...(values.ca !== undefined && { ca: readText(values.ca) }),
      ...(clientCertificate !== undefined && { clientCertificate }),
      ...(values.service !== undefined && { service: values.service }),
      ...(values["update-plan"] !== undefined && { updatePlan: values["update-plan"] }),
      ...(parameters !== undefined && { parameters }),
      ...(bindParameters !== undefined && { bindParameters }),
    },
    options: {
      readOnly: values["read-only"] === true,
      ...(values.only !== undefined && { only: values.only }),
      ...(timeoutMs !== undefined && {
        operationTimeoutMs: timeoutMs,
        requestTimeoutMs: Math.min(timeoutMs, 60_000),
      }),
    },
    files: {
      ...(values.json !== undefined && { json: values.json }),
      ...(values.junit !== undefined && { junit: values.junit }),
    },
  };
}

function checkUrl(url: string): string {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw new WrongUsage("the broker's URL must begin with http:// or https://.");
  const { username, password, search, hash } = new URL(url);
  if (username !== "" || password !== "")
    throw new WrongUsage(
      "credentials do not belong into the URL: use --username with --password-env or --password-file.",
    );
  if (search !== "" || hash !== "") throw new WrongUsage("the broker's URL ends before /v2, and has no query.");
  return url.replace(/\/+$/, "").replace(/\/v2(\/catalog)?$/, "");
}

interface CredentialOptions {
  readonly username?: string | undefined;
  readonly "password-env"?: string | undefined;
  readonly "password-file"?: string | undefined;
  readonly "token-env"?: string | undefined;
  readonly "token-url"?: string | undefined;
  readonly "client-id"?: string | undefined;
  readonly "client-secret-env"?: string | undefined;
  readonly scope?: string | undefined;
}

function readCredentials(values: CredentialOptions): Credentials | undefined {
  const { username, "password-env": variable, "password-file": file, "token-env": token } = values;
  const oauth = readOAuth(values);
  if ([username, token, oauth].filter((way) => way !== undefined).length > 1)
    throw new WrongUsage("log in by one of --username, --token-env and --token-url.");
  if (oauth !== undefined) return oauth;
  if (token !== undefined) return { token: new Secret(readVariable(token)) };
  if (username === undefined) {
    if (variable !== undefined || file !== undefined) throw new WrongUsage("a password needs a --username.");
    return undefined;
  }
  if ((variable === undefined) === (file === undefined))
    throw new WrongUsage("--username needs --password-env or --password-file, one of the two.");
  const password = variable !== undefined ? readVariable(variable) : readText(file ?? "").replace(/\r?\n$/, "");
  return { username, password: new Secret(password) };
}

function readOAuth(values: CredentialOptions): Credentials | undefined {
  const { "token-url": tokenUrl, "client-id": clientId, "client-secret-env": secret, scope } = values;
  if ([tokenUrl, clientId, secret, scope].every((value) => value === undefined)) return undefined;
  if (tokenUrl === undefined || clientId === undefined || secret === undefined)
    throw new WrongUsage("--token-url, --client-id and --client-secret-env are needed together.");
  if (!URL.canParse(tokenUrl) || !isSafe(new URL(tokenUrl)))
    throw new WrongUsage("the token endpoint's URL must begin with https://, except on the loopback address.");
  return {
    tokenUrl,
    clientId,
    clientSecret: new Secret(readVariable(secret)),
    ...(scope !== undefined && { scope }),
  };
}

/** A client secret crosses no network in the clear. */
const isSafe = ({ protocol, hostname }: URL): boolean =>
  protocol === "https:" || (protocol === "http:" && ["127.0.0.1", "[::1]", "localhost"].includes(hostname));

function readCertificate(values: {
  readonly "client-certificate"?: string | undefined;
  readonly "client-key"?: string | undefined;
}): Target["clientCertificate"] {
  const { "client-certificate": cert, "client-key": key } = values;
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined || key === undefined)
    throw new WrongUsage("--client-certificate and --client-key are needed together.");
  return { cert: readText(cert), key: new Secret(readText(key)) };
}

function readVariable(name: string): string {
  const value = process.env[name];
  // The name is not repeated: somebody may have typed the secret itself.
  if (value === undefined || value === "")
    throw new WrongUsage("the environment variable that was named for a secret is not set.");
  return value;
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    throw new WrongUsage(`the file ${file} cannot be read.`);
  }
}

function readObject(file: string): JsonObject {
  const content = readText(file);
  try {
    const value: unknown = JSON.parse(content);
    if (isJsonObject(value)) return value;
  } catch {
    // Told below: what the parser says would quote the file.
  }
  throw new WrongUsage(`the file ${file} holds no JSON object.`);
}

function seconds(value: string): number {
  if (!/^[1-9]\d{0,5}$/.test(value)) throw new WrongUsage("--timeout is a whole number of seconds.");
  return Number(value) * 1000;
}

interface Screen {
  readonly look: { readonly colours: boolean; readonly width: number };
  progress(what: string): void;
  /** From now on every step is a line of its own. */
  speakUp(message: string): void;
  clear(): void;
}

function createScreen(): Screen {
  const { stdout, stderr } = process;
  let loud = false;
  const clear = () => {
    if (stderr.isTTY) stderr.write("\r\u001b[K");
  };
  return {
    look: { colours: stdout.isTTY === true && process.env.NO_COLOR === undefined, width: stdout.columns || 110 },
    clear,
    speakUp(message) {
      loud = true;
      clear();
      stderr.write(`${message}\n`);
    },
    progress(what) {
      if (loud) stderr.write(`  ${what}\n`);
      else if (stderr.isTTY) stderr.write(`\r\u001b[K${what.slice(0, (stderr.columns || 80) - 1)}`);
    },
  };
}

// npm and the terminal both hand on a Ctrl-C: what comes twice within this time was pressed once.
const onePressMs = 1000;

/** The first Ctrl-C ends the checks, the second one the clean-up. */
async function withSignals<T>(
  screen: Screen,
  work: (signals: { readonly signal: AbortSignal; readonly giveUp: AbortSignal }) => Promise<T>,
): Promise<T> {
  const end = new AbortController();
  const giveUp = new AbortController();
  let first = 0;
  const told = () => {
    if (first === 0) {
      first = Date.now();
      screen.speakUp("Interrupted. Removing what was made; Ctrl-C again leaves the rest where it is.");
      end.abort();
    } else if (Date.now() - first > onePressMs) giveUp.abort();
  };
  const names = ["SIGINT", "SIGTERM"] as const;
  for (const name of names) process.on(name, told);
  try {
    return await work({ signal: end.signal, giveUp: giveUp.signal });
  } finally {
    for (const name of names) process.off(name, told);
  }
}

/** The command line: what an operator types. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { adapterKinds } from "../brokers/index.ts";
import { platformCommand, tokenCommand } from "./account-commands.ts";
import { type AccountParts, createAccountParts } from "./admin/parts.ts";
import { checkCatalog } from "./catalog/check.ts";
import { formatProblem } from "./config/problem.ts";
import { type Config, ConfigError, readConfig } from "./config.ts";
import { curlLines } from "./curl-lines.ts";
import { firstRunFile, readFirstRun } from "./first-run.ts";
import { type Broker, newIds, openConfiguredStore, startBroker } from "./main.ts";
import { isProviderCommand, providerCommand, providerHelp } from "./provider-commands.ts";
import { verifyAudit } from "./store/audit.ts";

const help = `lotse: Open Service Broker API 2.17 for the Deutsche Verwaltungscloud

  lotse serve                   start the broker (default)
  lotse catalog check           check all catalog files and report everything that is wrong
  lotse platform add NAME       register a platform and print its credentials, once
  lotse platform list           list platforms
  lotse platform rotate NAME    print a new password; the old one stays valid for a day
  lotse platform disable NAME   refuse the platform from now on; its instances stay
  lotse platform enable NAME    let a disabled platform in again, with the passwords it had
  lotse token add WHO ROLE      print a new token for the management API, once; ROLE: administrator, reviewer, auditor,
                                or provider-editor with the names of the editor's providers behind it
  lotse token list              list tokens, without their secrets
  lotse token revoke ID         refuse the token from now on
${providerHelp}
  lotse audit verify [HEAD]     recompute the audit trail's hash chain; HEAD: the last hash of an earlier time
  lotse --help                  this text

Settings come from the environment (LOTSE_HOST, LOTSE_PORT, LOTSE_DATA_DIR, LOTSE_CONFIG, LOTSE_CATALOG,
LOTSE_DATABASE_URL) and from lotse.yaml. Commands about providers ask the broker at LOTSE_URL with the token LOTSE_TOKEN;
where Lotse runs, without both, the file first-run.json says them. Secrets are never taken from the command line.`;

/** Returns the exit code. */
export async function runCommand(args: readonly string[]): Promise<number> {
  const [command = "serve", action, name] = args;
  if (command === "--help" || command === "-h" || command === "help") {
    console.log(help);
    return 0;
  }
  const remote = isProviderCommand(args);
  if (!remote && !isCommand(args)) {
    // Not repeated: a word too many may well be a secret.
    console.error(`lotse: this is no command, and nothing was done.\n\n${help}`);
    return 2;
  }
  try {
    if (remote) return await providerCommand(args, process.env, process.cwd());
    const config = readConfig(process.env, process.cwd(), adapterKinds);
    for (const warning of config.warnings) console.error(formatProblem(warning));
    if (command === "serve") return await serve(config);
    if (command === "catalog") return reportCatalog(config);
    if (command === "audit") return await verify(config, name);
    if (command === "token") return await withAccounts(config, (parts) => tokenCommand(parts, args.slice(1)));
    return await withAccounts(config, (parts) => platformCommand(parts, action, name));
  } catch (error) {
    console.error(
      error instanceof ConfigError ? error.message : `lotse: ${error instanceof Error ? error.message : error}`,
    );
    return 1;
  }
}

const withoutName = new Set(["", "serve", "catalog check", "platform list", "token list", "audit verify"]);
const withName = new Set(["platform add", "platform rotate", "platform disable", "platform enable", "token revoke"]);

/** Exactly the words of a command: with a word more, somebody means something that would not be done. */
function isCommand(args: readonly string[]): boolean {
  const [, , name] = args;
  if (args.slice(0, 2).join(" ") === "token add") return args.length >= 4 && !args.some((word) => word.startsWith("-"));
  if (withoutName.has(args.join(" ")) || /^audit verify [0-9a-f]{64}$/.test(args.join(" "))) return true;
  return withName.has(args.slice(0, 2).join(" ")) && args.length === 3 && name !== undefined && !name.startsWith("-");
}

async function serve(config: Config): Promise<number> {
  // A signal during the start is kept until there is something to stop.
  const told = new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => resolve());
    if (process.env.npm_lifecycle_event !== undefined) whenOrphaned(resolve);
  });
  const broker = await startBroker(config);
  printWelcome(broker);
  await told;
  broker.log.info({}, "stopping");
  await broker.stop();
  return 0;
}

/** npm hands a SIGTERM to its shell, which dies of it and tells nobody: the loss of the parent is the signal then. */
function whenOrphaned(tell: () => void): void {
  const parent = process.ppid;
  const look = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(look);
    tell();
  }, 500);
  look.unref();
}

/** Credentials are read by the shell from the file when a line is pasted; they are never printed. */
function printWelcome(broker: Broker): void {
  const file = firstRunFile(broker.dataDirectory);
  const [offering] = broker.offerings;
  const [plan] = offering?.plans ?? [];
  const { username } = readFirstRun(file);
  if (username === undefined || offering === undefined || plan === undefined) return;
  console.log(curlLines({ url: broker.url, file, username, offering, plan }));
}

function reportCatalog(config: Config): number {
  const kinds = new Map([...(config.providers ?? [])].map(([name, { adapter }]) => [name, adapter]));
  if (config.providers === undefined)
    for (const name of ["it-nord", "aurora-via-krz-mitte"]) kinds.set(name, "postgresql");
  const problems = checkCatalog(config.catalogDirectory, adapterKinds, kinds);
  for (const problem of problems) console.error(formatProblem(problem));
  const errors = problems.filter(({ severity }) => severity === "error").length;
  console.log(errors === 0 ? "The catalog keeps all rules." : `${errors} rule(s) broken.`);
  return errors === 0 ? 0 : 1;
}

/** A command that made a new, empty database where none is would report that all is well there. */
function requireDatabase({ database }: Config): void {
  if (database.kind !== "sqlite" || existsSync(join(database.directory, "lotse.sqlite"))) return;
  throw new Error(
    `there is no database in ${database.directory}. Name the broker's by LOTSE_DATA_DIR or LOTSE_DATABASE_URL; the first "lotse serve" makes it.`,
  );
}

async function withAccounts(config: Config, work: (parts: AccountParts) => Promise<number>): Promise<number> {
  requireDatabase(config);
  const { store, knex, keys } = await openConfiguredStore(config);
  try {
    return await work(createAccountParts({ knex }, keys, newIds(), Date.now));
  } finally {
    await store.close();
  }
}

async function verify(config: Config, noted: string | undefined): Promise<number> {
  requireDatabase(config);
  const { store, knex, keys } = await openConfiguredStore(config);
  try {
    const [key] = keys;
    if (key !== undefined) while ((await store.sealAudit(key, Date.now())) > 0);
    const { sealed, head, faults } = await verifyAudit(knex, keys, noted);
    for (const fault of faults) console.error(fault);
    console.log(`${sealed} entries, head ${head}: ${faults.length === 0 ? "the chain holds" : "THE CHAIN IS BROKEN"}`);
    return faults.length === 0 ? 0 : 1;
  } finally {
    await store.close();
  }
}

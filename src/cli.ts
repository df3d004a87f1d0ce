/** The command line: what an operator types. */
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { adapterKinds } from "../brokers/index.ts";
import { checkCatalog } from "./catalog/check.ts";
import { formatProblem } from "./config/problem.ts";
import { type Config, ConfigError, readConfig } from "./config.ts";
import { curlLines } from "./curl-lines.ts";
import { firstRunFile, readFirstRun } from "./first-run.ts";
import { generatePassword, hashPassword } from "./http/password.ts";
import { type Broker, newIds, openConfiguredStore, startBroker } from "./main.ts";
import { type Accounts, createAccounts, type PlatformAccount } from "./store/accounts.ts";
import { verifyAudit } from "./store/audit.ts";

const help = `lotse: Open Service Broker API 2.17 for the Deutsche Verwaltungscloud

  lotse serve                   start the broker (default)
  lotse catalog check           check all catalog files and report everything that is wrong
  lotse platform add NAME       register a platform and print its credentials, once
  lotse platform list           list platforms
  lotse platform rotate NAME    print a new password; the old one stays valid for a day
  lotse platform disable NAME   refuse the platform from now on; its instances stay
  lotse platform enable NAME    let a disabled platform in again, with the passwords it had
  lotse audit verify [HEAD]     recompute the audit trail's hash chain; HEAD: the last hash of an earlier time
  lotse --help                  this text

Settings come from the environment (LOTSE_HOST, LOTSE_PORT, LOTSE_DATA_DIR, LOTSE_CONFIG, LOTSE_CATALOG,
LOTSE_DATABASE_URL) and from lotse.yaml. Secrets are never taken from the command line.`;

/** Returns the exit code. */
export async function runCommand(args: readonly string[]): Promise<number> {
  const [command = "serve", action, name] = args;
  if (command === "--help" || command === "-h" || command === "help") {
    console.log(help);
    return 0;
  }
  if (!isCommand(args)) {
    // Not repeated: a word too many may well be a secret.
    console.error(`lotse: this is no command, and nothing was done.\n\n${help}`);
    return 2;
  }
  try {
    const config = readConfig(process.env, process.cwd(), adapterKinds);
    for (const warning of config.warnings) console.error(formatProblem(warning));
    if (command === "serve") return await serve(config);
    if (command === "catalog") return reportCatalog(config);
    if (command === "audit") return await verify(config, name);
    return await withAccounts(config, (accounts) => platform(accounts, action, name));
  } catch (error) {
    console.error(
      error instanceof ConfigError ? error.message : `lotse: ${error instanceof Error ? error.message : error}`,
    );
    return 1;
  }
}

const withoutName = new Set(["", "serve", "catalog check", "platform list", "audit verify"]);
const withName = new Set(["platform add", "platform rotate", "platform disable", "platform enable"]);

/** Exactly the words of a command: with a word more, somebody means something that would not be done. */
function isCommand(args: readonly string[]): boolean {
  const [, , name] = args;
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

async function withAccounts(config: Config, work: (accounts: Accounts) => Promise<number>): Promise<number> {
  requireDatabase(config);
  const { store, knex } = await openConfiguredStore(config);
  try {
    return await work(createAccounts(knex));
  } finally {
    await store.close();
  }
}

const oldPasswordMs = 24 * 60 * 60 * 1000;

async function platform(accounts: Accounts, action: string | undefined, name = ""): Promise<number> {
  const now = Date.now();
  const said = { at: now, outcome: "succeeded", actor: { by: "command line" } } as const;
  if (action === "list") {
    for (const { name: own, username, state } of await accounts.list()) console.log(`${own}\t${username}\t${state}`);
    return 0;
  }
  if (action === "add") return addPlatform(accounts, name, now);
  const known = (await accounts.list()).find((account) => account.name === name);
  if (known === undefined) {
    console.error(`lotse: there is no platform "${name}".`);
    return 1;
  }
  if (action === "disable") {
    await accounts.setState(known.id, "disabled", { ...said, action: "platform.disabled", platformId: known.id });
    console.log(`The platform "${name}" is refused from now on.`);
    return 0;
  }
  if (action === "enable") {
    await accounts.setState(known.id, "active", { ...said, action: "platform.enabled", platformId: known.id });
    console.log(`The platform "${name}" is let in again.`);
    return 0;
  }
  if (known.state === "disabled") {
    console.error(`lotse: the platform "${name}" is disabled, so no password would let it in. Enable it first.`);
    return 1;
  }
  const password = generatePassword(randomBytes);
  const fresh = { id: newIds()(), hash: await hashPassword(password, randomBytes), createdAt: now };
  await accounts.rotate(known.id, fresh, now + oldPasswordMs, {
    ...said,
    action: "platform.rotated",
    platformId: known.id,
  });
  console.log(`username: ${known.username}\npassword: ${password.reveal()}\nThe old password stays valid for a day.`);
  return 0;
}

async function addPlatform(accounts: Accounts, name: string, now: number): Promise<number> {
  if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name) || name.length > 63) {
    console.error("lotse: a platform's name is made of lower-case letters, digits and hyphens, at most 63.");
    return 2;
  }
  const id = newIds()();
  const password = generatePassword(randomBytes);
  const account: PlatformAccount = { id, name, username: name, state: "active", createdAt: now, passwords: [] };
  const audit = {
    at: now,
    outcome: "succeeded",
    action: "platform.added",
    platformId: id,
    actor: { by: "command line" },
  } as const;
  if (!(await accounts.add(account, await hashPassword(password, randomBytes), audit))) {
    console.error(`lotse: there is a platform "${name}" already.`);
    return 1;
  }
  console.log(`username: ${name}\npassword: ${password.reveal()}`);
  return 0;
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

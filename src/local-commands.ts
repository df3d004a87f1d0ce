/** The commands that work where Lotse runs, on its files and its database. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { adapterKinds } from "../brokers/index.ts";
import { platformCommand, tokenCommand } from "./account-commands.ts";
import { type AccountParts, createAccountParts } from "./admin/parts.ts";
import { formatProblem } from "./config/problem.ts";
import { type Config, readConfig } from "./config.ts";
import { checkConfiguredCatalog } from "./configured-catalog.ts";
import type { Offering, Plan } from "./core/model.ts";
import { curlLines } from "./curl-lines.ts";
import { demoAccounts } from "./embedded/demo.ts";
import { firstRunFile, readFirstRun } from "./first-run.ts";
import { type Broker, newIds, openConfiguredStore, startBroker } from "./main.ts";
import { verifyAudit } from "./store/audit.ts";

/** Returns the exit code. `args` are a command's words; throws a ConfigError. */
export async function localCommand(args: readonly string[]): Promise<number> {
  const [command = "serve", action, name] = args;
  const config = readConfig(process.env, process.cwd(), adapterKinds);
  for (const warning of config.warnings) console.error(formatProblem(warning));
  if (command === "serve") return serve(config);
  if (command === "catalog") return reportCatalog(config);
  if (command === "audit") return verify(config, name);
  if (command === "token") return withAccounts(config, (parts) => tokenCommand(parts, args.slice(1)));
  return withAccounts(config, (parts) => platformCommand(parts, action, name));
}

/** Names of an adapter's settings that hold secrets; none for an adapter there is not. */
export const secretsOf = (adapter: string): readonly string[] => adapterKinds.get(adapter)?.secrets ?? [];

async function serve(config: Config): Promise<number> {
  // A signal during the start is kept until there is something to stop.
  const told = new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => resolve());
    if (process.env.npm_lifecycle_event !== undefined) whenOrphaned(resolve);
  });
  const broker = await startBroker(config);
  printWelcome(broker, config);
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
function printWelcome({ url, dataDirectory, offerings }: Broker, { providers }: Config): void {
  const file = firstRunFile(dataDirectory);
  const { username } = readFirstRun(file);
  if (username === undefined) return;
  const database = providers === undefined ? demoDatabase(offerings) : undefined;
  console.log(curlLines({ url, file, username, ...(database !== undefined && { database }) }));
}

/** What other providers have may be anything: only of the demonstration's databases it is known what the lines do. */
const demoDatabase = (offerings: readonly Offering[]): Plan | undefined =>
  offerings.flatMap(({ plans }) => plans).find(({ provider }) => demoAccounts.get(provider) === "postgresql");

function reportCatalog(config: Config): number {
  const accounts =
    config.providers === undefined
      ? demoAccounts
      : new Map([...config.providers].map(([name, { adapter }]) => [name, adapter]));
  const { problems } = checkConfiguredCatalog(config, adapterKinds, accounts);
  for (const problem of problems) console.error(formatProblem(problem));
  const errors = problems.filter(({ severity }) => severity === "error").length;
  const warnings = problems.length - errors;
  const aside = warnings === 0 ? "" : ` ${warnings} warning(s) above.`;
  console.log((errors === 0 ? "The catalog keeps all rules." : `${errors} rule(s) broken.`) + aside);
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

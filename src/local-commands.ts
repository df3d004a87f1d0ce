/** The commands that work where Lotse runs, on its files and its database. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { adapterKinds } from "../brokers/index.ts";
import { platformCommand, tokenCommand } from "./account-commands.ts";
import { type AccountParts, createAccountParts } from "./admin/parts.ts";
import { formatProblem } from "./config/problem.ts";
import { type Config, readConfig } from "./config.ts";
import { checkConfiguredCatalog } from "./configured-catalog.ts";
import { newIds, openConfiguredStore } from "./configured-store.ts";
import { demoAccounts } from "./embedded/demo.ts";
import { verifyAudit } from "./store/audit.ts";

/** Returns the exit code. `args` are a command's words; throws a ConfigError. */
export async function localCommand(args: readonly string[]): Promise<number> {
  const [command = "serve", action, name] = args;
  const config = readConfig(process.env, process.cwd(), adapterKinds);
  for (const warning of config.warnings) console.error(formatProblem(warning));
  if (command === "serve") {
    // Brought when it is needed: the other commands need neither the servers nor what adapters speak with.
    const { serve } = await import("./serve.ts");
    return serve(config);
  }
  if (command === "catalog") return reportCatalog(config);
  if (command === "audit") return verify(config, name);
  if (command === "token") return withAccounts(config, (parts) => tokenCommand(parts, args.slice(1)));
  return withAccounts(config, (parts) => platformCommand(parts, action, name));
}

/** Names of an adapter's settings that hold secrets; none for an adapter there is not. */
export const secretsOf = (adapter: string): readonly string[] => adapterKinds.get(adapter)?.secrets ?? [];

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

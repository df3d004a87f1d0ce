/** Lotse as the benchmarks start it: files and database are prepared here, then a process is told where they are. */
import { randomBytes } from "node:crypto";
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import Database from "better-sqlite3";
import type { OfferingFile } from "../../src/catalog/files.ts";
import { type Config, readConfig } from "../../src/config.ts";
import { newIds, openConfiguredStore } from "../../src/configured-store.ts";
import type { Instance, Operation } from "../../src/core/model.ts";
import { Secret } from "../../src/core/secret.ts";
import { hashPassword } from "../../src/http/password.ts";
import { readKeys } from "../../src/keys.ts";
import { createAccounts } from "../../src/store/accounts.ts";
import { openSeal } from "../../src/store/seal.ts";
import { createStatements } from "../../src/store/statement.ts";
import { idText } from "../harness/ids.ts";
import { account, offeringId, parameters, planId, planIndex } from "../harness/offerings.ts";
import type { Launch } from "../harness/server.ts";
import { kinds } from "./kinds.ts";

/**
 * How much of an order is carried out. `whole` is the product, and `store` is it too, with an adapter that is done at
 * once. `answer` is the same front end without store and engine: it checks and answers; `call` also calls the provider.
 */
export type Depth = "answer" | "call" | "store" | "whole";

export interface BrokerAsk {
  /** Unique in a workload. */
  readonly name: string;
  readonly depth: Depth;
  readonly offerings: readonly OfferingFile[];
  /** `http://127.0.0.1:PORT`, for the depths that call it. */
  readonly providerUrl?: string;
  /** Instead of the one account of all plans: addresses by account, each with as many slots as an operator gets. */
  readonly accounts?: { readonly [account: string]: string };
  /** Further accounts, written as in lotse.yaml. */
  readonly providers?: { readonly [name: string]: object };
  /** How often their catalogs are read. */
  readonly refreshSeconds?: number;
  /** Ready instances that are there at start: `idText(seededSpace, 0…instances-1)`. */
  readonly instances?: number;
}

const username = "platform";
const password = "correct-horse-battery-staple";
const platformId = "bench-platform";

/** The Authorization header of the registered platform. */
export const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;

/** The id space of seeded instances; their operations' tokens are the same texts. */
export const seededSpace = 0;

const program = (file: string) => fileURLToPath(new URL(file, import.meta.url));

/** Writes what the broker reads at start into `folder`, and says how to start it. */
export async function prepareBroker(folder: string, ask: BrokerAsk): Promise<Launch> {
  const environment = writeFiles(folder, ask);
  const config = readConfig(environment, folder, kinds);
  const stored = ask.depth === "store" || ask.depth === "whole";
  if (stored) {
    await addPlatform(config);
    if (ask.instances !== undefined) seed(config, ask.instances);
  }
  return { name: ask.name, args: [program(stored ? "./serve.ts" : "./front.ts")], environment };
}

/** Catalog and lotse.yaml; JSON is YAML. */
function writeFiles(
  folder: string,
  { depth, offerings, providerUrl, accounts, providers, refreshSeconds }: BrokerAsk,
): Launch["environment"] {
  const catalog = join(folder, "catalog");
  mkdirSync(catalog, { recursive: true });
  const own = fileURLToPath(new URL("../../catalog", import.meta.url));
  for (const name of ["offering.schema.json", "organisation.schema.json", "organisations.yaml"])
    cpSync(join(own, name), join(catalog, name));
  for (const offering of offerings) writeFileSync(join(catalog, `${offering.name}.yaml`), JSON.stringify(offering));
  const settings = depth === "store" || providerUrl === undefined ? {} : { url: providerUrl };
  // More slots than connections, so that the load's 64 orders are all under way at once.
  const only = { [account]: { adapter: "bench", settings, slots: 1000 } };
  const several = Object.entries(accounts ?? {}).map(([name, url]) => [name, { adapter: "bench", settings: { url } }]);
  const configuration = {
    providers: { ...(accounts === undefined ? only : Object.fromEntries(several)), ...providers },
    ...(refreshSeconds !== undefined && { catalog: { refreshSeconds } }),
  };
  writeFileSync(join(folder, "lotse.yaml"), JSON.stringify(configuration));
  return {
    LOTSE_PORT: "0",
    LOTSE_CONFIG: join(folder, "lotse.yaml"),
    LOTSE_CATALOG: catalog,
    LOTSE_DATA_DIR: join(folder, "data"),
    BENCH_DEPTH: depth,
    BENCH_AUTHORIZATION: authorization,
  };
}

async function addPlatform(config: Config): Promise<void> {
  const { store, knex } = await openConfiguredStore(config);
  const now = Date.now();
  const platform = {
    id: platformId,
    name: "bench",
    username,
    state: "active",
    version: 1,
    createdAt: now,
    passwords: [],
  } as const;
  const audit = { at: now, action: "platform.added", outcome: "succeeded", platformId } as const;
  await createAccounts(knex).add(platform, await hashPassword(new Secret(password), randomBytes), audit);
  await store.close();
}

/** Direct inserts by the broker's own statements: a million orders would take too long the usual way. */
function seed(config: Config, count: number): void {
  const database = new Database(join(config.dataDirectory, "lotse.sqlite"));
  database.pragma("synchronous = OFF");
  database.pragma("cache_size = -1000000");
  const statementOf = createStatements(openSeal(readKeys(config)), () => "?");
  const prepared = new Map<string, Database.Statement>();
  const insert = (change: Parameters<typeof statementOf>[0]) => {
    const { name, text, values } = statementOf(change);
    const statement = prepared.get(name) ?? database.prepare(text);
    prepared.set(name, statement);
    statement.run(...values);
  };
  const newId = newIds();
  const now = Date.now(); // what ended long ago would be forgotten
  database.transaction(() => {
    for (let index = 0; index < count; index++) {
      const id = idText(seededSpace, index);
      const uid = newId();
      insert({ insert: "instance", row: readyInstance(uid, id, now) });
      insert({ insert: "operation", row: finishedProvision(uid, id, now) });
    }
  })();
  database.pragma("wal_checkpoint(TRUNCATE)");
  database.close();
}

function readyInstance(uid: string, instanceId: string, now: number): Instance {
  return {
    uid,
    platformId,
    instanceId,
    incarnation: 1,
    bindsBegun: 0,
    offeringId: offeringId(0),
    planId: planId(0, planIndex.sync),
    provider: account,
    organization: "0f9d1c6e-6f0b-4c3e-9d0e-0c2b7f3f1a01",
    space: "7b1d9a52-2a63-4f58-8f53-5e1f6c0d7a02",
    parameters: new Secret(parameters.small),
    context: { platform: "benchmark" },
    facts: new Secret(null),
    labels: {},
    attributes: {},
    usable: true,
    state: "ready",
    version: 2,
    createdAt: now,
    updatedAt: now,
  };
}

function finishedProvision(instanceUid: string, instanceId: string, now: number): Operation {
  return {
    token: instanceId,
    kind: "provision",
    purpose: "request",
    platformId,
    instanceUid,
    instanceId,
    provider: account,
    state: "succeeded",
    requestId: instanceId,
    attempt: 1,
    failures: 0,
    dueAt: now,
    deadlineAt: now,
    leaseNumber: 1,
    again: false,
    startedAt: now,
    finishedAt: now,
  };
}

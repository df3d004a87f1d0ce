/** Two brokers in a chain, as processes that can be killed, with a bad line between them and a real server at the end. */
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import pg from "pg";
import type { Test } from "tap";
import { parse } from "yaml";
import { downstreamId } from "../../brokers/osb/ids.ts";
import type { JsonObject } from "../../src/core/adapter.ts";
import { startLine, type Watcher } from "./bad-line.ts";
import { temporaryDirectory } from "./broker.ts";
import {
  account,
  type BrokerProcess,
  credentialsIn,
  largerPlan,
  newSealingKey,
  offeringId,
  shippedCatalog,
  smallPlan,
  startBrokerProcess,
} from "./broker-process.ts";
import type { Wares } from "./lives.ts";
import type { TestPostgresql } from "./postgresql.ts";

/** What the near broker sells: the far one's plans under ids of its own. */
export const wares: Wares = {
  offeringId: "3c1f0d52-77a1-4f0e-8a55-51b0d4c7a910",
  plans: ["3c1f0d52-77a1-4f0e-8a55-51b0d4c7a911", "3c1f0d52-77a1-4f0e-8a55-51b0d4c7a912"],
};

/** The far broker's plan behind each of the near one's. */
export const farPlans: { readonly [plan: string]: string | undefined } = {
  [wares.plans[0]]: smallPlan,
  [wares.plans[1] ?? ""]: largerPlan,
};

/** `near` is the one the platform knows, `far` the one that has the provider's server. */
export type End = "near" | "far";

export interface Chain {
  broker(end: End): BrokerProcess;
  /** kill -9, and a new process on the same data. */
  restart(end: End, engine: JsonObject): Promise<void>;
  /** Everything that a broker's database holds of instances, bindings and operations. */
  readBooks(end: End): Promise<Books>;
}

/** Who keeps its books in PostgreSQL; the other one keeps them in SQLite. */
export interface Setting {
  readonly onPostgresql: End;
}

export async function startChain(
  t: Test,
  server: TestPostgresql,
  watcher: Watcher,
  { onPostgresql }: Setting,
): Promise<Chain> {
  const root = temporaryDirectory(t);
  const directories = { near: join(root, "near"), far: join(root, "far") };
  const databaseUrl = await server.emptyDatabase("books");
  const booksOf = (end: End) => (end === onPostgresql ? { databaseUrl } : {});
  const catalog = join(root, "catalog");
  writeNearCatalog(catalog);
  const line = await startLine(t, watcher);
  const sealingKey = newSealingKey();
  const { port, user, password } = server;
  const common = { sealingKey, osb: { retryAfterSeconds: 1 } };
  const start = {
    async far(engine: JsonObject) {
      const provider = { port, publicPort: port, user, password };
      const far = await startBrokerProcess(t, {
        ...common,
        ...booksOf("far"),
        directory: directories.far,
        provider,
        engine,
      });
      line.leadTo(far.url);
      return far;
    },
    near(engine: JsonObject) {
      const { username, password } = credentialsIn(directories.far);
      const provider = { url: line.url, username, password };
      return startBrokerProcess(t, {
        ...common,
        ...booksOf("near"),
        directory: directories.near,
        catalog,
        provider,
        engine,
      });
    },
  };
  const far = await start.far({});
  const running = { far, near: await start.near({}) };
  return {
    broker: (end) => running[end],
    readBooks: (end) =>
      end === onPostgresql ? readPostgresql(databaseUrl) : readSqlite(join(directories[end], "lotse.sqlite")),
    async restart(end, engine) {
      await running[end].end("SIGKILL");
      running[end] = await start[end](engine);
    },
  };
}

/** The shipped offering as somebody sells it on who has it from another broker. */
function writeNearCatalog(directory: string): void {
  cpSync(shippedCatalog, directory, { recursive: true });
  const offering = parse(readFileSync(join(shippedCatalog, "postgresql.yaml"), "utf8")) as JsonObject & {
    readonly plans: readonly (JsonObject & { readonly id: string; readonly account: string })[];
  };
  const plans = wares.plans.map((id) => ({
    ...offering.plans.find((plan) => plan.id === farPlans[id]),
    id,
    account,
    backend: {
      serviceId: offeringId,
      planId: farPlans[id],
      instancesRetrievable: true,
      bindingsRetrievable: true,
      bindingRotatable: true,
    },
  }));
  // JSON is YAML, too.
  const text = JSON.stringify({ ...offering, id: wares.offeringId, portable: false, plans });
  writeFileSync(join(directory, "postgresql.yaml"), text);
}

// ---- what there is, at each of the three levels -------------------------------------------------------------------

/** An instance as a broker has it on record. */
interface Recorded {
  readonly uid: string;
  readonly id: string;
  readonly plan: string;
  readonly state: string;
}

interface Books {
  readonly instances: readonly Recorded[];
  readonly bindings: readonly (Recorded & { readonly instanceUid: string })[];
  readonly operations: readonly {
    readonly state: string;
    readonly kind: string;
    readonly description: string | null;
    readonly instanceUid: string;
    readonly bindingUid: string | null;
  }[];
}

const queries = {
  instances: "SELECT uid, instance_id AS id, plan_id AS plan, state FROM instances",
  bindings: 'SELECT uid, binding_id AS id, plan_id AS plan, state, instance_uid AS "instanceUid" FROM bindings',
  operations:
    'SELECT state, kind, description, instance_uid AS "instanceUid", binding_uid AS "bindingUid" FROM operations',
} as const;

async function readSqlite(file: string): Promise<Books> {
  const database = new Database(file, { readonly: true });
  try {
    const all = <T>(sql: string) => database.prepare<[], T>(sql).all();
    return {
      instances: all(queries.instances),
      bindings: all(queries.bindings),
      operations: all(queries.operations),
    };
  } finally {
    database.close();
  }
}

async function readPostgresql(connectionString: string): Promise<Books> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    return {
      instances: (await client.query(queries.instances)).rows,
      bindings: (await client.query(queries.bindings)).rows,
      operations: (await client.query(queries.operations)).rows,
    };
  } finally {
    await client.end();
  }
}

/** One line for everything that is there, in the same words at each level, by the near broker's ids. */
export interface Inventories {
  readonly near: readonly string[];
  readonly far: readonly string[];
  readonly server: readonly string[];
  /** What was made more than once on the way. */
  readonly repeated: readonly string[];
}

export async function takeInventories(chain: Chain, server: TestPostgresql): Promise<Inventories> {
  const near = await chain.readBooks("near");
  const far = await chain.readBooks("far");
  const nameOf = new Map<string, string>();
  for (const { uid, id } of [...near.instances, ...near.bindings]) nameOf.set(downstreamId(uid), id);
  const farName = (id: string) => nameOf.get(id) ?? `unknown ${id}`;
  const nearPlan = (plan: string) => farPlans[plan] ?? plan;
  const lines = (books: Books, name: (id: string) => string, plan: (id: string) => string) =>
    [
      ...books.instances
        .filter(({ state }) => state !== "deleted")
        .map((one) => `${name(one.id)} ${plan(one.plan)} ${one.state === "ready" ? "" : one.state}`.trim()),
      ...books.bindings
        .filter(({ state }) => state !== "deleted")
        .map(({ id, state }) => `${name(id)} ${state === "bound" ? "" : state}`.trim()),
    ].sort();
  return {
    near: lines(near, (id) => id, nearPlan),
    far: lines(far, farName, (plan) => plan),
    server: await serverInventory(server, far, farName),
    repeated: repeatedIn(near, far, farName),
  };
}

const limits = new Map([
  [20, smallPlan],
  [50, largerPlan],
]);

/** Databases and roles by the names of what the far broker keeps; what belongs to nothing there is told by its own name. */
async function serverInventory(
  server: TestPostgresql,
  far: Books,
  farName: (id: string) => string,
): Promise<readonly string[]> {
  const names = new Map([...far.instances, ...far.bindings].map(({ uid, id }) => [uid, farName(id)]));
  const known = (uid: string) => names.get(uid) ?? `unknown ${uid}`;
  const databases = await server.query(
    "SELECT datname, datconnlimit FROM pg_database WHERE datname ~ '^lotse_[0-9a-z]{26}'",
  );
  const roles = await server.query("SELECT rolname FROM pg_roles WHERE rolname ~ '^(lotse_[or]|l)_[0-9a-z]{26}'");
  const lines: string[] = [];
  const helpers: string[] = [];
  for (const { datname, datconnlimit } of databases.rows as { datname: string; datconnlimit: number }[])
    lines.push(`${known(datname.slice("lotse_".length))} ${limits.get(datconnlimit) ?? datconnlimit}`);
  const there = new Set(databases.rows.map(({ datname }) => String(datname).slice("lotse_".length)));
  for (const { rolname } of roles.rows as { rolname: string }[]) {
    const [, kind, instance, binding] = /^(lotse_[or]|l)_([0-9a-z]{26})(?:_([0-9a-z]{26}))?/.exec(rolname) ?? [];
    if (kind === "l") lines.push(known(binding ?? ""));
    else helpers.push(`${kind} ${instance}`);
  }
  // Two helping roles belong to each database, and to nothing else.
  const due = [...there].flatMap((uid) => [`lotse_o ${uid}`, `lotse_r ${uid}`]);
  for (const helper of helpers.filter((role) => !due.includes(role))) lines.push(`stray role ${helper}`);
  for (const missing of due.filter((role) => !helpers.includes(role))) lines.push(`missing role ${missing}`);
  return lines.sort();
}

/** The far broker may have one row for each time the near one set out to make the thing, whatever became of it. */
function repeatedIn(near: Books, far: Books, farName: (id: string) => string): string[] {
  const due = new Map<string, number>();
  for (const { kind, instanceUid, bindingUid } of near.operations) {
    if (kind !== "provision" && kind !== "bind") continue;
    const id = downstreamId(bindingUid ?? instanceUid);
    due.set(id, (due.get(id) ?? 0) + 1);
  }
  const made = new Map<string, number>();
  for (const { id } of [...far.instances, ...far.bindings]) made.set(id, (made.get(id) ?? 0) + 1);
  return [...made].filter(([id, times]) => times > (due.get(id) ?? 0)).map(([id, times]) => `${farName(id)} ${times}`);
}

/** The ids, as the platform knows them, of living instances whose database holds what their customers noted. */
export async function notedInstances(chain: Chain, server: TestPostgresql): Promise<string[]> {
  const near = new Map((await chain.readBooks("near")).instances.map(({ uid, id }) => [downstreamId(uid), id]));
  const noted: string[] = [];
  for (const { uid, id, state } of (await chain.readBooks("far")).instances) {
    if (state === "deleted") continue;
    const { host, port, user, password } = server;
    const client = new pg.Client({ host, port, user, password, database: `lotse_${uid}` });
    await client.connect();
    const { rowCount } = await client.query("SELECT FROM pg_class WHERE relname = 'notes' AND relkind = 'r'");
    await client.end();
    if (rowCount === 1) noted.push(near.get(id) ?? id);
  }
  return noted.sort();
}

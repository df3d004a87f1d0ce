/** Two brokers in a chain: the osb adapter before a real Lotse, which has a real PostgreSQL behind it. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import t, { type Test } from "tap";
import osb from "../../brokers/osb/index.ts";
import { type Access, type Adapter, Secret } from "../../src/core/adapter.ts";
import { readFirstRun } from "../../src/first-run.ts";
import { reachableDirectory, serve } from "../support/command.ts";
import { closedPort, losingWire, silentWire } from "../support/wire.ts";
import { keepsEveryPromise, type Subject } from "./promise.ts";

const data = join(reachableDirectory(t), "data");
const downstream = await serve(t, { LOTSE_DATA_DIR: data });
const { username = "", password = "" } = readFirstRun(join(data, "first-run.json"));
const port = Number(new URL(downstream.url).port);

const provider = join(data, "providers", "it-nord");
const administrator = {
  host: "127.0.0.1",
  port: Number(readFileSync(join(provider, "port"), "utf8")),
  user: "lotse_operator",
  password: readFileSync(join(data, "providers.password"), "utf8").trim(),
};

async function query(text: string, database = "postgres"): Promise<pg.QueryResult> {
  const client = new pg.Client({ ...administrator, database });
  await client.connect();
  try {
    return await client.query(text);
  } finally {
    await client.end();
  }
}

function open(more: object = {}, secret = password): Promise<Adapter> {
  const values = {
    url: `http://127.0.0.1:${port}`,
    username,
    apiVersion: "2.17",
    context: "pass",
    originatingIdentity: "pass",
    requestIdentity: "pass",
    timeoutMs: 10_000,
    connectTimeoutMs: 2000,
    connections: 4,
    maxResponseBytes: 1_000_000,
    retries: 20,
    pace: { repeatMs: 10, busyMs: 10, settleMs: 10 },
    breaker: { failures: 1000, coolDownMs: 100 },
    ...more,
  };
  return osb.open({ values, secrets: { password: new Secret(secret) } });
}

async function works(access: Access): Promise<boolean> {
  const { uri } = access.credentials as { readonly uri: string };
  const client = new pg.Client({ connectionString: uri });
  client.on("error", () => undefined);
  try {
    await client.connect();
    await client.query("SELECT 1");
    return true;
  } catch (error) {
    if (["28000", "28P01", "3D000"].includes(String((error as { code?: unknown }).code))) return false;
    throw error;
  } finally {
    await client.end();
  }
}

/** At the very end of the chain. */
async function inventory(): Promise<string[]> {
  const databases = await query(
    "SELECT datname, datconnlimit FROM pg_database WHERE datname LIKE 'lotse\\_%' ORDER BY 1",
  );
  const roles = await query("SELECT rolname FROM pg_roles WHERE rolname ~ '^(l|lotse_[or])_[0-9a-z]{26}' ORDER BY 1");
  const lines = roles.rows.map(({ rolname }) => `role ${rolname}`);
  for (const { datname, datconnlimit } of databases.rows) {
    const extensions = await query("SELECT extname FROM pg_extension ORDER BY 1", datname);
    lines.push(
      `database ${datname} limit ${datconnlimit} with ${extensions.rows.map(({ extname }) => extname).join()}`,
    );
  }
  return anonymous(lines);
}

/** The downstream's ids are its own; they sort by time, so numbers in their order are the same for the same deeds. */
function anonymous(lines: readonly string[]): string[] {
  const ids = [...new Set(lines.join(" ").match(/[0-9a-z]{26}/g))].sort();
  return lines.map((line) => line.replace(/[0-9a-z]{26}/g, (id) => `#${ids.indexOf(id)}`));
}

const isRequest = (bytes: Buffer): boolean => /^(GET|PUT|PATCH|DELETE) /.test(bytes.toString("latin1", 0, 8));

const backend = (planId: string) => ({
  serviceId: "5b2d3c1e-6a47-4f0f-9d0b-3a1c8f7e2d10",
  planId,
  instancesRetrievable: true,
  bindingsRetrievable: true,
  bindingRotatable: true,
});

const subject = (t: Test): Subject => ({
  open: () => open(),
  async losing(nth) {
    const wire = await losingWire(t, port, nth, isRequest);
    return { adapter: await open({ url: `http://127.0.0.1:${wire.port}` }), lost: wire.lost };
  },
  async hanging() {
    const wire = await silentWire(t);
    return { adapter: await open({ url: `http://127.0.0.1:${wire.port}` }), reached: wire.reached };
  },
  broken: async () =>
    new Map([
      ["the password is wrong", await open({}, "not the password")],
      ["nothing listens there", await open({ url: `http://127.0.0.1:${await closedPort()}` })],
      ["the address is not the broker's", await open({ url: `http://127.0.0.1:${port}/livez` })],
    ]),
  inventory,
  works,
  backend: backend("0f6b8a52-1c3d-4e5f-8a9b-0c1d2e3f4a51"),
  largerBackend: backend("0f6b8a52-1c3d-4e5f-8a9b-0c1d2e3f4a52"),
  parameters: { extensions: ["citext"] },
  changedParameters: { extensions: ["citext", "hstore"] },
  bindingParameters: { access: "read-write" },
  refused: { parameters: { extensions: ["plpython3u-unheard-of"] }, text: "plpython3u-unheard-of" },
  secrets: [password],
});

t.test("every promise is kept", (t) => keepsEveryPromise(t, subject(t)));

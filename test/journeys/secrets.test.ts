/** Secrets are planted wherever one can hide; what the running broker leaves behind is then searched for them. */
import { cpSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import pg from "pg";
import t from "tap";
import { checkout, lotse, reachableDirectory, serve } from "../support/command.ts";
import { postgresqlForTests } from "../support/postgresql.ts";
import { onBothDatabases } from "../support/stories.ts";

const server = await postgresqlForTests(t);
const story = onBothDatabases(t, server);

const offering = "5b2d3c1e-6a47-4f0f-9d0b-3a1c8f7e2d10";
const plan = "0f6b8a52-1c3d-4e5f-8a9b-0c1d2e3f4a51";
const ids = { service_id: offering, plan_id: plan };
const place = "/v2/service_instances/i1";
const binding = `${place}/service_bindings/b1`;

/** The shipped catalog, with a parameter that takes any text. */
function catalogWithNotes(directory: string): string {
  const catalog = join(directory, "catalog");
  cpSync(join(checkout, "catalog"), catalog, { recursive: true });
  const file = join(catalog, "postgresql.yaml");
  const text = readFileSync(file, "utf8").replaceAll(/^( {4}properties:)$/gm, "$1\n      note: { type: string }");
  writeFileSync(file, text);
  return catalog;
}

/** What a database has written down, by the file it lies in. */
type Written = ReadonlyMap<string, string>;

const readAll = (directory: string, names: readonly string[]): Written =>
  new Map(names.map((name) => [name, readFileSync(join(directory, name), "latin1")]));

const writtenBySqlite = (data: string): Written =>
  readAll(
    data,
    readdirSync(data).filter((name) => name.startsWith("lotse.sqlite")),
  );

/** Tables and indexes with what was deleted from them, the write-ahead log, and what the server says of its statements. */
async function writtenByPostgresql(databaseUrl: string): Promise<Written> {
  await server.query("CHECKPOINT");
  const database = new URL(databaseUrl).pathname.slice(1);
  const { rows } = await server.query(
    "SELECT current_setting('data_directory') AS cluster, oid FROM pg_database WHERE datname = $1",
    [database],
  );
  const { cluster, oid } = rows[0] as { readonly cluster: string; readonly oid: number };
  const filesIn = (directory: string) =>
    readdirSync(join(dirname(cluster), directory), { withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ name }) => join(directory, name));
  const files = ["", "cluster/pg_wal", `cluster/base/${oid}`].flatMap(filesIn);
  return new Map([...readAll(dirname(cluster), files), ["tables", await tablesAsText(databaseUrl)]]);
}

/** Large values are compressed in the files, and can be read only here. */
async function tablesAsText(databaseUrl: string): Promise<string> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const { rows } = await client.query("SELECT schema_to_xml('public', true, false, '') AS text");
    return String(rows[0].text);
  } finally {
    await client.end();
  }
}

story("no secret is found in logs, database files, errors, metrics or the audit trail", async (t, databaseUrl) => {
  const directory = reachableDirectory(t);
  const data = join(directory, "data");
  const config = join(directory, "lotse.yaml");
  writeFileSync(config, "log: { level: trace }\n");
  const env = {
    LOTSE_DATA_DIR: data,
    LOTSE_DATABASE_URL: databaseUrl,
    LOTSE_CONFIG: config,
    LOTSE_CATALOG: catalogWithNotes(directory),
  };
  const written = async () => (databaseUrl === "" ? writtenBySqlite(data) : writtenByPostgresql(databaseUrl));
  const broker = await serve(t, env);
  const first = JSON.parse(readFileSync(join(data, "first-run.json"), "utf8")) as Record<string, string>;
  const login = Buffer.from(`${first.username}:${first.password}`).toString("base64");
  const answers: string[] = [];

  async function ask(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
    const answer = await fetch(broker.url + path, {
      method,
      headers: {
        authorization: `Basic ${login}`,
        "x-broker-api-version": "2.17",
        "content-type": "application/json",
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    return { status: answer.status, text: await answer.text() };
  }
  /** A request whose answer must not repeat what was sent. */
  async function refused(status: number, ...request: Parameters<typeof ask>): Promise<void> {
    const answer = await ask(...request);
    t.equal(answer.status, status, `${request[0]} is refused with ${status}`);
    answers.push(answer.text);
  }

  const identity = Buffer.from('{"user_id":"u1","note":"canary-identity"}').toString("base64");
  const who = { "x-broker-api-originating-identity": `cloudfoundry ${identity}` };
  const about = { ...ids, organization_guid: "org", space_guid: "space" };
  const made = await ask("PUT", place, { ...about, parameters: { note: "canary-create" } }, who);
  t.equal(made.status, 201);
  const bound = await ask("PUT", binding, { ...ids, parameters: { note: "canary-bind" } }, who);
  t.equal(bound.status, 201);
  const { credentials } = JSON.parse(bound.text) as { credentials: { password: string; username: string } };
  t.match((await ask("GET", place)).text, "canary-create", "what was ordered comes back to the platform");
  t.match((await ask("GET", binding)).text, credentials.password, "and so does the access");
  const changed = await ask("PATCH", place, { ...ids, parameters: { note: "canary-update" } }, who);
  t.equal(changed.status, 200);

  await refused(409, "PUT", place, { ...about, parameters: { note: "canary-conflict" } });
  await refused(400, "PUT", `${place}0`, { ...about, parameters: { note: "x", extensions: ["canary-extension"] } });
  await refused(400, "PUT", `${place}0`, { ...about, parameters: { "canary-key": 1 } });
  await refused(400, "PUT", `${place}0`, '{"parameters":{"password":"canary-broken');
  await refused(400, "PUT", `${place}0`, { ...about, plan_id: "canary-plan" });
  await refused(404, "GET", `${place}0?token=canary-query`);
  await refused(404, "GET", "/canary-path");
  const wrong = Buffer.from("platform:canary-password").toString("base64");
  await refused(401, "GET", "/v2/catalog", undefined, { authorization: `Basic ${wrong}` });
  await refused(401, "GET", "/api/v1/platforms", undefined, { authorization: `Bearer lotse_${"canary".repeat(8)}` });
  const admin = { authorization: `Bearer ${first.adminToken}` };
  for (const path of ["/api/v1/platforms", "/api/v1/audit/verification", "/metrics", "/readyz"])
    answers.push((await ask("GET", path, undefined, admin)).text);
  answers.push(Object.values(await lotse(["platform", "list"], env)).join("\n"));

  const secrets: [what: string, secret: string | undefined][] = [
    ["parameters", "canary-create"],
    ["binding parameters", "canary-bind"],
    ["changed parameters", "canary-update"],
    ["refused parameters", "canary-conflict"],
    ["parameters the schema refuses", "canary-extension"],
    ["keys the schema refuses", "canary-broken"],
    ["query values", "canary-query"],
    ["a wrong password", "canary-password"],
    ["a wrong password, as it was sent", wrong],
    ["a wrong token", "canarycanary"],
    ["the platform's password", first.password],
    ["the platform's password, as it is sent", login],
    ["the administrator's token", first.adminToken],
    ["the binding's password", credentials.password],
    ["the provider's password", readFileSync(join(data, "providers.password"), "utf8").trim()],
    ["the sealing key", readFileSync(join(data, "sealing.key"), "utf8").trim()],
  ];
  if (databaseUrl !== "") secrets.push(["the database's password, as the URL has it", new URL(databaseUrl).password]);
  // The write-ahead log is looked at while it is in use, the database once more when all of it was written back.
  const whileRunning = await written();
  t.ok(
    [...whileRunning.keys()].some((name) => name.endsWith("-wal") || name.includes("pg_wal")),
    "there is a write-ahead log to search",
  );
  t.equal((await ask("DELETE", `${place}?service_id=${offering}&plan_id=${plan}`)).status, 200);
  await broker.stop();
  const files = [...whileRunning.values(), ...(await written()).values()].join("\n");
  const log = broker.output();
  t.match(log, '"msg":"request"', "the log was written");
  for (const [what, secret] of secrets) {
    t.ok(secret !== undefined && secret.length > 8, `${what}: there is something to search for`);
    const found = (text: string) => text.includes(secret ?? "");
    t.notOk(found(log), `${what} not in the log`);
    t.notOk(found(files), `${what} not in the database, which holds the audit trail`);
    t.notOk(found(answers.join("\n")), `${what} not in errors, metrics or lists`);
  }
  t.notOk(log.includes("canary"), "nothing else that was planted is in the log, the originating identity neither");
  t.notOk(answers.join("\n").includes("canary-identity"), "nor in errors and metrics");
  t.ok(files.includes("canary-identity"), "the audit trail has the originating identity: that is what it is for");
});

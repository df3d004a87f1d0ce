/** The PostgreSQL adapter on a real server: the promises, and what customers and operators see. */
import { once } from "node:events";
import { chmodSync, chownSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import pg from "pg";
import t, { type Test } from "tap";
import kind from "../../brokers/postgresql/index.ts";
import type { Session } from "../../brokers/postgresql/server.ts";
import { addExtensions } from "../../brokers/postgresql/sql.ts";
import { type Access, type Adapter, type JsonObject, Secret } from "../../src/core/adapter.ts";
import { createAuthority } from "../support/certificates.ts";
import { postgresqlForTests } from "../support/postgresql.ts";
import { closedPort, losingWire, silentWire } from "../support/wire.ts";
import { type BindingThing, keepsEveryPromise, openStage, type Stage, type Subject, type Thing } from "./promise.ts";

const server = await postgresqlForTests(t);
for (const setting of ["log_statement = 'all'", "log_min_duration_statement = 0", "log_connections = on"])
  await server.query(`ALTER SYSTEM SET ${setting}`);
await server.query("SELECT pg_reload_conf()");

interface Account {
  readonly user: string;
  readonly password: string;
}

const superuser: Account = { user: server.user, password: server.password };
const operator: Account = { user: "operator", password: "operator's own: pa/ss?word" };
await server.query(
  `CREATE ROLE operator LOGIN CREATEDB CREATEROLE PASSWORD ${pg.escapeLiteral(operator.password)};
   GRANT CONNECT ON DATABASE postgres TO operator`,
);

const backend = {
  connectionLimit: 5,
  allowedExtensions: ["citext", "hstore", "pg_trgm", "not_installed"],
  settings: { statement_timeout: "45s", idle_in_transaction_session_timeout: "10min" },
};
const largerBackend = { ...backend, connectionLimit: 9, settings: { statement_timeout: "2min", work_mem: "8MB" } };

function open(account: Account, more: JsonObject = {}): Promise<Adapter> {
  const values = { host: server.host, port: server.port, user: account.user, tls: "off", ...more };
  return kind.open({ values, secrets: { password: new Secret(account.password) } });
}

// ---- what a customer does -----------------------------------------------------------------------------------------

function clientFor(access: Access, more: pg.ClientConfig = {}): pg.Client {
  const { host, port, database, username, password } = credentialsOf(access);
  const client = new pg.Client({ host, port: Number(port), database, user: username, password, ...more });
  client.on("error", () => undefined);
  return client;
}

function credentialsOf(access: Access): { readonly [name: string]: string } {
  return access.credentials as { readonly [name: string]: string };
}

/** A session with this access for as long as `work` takes. */
async function as<T>(access: Access, work: (client: pg.Client) => Promise<T>, more: pg.ClientConfig = {}): Promise<T> {
  const client = clientFor(access, more);
  try {
    await client.connect();
    return await work(client);
  } finally {
    await client.end();
  }
}

const say = (access: Access, text: string): Promise<pg.QueryResult> => as(access, (client) => client.query(text));

async function works(access: Access): Promise<boolean> {
  try {
    await say(access, "SELECT 1");
    return true;
  } catch (error) {
    // The role is gone or may not log in; the password is wrong; the database is gone.
    if (["28000", "28P01", "3D000"].includes(String((error as { code?: unknown }).code))) return false;
    throw error;
  }
}

// ---- what is really there -----------------------------------------------------------------------------------------

async function inside(database: string, text: string): Promise<pg.QueryResult> {
  const client = new pg.Client({ host: server.host, port: server.port, ...superuser, database });
  await client.connect();
  try {
    return await client.query(text);
  } finally {
    await client.end();
  }
}

async function inventory(): Promise<string[]> {
  const databases = await server.query(
    `SELECT datname, datconnlimit, setconfig FROM pg_database LEFT JOIN pg_db_role_setting ON setdatabase = oid AND setrole = 0
     WHERE datname NOT IN ('postgres', 'template0', 'template1') ORDER BY 1`,
  );
  const roles = await server.query(
    `SELECT rolname, rolcanlogin FROM pg_roles WHERE rolname NOT LIKE 'pg\\_%' AND rolname NOT IN ($1, $2) ORDER BY 1`,
    [superuser.user, operator.user],
  );
  const lines = roles.rows.map(({ rolname, rolcanlogin }) => `role ${rolname} ${rolcanlogin ? "login" : "nologin"}`);
  for (const { datname, datconnlimit, setconfig } of databases.rows) {
    const extensions = await inside(datname, "SELECT extname FROM pg_extension ORDER BY 1");
    const names = extensions.rows.map(({ extname }) => extname).join();
    lines.push(`database ${datname} limit ${datconnlimit} settings ${setconfig} extensions ${names}`);
  }
  return lines;
}

/** The protocol's Query and Parse messages; what is said before a session is there takes no effect. */
const isStatement = (data: Buffer): boolean => ["Q", "P"].includes(data.toString("latin1", 0, 1));

function subjectFor(t: Test, account: Account): Subject {
  return {
    open: () => open(account),
    async losing(nth) {
      const { port, lost } = await losingWire(t, server.port, nth, isStatement);
      return { adapter: await open(account, { port }), lost };
    },
    async hanging() {
      const { port, reached } = await silentWire(t);
      return { adapter: await open(account, { port }), reached };
    },
    broken: async () =>
      new Map([
        ["the password is wrong", await open({ ...account, password: "not the password" })],
        ["nobody has this name", await open({ ...account, user: "nobody" })],
        ["nothing listens there", await open(account, { port: await closedPort() })],
        ["nothing listens at that name", await open(account, { host: "localhost", port: await closedPort() })],
        ["the database to administer from is not there", await open(account, { database: "nowhere" })],
      ]),
    inventory,
    works,
    backend,
    largerBackend,
    parameters: { extensions: ["citext"] },
    changedParameters: { extensions: ["citext", "pg_trgm"] },
    bindingParameters: {},
    refused: { parameters: { extensions: ['x"; DROP ROLE operator; --'] }, text: "DROP ROLE operator" },
    secrets: [account.password],
  };
}

// ---- journeys -----------------------------------------------------------------------------------------------------

/** An instance for the length of a test. */
interface Shop {
  readonly adapter: Adapter;
  readonly stage: Stage;
  readonly thing: Thing;
  readonly database: string;
  bind(parameters?: JsonObject): Promise<{ readonly access: Access; readonly binding: BindingThing }>;
  unbind(binding: BindingThing): Promise<void>;
}

async function shop(t: Test, account: Account, parameters: JsonObject = {}, more: Partial<Thing> = {}): Promise<Shop> {
  const adapter = await open(account);
  const stage = openStage(subjectFor(t, account));
  const thing: Thing = { ...stage.instance(parameters), ...more };
  t.teardown(() => stage.run(adapter, "deprovision", thing));
  await stage.run(adapter, "provision", thing);
  return {
    adapter,
    stage,
    thing,
    database: `lotse_${thing.id}`,
    async bind(bindingParameters = {}) {
      const binding = stage.binding(thing, bindingParameters);
      const { access } = await stage.run(adapter, "bind", binding);
      if (access === undefined) throw new Error("There is no access.");
      return { access, binding };
    },
    async unbind(binding) {
      await stage.run(adapter, "unbind", binding);
    },
  };
}

const denied = { code: "42501" };

// With the rights that an operator should give, and no more.
t.test("every promise is kept", (t) => keepsEveryPromise(t, subjectFor(t, operator)));

for (const account of [superuser, operator]) {
  const who = account === superuser ? "a superuser" : "a role with CREATEDB and CREATEROLE only";
  t.test(`administered by ${who}`, async (t) => {
    await t.test("a plan's limits and settings are in force, and its customers cannot lift the limit", async (t) => {
      const { thing, database, bind } = await shop(t, account, {}, { backend: { ...backend, connectionLimit: 2 } });
      const { access } = await bind();
      const seen = await server.query(
        "SELECT datconnlimit, pg_encoding_to_char(encoding) AS encoding, datcollate, datctype FROM pg_database WHERE datname = $1",
        [database],
      );
      t.match(seen.rows, [{ datconnlimit: 2, encoding: "UTF8", datcollate: "C", datctype: "C" }]);
      const owner = await server.query("SELECT rolcanlogin, rolsuper FROM pg_roles WHERE rolname = $1", [
        `lotse_o_${thing.id}`,
      ]);
      t.same(owner.rows, [{ rolcanlogin: false, rolsuper: false }], "nobody logs in as the owner of the objects");
      t.equal((await say(access, "SHOW statement_timeout")).rows[0].statement_timeout, "45s");
      await as(access, async () => {
        await as(access, async () => {
          await t.rejects(say(access, "SELECT 1"), { code: "53300" }, "a third session is one too many");
        });
      });
      for (const lift of ["CONNECTION LIMIT -1", "SET statement_timeout TO 0", "RENAME TO mine"])
        await t.rejects(say(access, `ALTER DATABASE ${database} ${lift}`), denied, lift);
      await say(access, `GRANT CONNECT ON DATABASE ${database} TO PUBLIC`).catch(() => undefined);
      const open = await server.query("SELECT has_database_privilege('public', $1, 'CONNECT') AS open", [database]);
      t.equal(open.rows[0].open, false, "nobody else can be let in");
      await t.rejects(say(access, "CREATE ROLE mine"), denied);
      await t.rejects(say(access, "CREATE DATABASE mine"), denied);
    });

    await t.test("encoding and locale are as the plan says", async (t) => {
      const { database } = await shop(t, account, {}, { backend: { encoding: "LATIN9", locale: "C" } });
      const seen = await server.query("SELECT pg_encoding_to_char(encoding) AS e FROM pg_database WHERE datname = $1", [
        database,
      ]);
      t.equal(seen.rows[0].e, "LATIN9");
    });

    await t.test("an allowed extension works; any other is refused, and so is one that is not installed", async (t) => {
      const { adapter, stage, bind } = await shop(t, account, { extensions: ["citext"] });
      const { access } = await bind();
      t.equal((await say(access, "SELECT 'Same'::citext = 'sAME' AS same")).rows[0].same, true);
      const refused = async (extension: string) => {
        const thing = stage.instance({ extensions: [extension] });
        const order = stage.order("provision", thing);
        const outcome = await stage.carry(adapter, order, thing);
        if (outcome.state !== "failed" || !outcome.clean)
          await stage.done(adapter, stage.order("deprovision", thing, { interrupted: { token: order.token } }), thing);
        return outcome;
      };
      t.match(await refused("dblink"), { state: "failed", clean: true, reason: /Allowed: citext, hstore/ });
      t.match(await refused("not_installed"), { state: "failed", reason: /extension/ });
    });

    await t.test("customers see their own database and no other", async (t) => {
      const [ours, theirs] = [await shop(t, account), await shop(t, account)];
      const { access } = await ours.bind();
      for (const database of [theirs.database, "postgres", "template1"])
        await t.rejects(
          as(access, (client) => client.query("SELECT 1"), { database }),
          denied,
          database,
        );
    });

    await t.test("of a password the server keeps and logs the SCRAM verifier only", async (t) => {
      const { thing, bind } = await shop(t, account);
      const { access } = await bind();
      await say(access, "SELECT 'this is logged'");
      const { username, password } = credentialsOf(access);
      const kept = await server.query("SELECT rolname, rolpassword FROM pg_authid WHERE rolname LIKE $1", [
        `%${thing.id}%`,
      ]);
      const passwords = kept.rows.filter(({ rolpassword }) => rolpassword !== null);
      t.match(passwords, [{ rolname: username, rolpassword: /^SCRAM-SHA-256\$4096:/ }]);
      const { rows } = await server.query("SHOW data_directory");
      const log = readFileSync(join(dirname(rows[0].data_directory), "server.log"), "utf8");
      t.match(log, /this is logged/, "the log holds every statement");
      t.match(log, new RegExp(`ALTER ROLE "${username}" LOGIN PASSWORD`));
      t.notOk(log.includes(password ?? ""), "and no password");
    });

    await t.test("what one access makes, another can use and change", async (t) => {
      const { bind } = await shop(t, account);
      const [first, second] = [await bind(), await bind()];
      await say(first.access, "CREATE SCHEMA app; CREATE TABLE app.notes (id serial PRIMARY KEY, body text)");
      await say(second.access, "INSERT INTO app.notes (body) VALUES ('x'); ALTER TABLE app.notes ADD COLUMN more int");
      await say(first.access, "UPDATE app.notes SET more = 1; DROP TABLE app.notes; DROP SCHEMA app");
    });

    await t.test("read-only access reads what others make later, and writes nothing", async (t) => {
      const { bind } = await shop(t, account);
      const reader = (await bind({ access: "read-only" })).access;
      const writer = (await bind({ access: "read-write" })).access;
      await say(
        writer,
        `CREATE TABLE notes (id serial, body text); INSERT INTO notes (body) VALUES ('hello');
         CREATE SCHEMA later; CREATE TABLE later.notes AS SELECT * FROM notes`,
      );
      t.equal((await say(reader, "SELECT body FROM notes")).rows[0].body, "hello");
      t.equal((await say(reader, "SELECT body FROM later.notes")).rows[0].body, "hello");
      await t.rejects(say(reader, "INSERT INTO notes (body) VALUES ('no')"), { code: "25006" });
      for (const write of [
        "INSERT INTO notes (body) VALUES ('no')",
        "UPDATE notes SET body = 'no'",
        "DELETE FROM later.notes",
        "TRUNCATE notes",
        "DROP TABLE notes",
        "SELECT nextval('notes_id_seq')",
        "CREATE TABLE mine (id int)",
        "CREATE TEMPORARY TABLE mine (id int)",
        "CREATE SCHEMA mine",
      ])
        await t.rejects(
          as(reader, async (client) => {
            await client.query("SET default_transaction_read_only TO off");
            await client.query(write);
          }),
          denied,
          write,
        );
    });

    await t.test("a pool that resets its sessions keeps working on the same objects", async (t) => {
      const { bind, unbind } = await shop(t, account);
      const [first, second] = [await bind(), await bind()];
      const reader = (await bind({ access: "read-only" })).access;
      await as(first.access, async (client) => {
        await client.query("CREATE TABLE before (id int)");
        // Npgsql and PgBouncer say this between two users of a session.
        await client.query("DISCARD ALL");
        await client.query("INSERT INTO before VALUES (1)");
        await client.query("CREATE TABLE after (id serial)");
        await client.query("CREATE SCHEMA apart");
        await client.query("CREATE TABLE apart.after (id int)");
      });
      await say(second.access, "INSERT INTO after DEFAULT VALUES; INSERT INTO apart.after VALUES (1)");
      t.equal((await say(reader, "SELECT count(*)::int AS n FROM apart.after")).rows[0].n, 1);
      await unbind(first.binding);
      await say(second.access, "INSERT INTO after DEFAULT VALUES; ALTER TABLE after ADD COLUMN more int");
      t.equal((await say(reader, "SELECT count(*)::int AS n FROM after")).rows[0].n, 2);
    });

    await t.test("unbinding ends sessions, keeps the data and closes the door", async (t) => {
      const { bind, unbind } = await shop(t, account);
      const [leaving, staying] = [await bind(), await bind()];
      await say(leaving.access, "CREATE TABLE kept (id int); INSERT INTO kept VALUES (1)");
      const client = clientFor(leaving.access);
      await client.connect();
      await client.query("SET ROLE NONE");
      await client.query("CREATE TABLE own (id int); CREATE SCHEMA own; SELECT lo_create(0)");
      await client.query("BEGIN");
      await client.query("CREATE TABLE half (id int); CREATE TEMPORARY TABLE scratch (id int)");
      const ended = new Promise((resolve) => client.once("end", resolve));
      await unbind(leaving.binding);
      await ended;
      t.notOk(await works(leaving.access), "the old password is refused");
      t.equal((await say(staying.access, "SELECT count(*)::int AS n FROM kept")).rows[0].n, 1);
      await say(staying.access, "DROP TABLE kept; ALTER TABLE own ADD COLUMN more int; DROP SCHEMA own");
      const roles = await server.query("SELECT 1 FROM pg_roles WHERE rolname = $1", [
        credentialsOf(leaving.access).username,
      ]);
      t.equal(roles.rowCount, 0, "the role is gone");
    });

    await t.test("a rotation: both passwords are valid until the old access is taken back", async (t) => {
      const { adapter, stage, thing, bind, unbind } = await shop(t, account);
      const old = await bind();
      const next = stage.binding(thing);
      const order = stage.order("bind", next);
      const rotation = { ...order, binding: { ...order.binding, predecessorId: old.binding.id } };
      const { access } = await stage.done(adapter, rotation, next);
      if (access === undefined) throw new Error("There is no access.");
      await say(old.access, "CREATE TABLE shared (id int)");
      await say(access, "INSERT INTO shared VALUES (1)");
      t.not(credentialsOf(access).password, credentialsOf(old.access).password);
      await unbind(old.binding);
      t.notOk(await works(old.access));
      t.equal((await say(access, "SELECT count(*)::int AS n FROM shared")).rows[0].n, 1);
    });

    await t.test("a change of plan: limit, settings and extensions follow, data and access stay", async (t) => {
      const { adapter, stage, thing, database, bind } = await shop(t, account, { extensions: ["citext"] });
      const { access } = await bind();
      await say(access, "CREATE TABLE kept (word citext)");
      const after = { ...thing, backend: largerBackend, parameters: { extensions: ["hstore"] } };
      await stage.run(adapter, "update", after);
      t.match(
        (await inventory()).find((line) => line.startsWith(`database ${database}`)),
        /limit 9 settings statement_timeout=2min,work_mem=8MB extensions citext,hstore,plpgsql/,
      );
      t.equal((await say(access, "SHOW work_mem")).rows[0].work_mem, "8MB");
      t.equal(
        (await say(access, "SHOW idle_in_transaction_session_timeout")).rows[0].idle_in_transaction_session_timeout,
        "0",
      );
      await say(access, "SELECT word FROM kept");
      const refused = { ...after, backend, parameters: { extensions: ["citext", "not_installed"] } };
      t.match(await stage.carry(adapter, stage.order("update", refused), refused), { state: "failed", clean: true });
      t.match(
        (await inventory()).find((line) => line.startsWith(`database ${database}`)),
        /limit 9 settings statement_timeout=2min,work_mem=8MB extensions citext,hstore,plpgsql/,
        "a change that was refused has changed nothing",
      );
    });

    await t.test("a database that vanished is not made anew, empty, by a change of plan or a binding", async (t) => {
      const { adapter, stage, thing, database, bind } = await shop(t, account);
      await bind();
      await server.query(`DROP DATABASE ${database} WITH (FORCE)`);
      const changed = { ...thing, backend: largerBackend };
      const outcome = await stage.carry(adapter, stage.order("update", changed), changed);
      t.match(outcome, { state: "failed", usable: false, reason: /does not exist/ });
      const binding = stage.binding(thing);
      t.match(await stage.carry(adapter, stage.order("bind", binding), binding), { state: "failed", clean: true });
      t.notOk((await inventory()).some((line) => line.includes(`database ${database}`)));
    });

    await t.test(
      "a customer who uses all its connections can still be unbound and moved to a larger plan",
      async (t) => {
        const small = { ...backend, connectionLimit: 1 };
        const { adapter, stage, thing, bind, unbind } = await shop(t, account, {}, { backend: small });
        const [first, second] = [await bind(), await bind()];
        await as(first.access, async () => {
          await unbind(second.binding);
          const after = { ...thing, backend: largerBackend };
          await stage.run(adapter, "update", after);
          await say(first.access, "SELECT 1");
        });
      },
    );

    await t.test("a customer who dropped the schema public is told so when an extension needs it", async (t) => {
      const { adapter, stage, thing, bind } = await shop(t, account);
      const { access } = await bind();
      await say(access, "DROP SCHEMA public; CREATE SCHEMA app");
      await stage.run(adapter, "update", { ...thing, backend: largerBackend });
      const wanting = { ...thing, parameters: { extensions: ["citext"] } };
      const update = () => stage.carry(adapter, stage.order("update", wanting), wanting);
      t.match(await update(), { state: "failed", clean: true, reason: /schema public/ });
      await say(access, "CREATE SCHEMA public");
      t.match(await update(), { state: "done" });
      t.ok(await works((await bind()).access));
    });

    await t.test("removing an instance that is in use leaves nothing of it", async (t) => {
      const { adapter, stage, thing, bind } = await shop(t, account);
      const [first, second] = [await bind(), await bind({ access: "read-only" })];
      const sessions = [clientFor(first.access), clientFor(second.access)];
      for (const session of sessions) await session.connect();
      await sessions[0]?.query("CREATE TABLE busy (id int); BEGIN; LOCK TABLE busy");
      const ended = Promise.all(sessions.map((session) => new Promise((resolve) => session.once("end", resolve))));
      await stage.run(adapter, "deprovision", thing);
      await ended;
      t.notOk((await inventory()).some((line) => line.includes(thing.id)));
      const leftovers = await server.query("SELECT count(*)::int AS n FROM pg_db_role_setting WHERE setrole <> 0");
      t.equal(leftovers.rows[0].n, 0, "nor settings of its roles");
    });

    await t.test("fetch tells how large a database is", async (t) => {
      const { adapter, stage, thing, bind } = await shop(t, account);
      const { access } = await bind();
      const size = async () => {
        const order = stage.order("provision", thing);
        const seen = await adapter.fetch?.(order, stage.tools(order.token));
        return Number(seen?.metadata?.attributes?.sizeBytes);
      };
      const before = await size();
      t.ok(before > 1_000_000);
      await say(access, "CREATE TABLE big AS SELECT repeat('x', 1000) FROM generate_series(1, 2000)");
      t.ok((await size()) > before + 1_000_000);
      const order = stage.order("provision", thing);
      const period = { from: new Date(0), to: new Date() };
      const [used] = (await adapter.usage?.(order, period, stage.tools(order.token))) ?? [];
      t.match(used, { meter: "stored", unit: "GB", quantity: /^0\.\d{9}$/ });
      t.equal(Number(used?.quantity), (await size()) / 1e9, "and its usage is that size");
    });

    await t.test("no text an order brings becomes part of a statement", async (t) => {
      const hostile = `$$'"\\'; DROP ROLE ${operator.user}; DROP DATABASE postgres; -- \u0000 é \n`;
      const adapter = await open(account);
      const stage = openStage(subjectFor(t, account));
      const before = await inventory();
      const parameters = { extensions: [] as string[], access: hostile, [hostile]: hostile };
      const thing = stage.instance(parameters);
      const order = stage.order("provision", thing);
      const instance = {
        ...order.instance,
        platformInstanceId: hostile,
        organization: hostile,
        space: hostile,
        context: { [hostile]: hostile },
      };
      await stage.done(adapter, { ...order, instance, requester: hostile }, thing);
      const note = await server.query(
        "SELECT shobj_description(oid, 'pg_database') AS note FROM pg_database WHERE datname = $1",
        [`lotse_${thing.id}`],
      );
      t.equal(JSON.parse(note.rows[0].note).instance, hostile, "the operator finds the platform's id in the note");
      const binding = stage.binding(thing, { access: hostile });
      const bind = stage.order("bind", binding);
      const { access } = await stage.done(
        adapter,
        {
          ...bind,
          instance: { ...bind.instance, platformInstanceId: hostile },
          binding: { ...bind.binding, platformBindingId: hostile, appGuid: hostile, bindResource: { a: hostile } },
        },
        binding,
      );
      t.ok(access !== undefined && (await works(access)));
      await stage.run(adapter, "deprovision", thing);
      // Ids that are not as Lotse makes them, and a plan that passed no schema: still names and texts, never statements.
      const odd = { ...stage.instance({ extensions: [hostile] }), id: `x"; DROP ROLE ${operator.user}; --` };
      const plan = { allowedExtensions: [hostile.replace("\u0000", "")], settings: { [`a"; ${hostile}`]: hostile } };
      const oddThing = { ...odd, backend: plan };
      await stage.carry(adapter, stage.order("provision", oddThing), oddThing).catch(() => undefined);
      await stage.run(adapter, "deprovision", oddThing);
      t.same(await inventory(), before);
      t.equal((await server.query("SELECT 1 FROM pg_roles WHERE rolname = $1", [operator.user])).rowCount, 1);
    });
  });
}

t.test("what a binding returns works as it is, with any password", async (t) => {
  const { adapter, stage, thing, database } = await shop(t, operator);
  const password = "p@ss:w/o?r#d&%41=+ '\"\\$`{}[]|<>^~;,";
  const binding = stage.binding(thing);
  const order = stage.order("bind", binding);
  const outcome = await adapter.bind?.(order, { ...stage.tools(order.token), secret: () => password });
  const access = outcome?.state === "done" ? outcome.made?.access : undefined;
  if (access === undefined) throw new Error("There is no access.");
  const { credentials } = access;
  const username = `l_${thing.id}_${binding.id}`;
  const { host, port } = server;
  t.match(credentials, { host, port, database, username, password, sslmode: "disable", ca: undefined });
  t.same(access.endpoints, [{ host, ports: [String(port)], protocol: "tcp" }]);
  const client = new pg.Client({ connectionString: String(credentials?.uri) });
  await client.connect();
  t.match((await client.query("SELECT current_database() AS database, session_user AS name")).rows, [
    { database, name: username },
  ]);
  await client.end();
  const jdbc = new URL(String(credentials?.jdbcUrl).replace("jdbc:", ""));
  t.equal(jdbc.host + jdbc.pathname, `${host}:${port}/${database}`);
  t.same(Object.fromEntries(jdbc.searchParams), { user: username, password, sslmode: "disable" });
});

t.test("customers are given the public address, also an IPv6 one", async (t) => {
  const { stage, thing } = await shop(t, operator);
  const adapter = await open(operator, { publicHost: "::1", publicPort: 6432 });
  const { access } = await stage.run(adapter, "bind", stage.binding(thing));
  t.match(access, { credentials: { host: "::1", port: 6432 }, endpoints: [{ host: "::1", ports: ["6432"] }] });
  t.match(access?.credentials?.uri, /@\[::1\]:6432\/lotse_/);
  t.match(access?.credentials?.jdbcUrl, /^jdbc:postgresql:\/\/\[::1\]:6432\/lotse_/);
});

t.test("plain text stays on this machine", async (t) => {
  await t.rejects(open(operator, { host: "db.example" }), /tls "off".*loopback.*db\.example/);
  await t.rejects(open(operator, { publicHost: "db.example" }), /tls "off".*loopback.*db\.example/);
});

t.test("with TLS, only the server that the authority vouches for is spoken to", async (t) => {
  const authority = createAuthority("The operator's authority");
  const stranger = createAuthority("Somebody else's authority");
  const data = (await server.query("SHOW data_directory")).rows[0].data_directory;
  /** The server shows this certificate to whoever connects from now on. */
  const show = async (certificate: { readonly key: string; readonly cert: string }, ssl: "on" | "off" = "on") => {
    const { uid, gid } = statSync(data);
    for (const [name, content] of Object.entries(certificate)) {
      const path = join(data, `server.${name === "cert" ? "crt" : "key"}`);
      writeFileSync(path, content);
      chownSync(path, uid, gid);
      chmodSync(path, 0o600);
    }
    await server.query(`ALTER SYSTEM SET ssl = ${ssl}`);
    await server.query("SELECT pg_reload_conf()");
    // Takes effect a moment after the call; new sessions are asked until it has.
    for (const until = Date.now() + 10_000; Date.now() < until; ) {
      const seen = (await inside("postgres", "SHOW ssl")).rows[0].ssl;
      if (seen === ssl) return;
    }
    throw new Error("The server did not change over.");
  };
  t.teardown(() => server.query("ALTER SYSTEM RESET ssl").then(() => server.query("SELECT pg_reload_conf()")));
  const { stage, thing, database } = await shop(t, operator);
  const refused = async (adapter: Adapter, because: RegExp) => {
    const call = stage.carry(adapter, stage.order("provision", thing), thing);
    await t.rejects(call, { cause: { message: because } });
    t.match(await adapter.check?.(new AbortController().signal), because, "check() says the same");
  };

  await show(authority.certify("localhost", "127.0.0.1"));
  const file = join(t.testdir({ "ca.pem": authority.ca }), "ca.pem");
  for (const [host, ca] of [
    ["localhost", authority.ca],
    ["127.0.0.1", file],
  ] as const) {
    const adapter = await open(operator, { host, tls: { ca } });
    t.equal(await adapter.check?.(new AbortController().signal), undefined);
    const { access } = await stage.run(adapter, "bind", stage.binding(thing));
    const { sslmode, ca: given, uri, jdbcUrl, ...rest } = access?.credentials ?? {};
    t.match({ sslmode, given, host: rest.host }, { sslmode: "verify-full", given: authority.ca, host });
    t.match([uri, jdbcUrl], [/\?sslmode=verify-full$/, /[?&]sslmode=verify-full$/]);
    const client = new pg.Client({
      host,
      port: server.port,
      database,
      user: String(rest.username),
      password: String(rest.password),
      ssl: { ca: String(given) },
    });
    await client.connect();
    const seen = await server.query(
      "SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE datname = $1",
      [database],
    );
    t.same(seen.rows, [{ ssl: true }]);
    await client.end();
  }
  await refused(await open(operator, { host: "localhost", tls: { ca: stranger.ca } }), /certificate/);
  await refused(await open(operator, { host: "localhost", tls: {} }), /certificate/);
  await t.rejects(open(operator, { host: "localhost", tls: { ca: "/no/such/file.pem" } }), /tls\.ca/);

  await show(authority.certify("db.example"));
  await refused(await open(operator, { host: "localhost", tls: { ca: authority.ca } }), /localhost.*altnames/);
  await refused(await open(operator, { host: "127.0.0.1", tls: { ca: authority.ca } }), /127\.0\.0\.1/);
  for (const host of ["localhost", "127.0.0.1"]) {
    const renamed = await open(operator, { host, tls: { ca: authority.ca, servername: "db.example" } });
    t.equal(await renamed.check?.(new AbortController().signal), undefined, "unless the name it should have is given");
  }

  await show(authority.certify("localhost"), "off");
  await refused(await open(operator, { host: "localhost", tls: { ca: authority.ca } }), /does not support SSL/);
});

t.test("a call that waits for its turn, or for another call, ends when it is told to", async (t) => {
  const { stage, thing } = await shop(t, operator);
  const { port, reached } = await silentWire(t);
  const narrow = await open(operator, { port, maxConnections: 1 });
  const controller = new AbortController();
  const call = (signal?: AbortSignal) => stage.carry(narrow, stage.order("provision", thing), thing, signal);
  const holding = call(controller.signal);
  await reached;
  const waiting = new AbortController();
  const second = call(waiting.signal);
  waiting.abort(new Error("told to end"));
  await t.rejects(second, { message: "told to end" });
  controller.abort(new Error("told to end"));
  await t.rejects(holding);

  const adapter = await open(operator);
  const locker = new pg.Client({ host: server.host, port: server.port, ...superuser, database: "postgres" });
  await locker.connect();
  await locker.query("SELECT pg_advisory_lock(hashtextextended($1, 0))", [`lotse ${thing.id}`]);
  const told = new AbortController();
  const blocked = stage.carry(adapter, stage.order("provision", thing), thing, told.signal);
  blocked.catch(() => undefined);
  for (;;) {
    const waits = await server.query("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted");
    if (waits.rowCount === 1) break;
  }
  told.abort(new Error("told to end"));
  await t.rejects(blocked);
  const ended = once(locker, "end");
  await locker.end();
  await ended;
  await stage.run(adapter, "provision", thing);
});

t.test("what a cut call is still at inside a database is waited for", async (t) => {
  const connectionString = await server.emptyDatabase("cut");
  const sessions = await Promise.all(
    [1, 2].map(async () => {
      const client = new pg.Client({ connectionString });
      await client.connect();
      client.on("error", () => undefined);
      t.teardown(() => client.end());
      return { query: (text: string) => client.query(text), name: pg.escapeIdentifier, text: pg.escapeLiteral };
    }),
  );
  const [cut, next] = sessions as [Session, Session];
  await cut.query("BEGIN");
  await addExtensions(cut, ["hstore"]);
  const added = addExtensions(next, ["hstore"]);
  added.catch(() => undefined);
  await wait(100);
  await cut.query("COMMIT");
  await t.resolves(added);
  await server.query("DROP DATABASE cut WITH (FORCE)");
});

t.test("many orders at once do not get in each other's way", async (t) => {
  const adapter = await open(operator, { maxConnections: 6 });
  const stage = openStage(subjectFor(t, operator));
  const before = await inventory();
  const things = Array.from({ length: 8 }, () => stage.instance({ extensions: ["citext"] }));
  await Promise.all(
    things.map(async (thing) => {
      await stage.run(adapter, "provision", thing);
      const bindings = [stage.binding(thing), stage.binding(thing, { access: "read-only" })];
      const made = await Promise.all(bindings.map((binding) => stage.run(adapter, "bind", binding)));
      for (const { access } of made) t.ok(access !== undefined && (await works(access)));
      await Promise.all(bindings.map((binding) => stage.run(adapter, "unbind", binding)));
      await stage.run(adapter, "deprovision", thing);
    }),
  );
  t.same(await inventory(), before);
});

t.test("check() tells if a role has too few rights, or customers could connect to other databases", async (t) => {
  const weak: Account = { user: "weak", password: "weak" };
  await server.query("CREATE ROLE weak LOGIN CREATEDB PASSWORD 'weak'; GRANT CONNECT ON DATABASE postgres TO weak");
  const check = async (account: Account) => (await open(account)).check?.(new AbortController().signal);
  t.match(await check(weak), /"weak" needs CREATEDB, CREATEROLE/);
  await server.query("DROP OWNED BY weak; DROP ROLE weak");
  await server.query("CREATE DATABASE payroll");
  t.match(await check(operator), /could connect to "payroll".*REVOKE CONNECT/);
  await server.query("DROP DATABASE payroll");
  t.equal(await check(operator), undefined);
});

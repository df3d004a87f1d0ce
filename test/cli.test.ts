/** What an operator types, and what is answered: the real command, in processes of its own. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import Database from "better-sqlite3";
import t, { type Test } from "tap";
import { readKeys } from "../src/keys.ts";
import { written } from "../src/log-output.ts";
import { type AuditReport, verifyAudit } from "../src/store/audit.ts";
import { openStore } from "../src/store/open.ts";
import { openSeal } from "../src/store/seal.ts";
import { checkout, ended, lotse, reachableDirectory, serve } from "./support/command.ts";
import { until } from "./support/crashes.ts";

interface FirstRun {
  readonly username: string;
  readonly password: string;
  readonly adminToken: string;
}

/** The status that the catalog is answered with. */
async function knock(url: string, username: string, password: string): Promise<number> {
  const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
  const answer = await fetch(`${url}/v2/catalog`, { headers: { authorization, "X-Broker-API-Version": "2.17" } });
  await answer.arrayBuffer();
  return answer.status;
}

const passwordIn = (text: string): string => /^password: (\S+)$/m.exec(text)?.[1] ?? "";

t.test("--help names every command, and what is no command is told so", async (t) => {
  const { code, stdout } = await lotse(["--help"], {});
  t.equal(code, 0);
  for (const command of [
    "serve",
    "catalog check",
    "platform add",
    "platform list",
    "platform rotate",
    "token add",
    "provider register",
    "audit verify",
    "conformance",
  ])
    t.match(stdout, `lotse ${command}`);
  const env = { LOTSE_DATA_DIR: join(reachableDirectory(t), "data") };
  const nonsense = [["serv"], ["platform", "add"]];
  for (const args of nonsense) t.equal((await lotse(args, env)).code, 2, args.join(" "));
  const { stderr } = await lotse(["provider", "suspend", "land"], env);
  t.match(stderr, /lotse provider suspend NAME REASON/, "with its own line of the help");
  t.notMatch(stderr, /lotse audit/);
  const remote = { ...env, LOTSE_URL: "http://127.0.0.1:9", LOTSE_TOKEN: "x" };
  const missing = await lotse(["provider", "register", "land", "nowhere.yaml"], remote);
  t.match(missing, { code: 1, stderr: "lotse: nowhere.yaml cannot be read: there is no such file.\n" });
});

t.test("commands that ask a broker say that it must run, and how they find it", async (t) => {
  const directory = reachableDirectory(t);
  const commands = [["provider", "check", "land"], ["orphans"], ["tasks"], ["operations"]];
  for (const args of commands) {
    const { code, stderr } = await lotse(args, { LOTSE_DATA_DIR: directory });
    t.equal(code, 1, args.join(" "));
    t.match(
      stderr,
      /^lotse: this command asks a running broker\. Set LOTSE_URL .* and LOTSE_TOKEN .* or LOTSE_DATA_DIR/,
    );
    t.match(stderr, `${join(directory, "first-run.json")} does not.`);
  }
  const gone = createServer().listen(0, "127.0.0.1");
  await once(gone, "listening");
  const url = `http://127.0.0.1:${(gone.address() as AddressInfo).port}`;
  gone.close();
  writeFileSync(join(directory, "first-run.json"), JSON.stringify({ url, adminToken: "x" }));
  const { code, stderr } = await lotse(["provider", "check", "land"], { LOTSE_DATA_DIR: directory });
  t.same(
    { code, stderr },
    { code: 1, stderr: `lotse: the broker at ${url} cannot be asked: nothing answers there. Does it run?\n` },
  );
});

t.test("asked at an address that is not Lotse's, a command says which one and what LOTSE_URL is to be", async (t) => {
  const web = createServer((request, response) => {
    response.statusCode = 404;
    response.end(request.url?.startsWith("/page") ? "<html>no such page</html>" : "{}");
  }).listen(0, "127.0.0.1");
  t.teardown(() => void web.close());
  await once(web, "listening");
  const base = `http://127.0.0.1:${(web.address() as AddressInfo).port}`;
  for (const path of ["/api", "/page"]) {
    const { code, stderr } = await lotse(["provider", "list"], { LOTSE_URL: base + path, LOTSE_TOKEN: "x" });
    t.equal(code, 1);
    t.match(stderr, `lotse: ${base}${path}/api/v1/providers?limit=200 answered 404, and not as Lotse's`);
    t.match(stderr, "LOTSE_URL is to be the broker's own address and no more, such as http://127.0.0.1:8080.");
  }
});

t.test("a provider's file with secrets in it is refused as lotse.yaml would be, before anything is sent", async (t) => {
  const cwd = reachableDirectory(t);
  const write = (password: string) =>
    writeFileSync(
      join(cwd, "land.yaml"),
      `adapter: osb\nsettings:\n  url: https://land.example\n  username: lotse\n  password: ${password}\n  token: { env: NONE }\n`,
    );
  const env = { LOTSE_URL: "http://127.0.0.1:9", LOTSE_TOKEN: "x" };
  write("hunter2");
  for (const action of ["register", "edit"]) {
    const { code, stderr } = await lotse(["provider", action, "land", "land.yaml"], env, cwd);
    t.equal(code, 1);
    t.same(stderr.trimEnd().split("\n"), [
      "lotse: land.yaml:5: settings.password: is a secret and must not stand here: write { env: NAME } or { file: path } instead",
      "land.yaml:6: settings.token: the environment variable NONE is not set",
    ]);
  }
  write("{ env: LAND }");
  const { stderr } = await lotse(
    ["provider", "register", "land", "land.yaml"],
    { ...env, LAND: "hunter2", NONE: "x" },
    cwd,
  );
  t.match(stderr, /cannot be asked/, "with references the broker is asked");
});

t.test("nothing is taken from the command line that is not asked for, least of all a secret", async (t) => {
  const env = { LOTSE_DATA_DIR: join(reachableDirectory(t), "data") };
  const tries = [
    ["platform", "add", "cf", "--password", "hunter2"],
    ["platform", "add", "--password=hunter2"],
    ["serve", "--port", "9000"],
  ];
  for (const args of tries) {
    const { code, stdout, stderr } = await lotse(args, env);
    t.equal(code, 2, args.join(" "));
    t.notMatch(stdout + stderr, /hunter2/, "and is not repeated");
  }
  t.notOk(existsSync(env.LOTSE_DATA_DIR), "nothing was done");
});

t.test("with the wrong Node and none brought along, one sentence says what to do", async (t) => {
  const directory = reachableDirectory(t);
  mkdirSync(join(directory, "src"));
  writeFileSync(join(directory, "package.json"), '{ "type": "module" }');
  for (const name of ["lotse.js", "runtime.js"]) cpSync(join(checkout, "src", name), join(directory, "src", name));
  const old = join(directory, "old.mjs");
  const pretend = 'for (const [k, value] of [["versions", { node: "20.1.0" }], ["version", "v20.1.0"]])';
  writeFileSync(old, `${pretend} Object.defineProperty(process, k, { value });\n`);
  const withOld = (...args: string[]) =>
    ended(spawn(process.execPath, ["--import", old, ...args], { stdio: ["ignore", "pipe", "pipe"] }));
  for (const args of [["src/lotse.js", "--help"], ["src/runtime.js"]]) {
    const { code, stderr } = await withOld(...args.map((arg) => arg.replace("src/", `${directory}/src/`)));
    t.equal(code, 1);
    t.match(stderr, /^Lotse runs on Node 24 or newer, and this is v20\.1\.0\. .*"npm ci".*\n$/);
  }
  const brought = await withOld(join(checkout, "src/lotse.js"), "--help");
  t.equal(brought.code, 0, "the one npm brought along is found and used");
  t.match(brought.stdout, /lotse serve/);
});

t.test("a wrong configuration keeps the broker from starting, and every mistake is told at once", async (t) => {
  const cwd = reachableDirectory(t);
  writeFileSync(
    join(cwd, "lotse.yaml"),
    [
      "engine:",
      "  leaseSecond: 20",
      "http:",
      "  bodyLimitBytes: plenty",
      "keys:",
      "  - { id: k1, secret: { env: SEALING_KEY } }",
      "  - { id: k2, secret: hunter2 }",
    ].join("\n"),
  );
  const { code, stderr } = await lotse(["serve"], { LOTSE_DATA_DIR: join(cwd, "data"), LOTSE_PROT: "80" }, cwd);
  t.equal(code, 1);
  t.same(stderr.trimEnd().split("\n"), [
    'environment: LOTSE_PROT: means nothing to Lotse; did you mean "LOTSE_PORT"?',
    'lotse.yaml:2: engine.leaseSecond: is not known here; did you mean "leaseSeconds"?',
    "lotse.yaml:4: http.bodyLimitBytes: must be a whole number",
    "lotse.yaml:6: keys[0].secret: the environment variable SEALING_KEY is not set",
    "lotse.yaml:7: keys[1].secret: is a secret and must not stand here: write { env: NAME } or { file: path } instead",
  ]);
  t.notOk(existsSync(join(cwd, "data")), "nothing was made");
});

t.test("accounts that cannot be used are told all at once, each with its line, and nothing is served", async (t) => {
  const cwd = reachableDirectory(t);
  const yaml = [
    "providers:",
    "  open:",
    "    adapter: postgresql",
    "    settings: { host: db.example, user: lotse, password: { env: PG }, tls: off }",
    "  plain:",
    "    adapter: osb",
    "    settings: { url: http://broker.example }",
    "  half:",
    "    adapter: osb",
    "    settings: { url: https://broker.example, username: lotse }",
    "  unknown:",
    "    adapter: osb",
    "    settings: { url: https://broker.example, ca: gone.pem }",
    "    catalog:",
    "      organisation: it-nrod",
    "  files:",
    "    adapter: postgresql",
    "    settings: { host: db.example, user: lotse, password: { env: PG } }",
    "    catalog: {}",
  ];
  writeFileSync(join(cwd, "lotse.yaml"), yaml.join("\n"));
  const env = {
    LOTSE_DATA_DIR: join(cwd, "data"),
    LOTSE_CATALOG: join(checkout, "catalog"),
    LOTSE_PORT: "0",
    PG: "geheim",
  };
  const { code, stdout, stderr } = await lotse(["serve"], env, cwd);
  t.equal(code, 1);
  const lines = stderr
    .trimEnd()
    .split("\n")
    .filter((line) => line.startsWith("lotse.yaml"));
  t.match(lines, [
    /^lotse\.yaml:4: providers\.open\.settings: tls "off" is possible on the loopback address only/,
    /^lotse\.yaml:7: providers\.plain\.settings: url must begin with https:/,
    /^lotse\.yaml:10: providers\.half\.settings: username and password are needed together/,
    /^lotse\.yaml:13: providers\.unknown\.settings: ca must be a certificate .*gone\.pem does not/,
    /^lotse\.yaml:15: providers\.unknown\.catalog\.organisation: is no organisation .*; did you mean "it-nord"\?$/,
    /^lotse\.yaml:19: providers\.files\.catalog: is not for the adapter postgresql, which reads no catalogs/,
  ]);
  t.equal(lines.length, 6);
  t.notMatch(stdout + stderr, /geheim|"msg":"ready"/);
  const checked = await lotse(["catalog", "check"], env, cwd);
  t.match(checked, {
    code: 1,
    stderr: /^lotse\.yaml:15: providers\.unknown\.catalog\.organisation: is no organisation/m,
  });
});

t.test("catalog check tells everything that is wrong, each with file and line", async (t) => {
  const directory = join(reachableDirectory(t), "catalog");
  cpSync(join(checkout, "catalog"), directory, { recursive: true });
  const env = { LOTSE_CATALOG: directory };
  const good = await lotse(["catalog", "check"], env);
  t.equal(good.code, 0);
  t.match(good.stdout, /keeps all rules/);

  const file = join(directory, "postgresql.yaml");
  const lines = readFileSync(file, "utf8").split("\n");
  const change = (from: string, to: string): number => {
    const index = lines.findIndex((line) => line.includes(from));
    lines[index] = (lines[index] ?? "").replace(from, to);
    return index + 1;
  };
  const expected = [
    [change("serviceSubcategory: Relational Databases", "serviceSubcategory: Containers"), /focus: is no pair/],
    [change("provider: it-nord", "provider: nobody"), /provider: is no organisation/],
    [change("integrator: krz-mitte", "integrator: it-nord"), /integrator: must be the provider/],
    [change("statement_timeout: 60s", "statement_timeout: soon"), /backend\.settings\.statement_timeout: must match/],
    [
      change("$schema: http://json-schema.org/draft-04/schema#", "$schema: nonsense"),
      /schemas\.create\["\$schema"\]: names no known draft/,
    ],
  ] as const;
  writeFileSync(file, lines.join("\n"));
  const bad = await lotse(["catalog", "check"], env);
  t.equal(bad.code, 1);
  for (const [line, words] of expected) {
    const told = bad.stderr.split("\n").find((text) => words.test(text)) ?? "";
    t.ok(told.startsWith(`${file}:${line}: `), `${words}: ${told}`);
  }
  t.match(bad.stdout, /^\d+ rule\(s\) broken\.$/m);
});

t.test("catalog check names files as they can be opened, and serve refuses in the same words", async (t) => {
  const cwd = reachableDirectory(t);
  const directory = join(cwd, "offers");
  cpSync(join(checkout, "catalog"), directory, { recursive: true, filter: (path) => !path.endsWith(".schema.json") });
  mkdirSync(join(directory, "overlays"));
  const overlay = join(directory, "overlays/land.yaml");
  writeFileSync(overlay, "offerings:\n  - hide: true\n");
  const data = { LOTSE_DATA_DIR: join(cwd, "data"), LOTSE_PORT: "0" };
  const inside = { ...data, LOTSE_CATALOG: "offers" };
  const words = "2: offerings[0].offering: is missing\n";
  t.match(await lotse(["catalog", "check"], inside, cwd), { code: 1, stderr: `offers/overlays/land.yaml:${words}` });
  t.match(await lotse(["catalog", "check"], { ...data, LOTSE_CATALOG: directory }), {
    code: 1,
    stderr: `${overlay}:${words}`,
  });

  writeFileSync(
    join(cwd, "lotse.yaml"),
    "providers: { it-nrod: { adapter: manual, settings: { organisation: Nord } } }\n",
  );
  t.match(await lotse(["serve"], inside, cwd), { code: 1, stderr: `offers/overlays/land.yaml:${words}` });
  writeFileSync(overlay, "offerings: []\n");
  const warned = await lotse(["catalog", "check"], inside, cwd);
  t.equal(warned.code, 0);
  t.match(warned.stderr, /^offers\/postgresql\.yaml:\d+: warning: plans\[0\]\.account: .*; did you mean "it-nrod"\?$/m);
  t.match(warned.stdout, /^The catalog keeps all rules\. \d+ warning\(s\) above\.\n$/);

  const nowhere = await lotse(["catalog", "check"], { ...data, LOTSE_CATALOG: "nowhere" }, cwd);
  t.equal(nowhere.code, 1);
  t.match(
    nowhere.stderr,
    /^nowhere: cannot be read as the directory of the catalog \(ENOENT\): name yours by LOTSE_CATALOG/,
  );
});

t.test("platforms are added, rotated and disabled while the broker runs", async (t) => {
  const data = join(reachableDirectory(t), "data");
  const env = { LOTSE_DATA_DIR: data };
  const broker = await serve(t, env);
  const first = JSON.parse(readFileSync(join(data, "first-run.json"), "utf8")) as FirstRun;
  t.equal(await knock(broker.url, first.username, first.password), 200);
  for (const name of readdirSync(data).filter((entry) => entry !== "providers"))
    t.equal(statSync(join(data, name)).mode & 0o077, 0, `${name} is for its owner only`);
  t.notMatch(broker.output(), first.password, "the password is in the file and not in the output");

  const added = await lotse(["platform", "add", "cf-north"], env);
  t.equal(added.code, 0);
  const old = passwordIn(added.stdout);
  t.match(added.stdout, /^username: cf-north\npassword: \S{43}\n$/);
  t.equal(await knock(broker.url, "cf-north", old), 200, "valid at once");
  const taken = await lotse(["platform", "add", "cf-north"], env);
  t.equal(taken.code, 1);
  t.match(taken.stderr, /there is a platform "cf-north" already/);
  const username = await lotse(["platform", "add", first.username], env);
  t.equal(username.code, 1);
  t.equal(username.stderr, `lotse: there is a platform "${first.username}" already.\n`, "the user name is taken, too");
  t.equal((await lotse(["platform", "add", "CF North"], env)).code, 2);

  const rotated = await lotse(["platform", "rotate", "cf-north"], env);
  t.equal(rotated.code, 0);
  const fresh = passwordIn(rotated.stdout);
  t.not(fresh, old);
  t.equal(await knock(broker.url, "cf-north", fresh), 200, "during a rotation the new password is valid");
  t.equal(await knock(broker.url, "cf-north", old), 200, "and the old one still is");
  t.equal(await knock(broker.url, "cf-north", `${fresh}x`), 401);

  t.equal((await lotse(["platform", "disable", "cf-north"], env)).code, 0);
  // The broker looks at the accounts anew every few seconds, for each header it remembers at its own time.
  for (const password of [fresh, old])
    while ((await knock(broker.url, "cf-north", password)) !== 401) await new Promise((next) => setTimeout(next, 50));
  t.pass("disabled, none of its passwords opens");
  t.equal(await knock(broker.url, first.username, first.password), 200, "others notice nothing");
  const list = await lotse(["platform", "list"], env);
  t.same(list.stdout.trim().split("\n"), ["cf-north\tcf-north\tdisabled", `first\t${first.username}\tactive`]);
  t.equal((await lotse(["platform", "rotate", "nobody"], env)).code, 1, "there is no such platform");

  const admin = (token: string) =>
    fetch(`${broker.url}/api/v1/audit/verification`, { headers: { authorization: token } });
  t.equal((await admin("Bearer wrong")).status, 401);
  t.match(await (await admin(`Bearer ${first.adminToken}`)).json(), { faults: [] });
  t.equal(await broker.stop("SIGTERM"), 0, "SIGTERM ends it in order");

  const again = await serve(t, env);
  t.same(
    JSON.parse(readFileSync(join(data, "first-run.json"), "utf8")),
    { ...first, url: again.url },
    "a second start writes no new credentials, only where it listens now",
  );
  t.equal(await knock(again.url, first.username, first.password), 200, "and keeps the old ones");
  t.equal(await knock(again.url, "cf-north", fresh), 401);
  t.equal(await again.stop("SIGINT"), 0, "Ctrl-C ends it in order");
  await tampering(t, data);
});

/** What `audit verify` finds, without a process for each case. */
async function verifyIn(directory: string): Promise<AuditReport> {
  const keys = readKeys({ keys: [], dataDirectory: directory });
  const { knex, store } = await openStore({ databaseUrl: "", dataDir: directory }, openSeal(keys));
  try {
    return await verifyAudit(knex, keys);
  } finally {
    await store.close();
  }
}

/** Changes to the database behind the broker's back, and whether `audit verify` says so. */
async function tampering(t: Test, data: string): Promise<void> {
  const verify = (directory: string) => lotse(["audit", "verify"], { LOTSE_DATA_DIR: directory });
  const intact = await verify(data);
  t.equal(intact.code, 0);
  t.match(intact.stdout, /^\d+ entries, head [0-9a-f]{64}: the chain holds\n$/);
  const free = ["audit_no_delete", "audit_no_change", "audit_seals_no_delete", "audit_seals_no_change"]
    .map((name) => `DROP TRIGGER ${name};`)
    .join(" ");
  const cases: readonly (readonly [string, string])[] = [
    ["a changed row", `${free} UPDATE audit SET actor = '{"by":"nobody"}' WHERE position = 2`],
    ["a deleted row", `${free} DELETE FROM audit WHERE position = 2`],
    [
      "two rows in other order",
      `${free} UPDATE audit SET position = -1 WHERE position = 2; UPDATE audit SET position = 2 WHERE position = 3;
       UPDATE audit SET position = 3 WHERE position = -1`,
    ],
    ["a tail cut off", `${free} DELETE FROM audit WHERE position > 2`],
    ["a seal made with another key", `${free} UPDATE audit_seals SET mac = hash`],
    [
      "a gap in the numbers",
      `${free} UPDATE audit SET position = -position - 1 WHERE position > 2;
       UPDATE audit SET position = -position WHERE position < 0`,
    ],
  ];
  for (const [what, sql] of cases) {
    const copy = join(reachableDirectory(t), "data");
    mkdirSync(copy);
    for (const name of readdirSync(data).filter((entry) => /^(lotse\.sqlite|sealing\.key)/.test(entry)))
      cpSync(join(data, name), join(copy, name));
    const database = new Database(join(copy, "lotse.sqlite"));
    database.exec(sql);
    database.close();
    const { faults } = await verifyIn(copy);
    t.match(faults.join(), /position/, `${what} shows, and where`);
  }
  const noted = /head ([0-9a-f]{64})/.exec(intact.stdout)?.[1] ?? "";
  const env = { LOTSE_DATA_DIR: data };
  t.equal((await lotse(["audit", "verify", noted], env)).code, 0, "the hash noted last time is still in the trail");
  const database = new Database(join(data, "lotse.sqlite"));
  t.throws(() => database.exec("DELETE FROM audit"), /append-only/, "and the plain way is barred");
  t.throws(() => database.exec("UPDATE audit SET action = 'x' WHERE position = 1"), /append-only/);
  const [first] = database.prepare("SELECT min(last_position) FROM audit_seals").pluck().all();
  database.exec(
    `${free} DELETE FROM audit WHERE position > ${first}; DELETE FROM audit_seals WHERE last_position > ${first}`,
  );
  database.close();
  t.same((await verifyIn(data)).faults, [], "a trail cut short together with its seals looks whole by itself");
  const cut = await lotse(["audit", "verify", noted], env);
  t.equal(cut.code, 1, "but not to somebody who noted its last hash elsewhere");
  t.match(cut.stderr, /does not hold the entry/);
  t.match(cut.stdout, /THE CHAIN IS BROKEN/);
}

t.test("a command where no broker keeps anything says so and makes nothing", async (t) => {
  const directory = reachableDirectory(t);
  for (const args of [
    ["platform", "list"],
    ["platform", "add", "cf"],
    ["audit", "verify"],
  ]) {
    const { code, stdout, stderr } = await lotse(args, { LOTSE_DATA_DIR: directory });
    t.match({ code, stdout, stderr }, { code: 1, stdout: "", stderr: /there is no database in .*LOTSE_DATA_DIR/ });
  }
  t.same(
    readdirSync(directory).filter((name) => name !== "compile-cache"),
    [],
  );
});

t.test("a disabled platform gets no new password, and is let in again with its old one", async (t) => {
  const env = { LOTSE_DATA_DIR: join(reachableDirectory(t), "data") };
  const { url } = await serve(t, env);
  const added = await lotse(["platform", "add", "cf"], env);
  const password = /password: (\S+)/.exec(added.stdout)?.[1] ?? "";
  const status = async () => {
    const authorization = `Basic ${Buffer.from(`cf:${password}`).toString("base64")}`;
    const headers = { authorization, "x-broker-api-version": "2.17" };
    return (await fetch(`${url}/v2/catalog`, { headers })).status;
  };
  const becomes = async (wanted: number) => {
    while ((await status()) !== wanted) await new Promise((resolve) => setTimeout(resolve, 50));
  };
  await becomes(200);
  await lotse(["platform", "disable", "cf"], env);
  await becomes(401);
  t.match(await lotse(["platform", "rotate", "cf"], env), { code: 1, stderr: /is disabled/ });
  t.match(await lotse(["platform", "enable", "cf"], env), { code: 0, stdout: /let in again/ });
  await becomes(200);
  t.pass("with the password it had");
});

t.test("a broker whose output nobody reads any more does its work, and ends when it is told to", async (t) => {
  const data = join(reachableDirectory(t), "data");
  const env = { PATH: process.env.PATH, LOTSE_DATA_DIR: data, LOTSE_PORT: "0" };
  const child = spawn(process.execPath, [join(checkout, "src/lotse.js"), "serve"], {
    cwd: checkout,
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  t.teardown(() => child.kill("SIGKILL"));
  child.stdout.destroy();
  child.stderr.resume();
  const closed = once(child, "exit");
  const file = join(data, "first-run.json");
  await until(() => existsSync(file));
  const { url, username, password } = JSON.parse(readFileSync(file, "utf8")) as FirstRun & { readonly url: string };
  await until(async () => (await knock(url, username, password).catch(() => 0)) === 200);
  child.kill("SIGTERM");
  t.same(await closed, [0, null]);
  await written({ flush() {} });
  t.pass("a log that never tells that it was written does not hold up a start");
});

t.test("who is locked out makes a token where the database is, and takes a lost one back", async (t) => {
  const env = { LOTSE_DATA_DIR: join(reachableDirectory(t), "data") };
  const { url } = await serve(t, env);
  const status = async (token: string, path = "/me") => {
    const answer = await fetch(`${url}/api/v1${path}`, { headers: { authorization: `Bearer ${token}` } });
    await answer.arrayBuffer();
    return answer.status;
  };
  const added = await lotse(["token", "add", "anna", "administrator"], env);
  const [, id = "", token = ""] = /^id: (\S+)\ntoken: (\S+)$/m.exec(added.stdout) ?? [];
  t.equal(await status(token, "/tokens"), 200);
  const editor = await lotse(["token", "add", "bert", "provider-editor", "it-nord", "aurora"], env);
  t.equal(await status(/token: (\S+)/.exec(editor.stdout)?.[1] ?? ""), 200);
  const list = await lotse(["token", "list"], env);
  t.match(list.stdout, /\tbert\tprovider-editor it-nord aurora\texpires 20/);
  t.match(list.stdout, /\tfirst\tadministrator\tdoes not expire\n/);
  t.notMatch(list.stdout, token);
  t.match(await lotse(["token", "revoke", id], env), { code: 0, stdout: /refused from now on/ });
  t.equal(await status(token), 401, "at once");
  t.match(await lotse(["token", "revoke", id], env), { code: 0, stdout: /was revoked before/ });
  const first = /^(\S+)\tfirst\t/m.exec(list.stdout)?.[1] ?? "";
  t.match(await lotse(["token", "revoke", first], env), { code: 1, stderr: /nobody could administer/ });
  t.match(await lotse(["token", "revoke", "unknown"], env), { code: 1, stderr: /there is no token/ });
  const wrong = [
    ["anna", "boss"],
    ["Anna", "auditor"],
    ["anna", "provider-editor"],
    ["anna", "auditor", "it-nord"],
  ];
  for (const args of wrong)
    t.match(await lotse(["token", "add", ...args], env), { code: 2, stdout: "" }, args.join(" "));
});

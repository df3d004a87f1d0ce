/** What an operator can set, and what they are told when it does not fit. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { inspect } from "node:util";
import t, { type Test } from "tap";
import { adapterKinds } from "../brokers/index.ts";
import { schemaCompiler } from "../src/config/json-schema.ts";
import { formatProblem } from "../src/config/problem.ts";
import { configSchema } from "../src/config/schema.ts";
import { type Config, ConfigError, readConfig } from "../src/config.ts";
import type { AdapterKind } from "../src/core/adapter.ts";
import type { JsonSchema } from "../src/core/json.ts";

const kind: AdapterKind = {
  name: "postgresql",
  settings: {
    type: "object",
    additionalProperties: false,
    required: ["host", "password"],
    properties: {
      host: { type: "string" },
      port: { type: "integer", default: 5432 },
      password: { type: "string", minLength: 8 },
      caFile: { type: "string" },
    },
  },
  secrets: ["password"],
  backend: { type: "object" },
  open: () => Promise.reject(new Error("nobody opens an account while the configuration is read")),
};
const kinds = new Map([[kind.name, kind]]);
const key = Buffer.alloc(32, 7).toString("base64");

interface Setup {
  readonly yaml?: string;
  readonly env?: Record<string, string>;
  readonly files?: Record<string, string>;
}

function read(t: Test, { yaml, env = {}, files = {} }: Setup = {}): Config {
  const cwd = t.testdir(yaml === undefined ? files : { ...files, "lotse.yaml": yaml });
  return readConfig(env, cwd, kinds);
}

/** The lines of the error that stops the start. */
function complaints(t: Test, setup: Setup): string[] {
  try {
    read(t, setup);
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split("\n");
    throw error;
  }
  return [];
}

t.test("without any configuration Lotse starts on loopback, with SQLite and the embedded demonstration", async (t) => {
  const cwd = t.testdir({});
  const config = readConfig({}, cwd, kinds);
  t.equal(config.host, "127.0.0.1");
  t.equal(config.port, 8080);
  t.equal(config.catalogDirectory, join(cwd, "catalog"));
  t.same(config.database, { kind: "sqlite", directory: join(cwd, "data") });
  t.equal(config.providers, undefined);
  t.same(config.keys, []);
  t.same(config.engine, {
    leaseSeconds: 15,
    stepTimeoutSeconds: 120,
    syncPatienceSeconds: 50,
    quickAnswerSeconds: 2,
    slotsPerProvider: 16,
    backoff: { firstSeconds: 1, maxSeconds: 300 },
    stopGraceSeconds: 20,
  });
  t.same(config.http, { bodyLimitBytes: 1_048_576, requestTimeoutSeconds: 60 });
  t.match(config.osb, { missingVersionStatus: 400, minApiVersion: "2.0", operationRetentionDays: 7 });
  t.same(config.log, { level: "info" });
  t.same(config.warnings, []);
});

t.test("the environment says where to listen, where data lies and which file to read", async (t) => {
  const cwd = t.testdir({ etc: { "broker.yaml": "log: { level: debug }" } });
  const env = {
    LOTSE_HOST: "0.0.0.0",
    LOTSE_PORT: "0",
    LOTSE_DATA_DIR: "/var/lib/lotse",
    LOTSE_CATALOG: "offers",
    LOTSE_CONFIG: "etc/broker.yaml",
    LOTSE_DATABASE_URL: "postgres://lotse:geheim@db.example:5432/lotse?sslmode=verify-full",
  };
  const config = readConfig(env, cwd, kinds);
  t.match(config, { host: "0.0.0.0", port: 0, dataDirectory: "/var/lib/lotse", log: { level: "debug" } });
  t.equal(config.catalogDirectory, join(cwd, "offers"));
  t.equal(config.database.kind === "postgresql" && config.database.url.reveal(), env.LOTSE_DATABASE_URL);
  t.notMatch(inspect(config, { depth: 9 }), "geheim", "the password in the URL is not printed");
});

t.test("the configuration is frozen all the way down", async (t) => {
  const yaml = "providers: { nord: { adapter: postgresql, settings: { host: db, password: { env: PG } } } }";
  const config = read(t, { yaml, env: { PG: "correct horse" } });
  t.throws(() => Object.assign(config.engine.backoff, { firstSeconds: 9 }), TypeError);
  t.throws(() => Object.assign(config.osb, { strictOperation: true }), TypeError);
  t.throws(() => Object.assign(config.providers?.get("nord")?.settings.values ?? {}, { host: "x" }), TypeError);
});

t.test(
  "all mistakes are told at once, each with its line, its place and the key that was probably meant",
  async (t) => {
    const yaml = [
      "osb:",
      "  minApiVerison: '2.13'",
      "  missingVersionStatus: 401",
      "  operationRetentionDays: 3",
      "  minApiVersion: 2.10",
      "engin:",
      "  leaseSeconds: 10",
      "http:",
      "  bodyLimitBytes: a lot",
      "providers:",
      "  nord:",
      "    adapter: postgres",
      "  sued:",
      "    adapter: postgresql",
      "    settings: { hots: db, password: { env: NOT_SET } }",
    ].join("\n");
    t.same(complaints(t, { yaml, env: { LOTSE_PORT: "http" } }), [
      "environment: LOTSE_PORT: must be a port number from 0 to 65535",
      'lotse.yaml:2: osb.minApiVerison: is not known here; did you mean "minApiVersion"?',
      "lotse.yaml:3: osb.missingVersionStatus: must be one of 400, 412",
      "lotse.yaml:4: osb.operationRetentionDays: must be at least 7",
      "lotse.yaml:5: osb.minApiVersion: must be a string: put it in quotes",
      'lotse.yaml:6: engin: is not known here; did you mean "engine"?',
      "lotse.yaml:9: http.bodyLimitBytes: must be a whole number",
      'lotse.yaml:12: providers.nord.adapter: is no adapter; did you mean "postgresql"?',
      "lotse.yaml:15: providers.sued.settings.password: the environment variable NOT_SET is not set",
      "lotse.yaml:15: providers.sued.settings.host: is missing",
      'lotse.yaml:15: providers.sued.settings.hots: is not known here; did you mean "host"?',
    ]);
  },
);

t.test("a file that is no YAML, names a key twice or is not there stops the start", async (t) => {
  t.match(complaints(t, { yaml: "osb: {" }), [/^lotse\.yaml:1: is not valid YAML/]);
  t.match(complaints(t, { yaml: "log: { level: info }\nlog: { level: warn }\n" }), [/^lotse\.yaml:2: .*unique/]);
  t.match(complaints(t, { yaml: "- osb\n" }), [/^lotse\.yaml:1: must be a map of keys and values$/]);
  t.match(complaints(t, { env: { LOTSE_CONFIG: "gone.yaml" } }), [/LOTSE_CONFIG: names the file .*gone\.yaml/]);
  t.match(complaints(t, { yaml: "osb:\nlog: { level: warn }\n" }), [/^lotse\.yaml:1: osb: .*nothing stands here$/]);
  t.equal(read(t, { yaml: "# nothing but good intentions\n" }).log.level, "info", "an empty file is fine");
});

t.test("a secret is read from a variable or a file and never shows", async (t) => {
  const yaml = [
    "keys:",
    "  - { id: k2, secret: { file: secrets/k2 } }",
    "  - { id: k1, secret: { env: LOTSE_OLD_KEY } }",
    "providers:",
    "  nord:",
    "    adapter: postgresql",
    "    slots: 3",
    "    settings: { host: db.nord.example, password: { file: secrets/nord } }",
    "  sued:",
    "    adapter: postgresql",
    "    settings: { host: db.sued.example, password: { env: SUED_PASSWORD } }",
  ].join("\n");
  const files = { secrets: { k2: `${key}\n`, nord: "hunter2hunter2\n" } };
  const cwd = t.testdir({ ...files, "lotse.yaml": yaml });
  const config = readConfig({ LOTSE_OLD_KEY: key, SUED_PASSWORD: "correct horse" }, cwd, kinds);
  t.same(
    config.keys.map(({ id, secret }) => [id, secret.reveal()]),
    [
      ["k2", key],
      ["k1", key],
    ],
  );
  const nord = config.providers?.get("nord");
  t.same(nord?.settings.values, { host: "db.nord.example", port: 5432 }, "settings without the secret, with defaults");
  t.equal(nord?.settings.secrets.password?.reveal(), "hunter2hunter2", "the final line break is not part of it");
  t.equal(nord?.slots, 3);
  t.equal(config.providers?.get("sued")?.slots, 16, "as the engine's default says");
  t.notMatch(inspect(config, { depth: 9 }) + JSON.stringify([...(config.providers ?? [])]), /hunter2|correct horse/);
  t.same(config.warnings, [], "a variable the file names is not taken for a misspelt one");
});

t.test("a secret written into the file is refused without repeating it", async (t) => {
  const settings = (password: string) =>
    `providers: { nord: { adapter: postgresql, settings: { host: db, password: ${password} } } }`;
  const literal = complaints(t, { yaml: settings("hunter2hunter2") });
  t.same(literal, [
    "lotse.yaml:1: providers.nord.settings.password: is a secret and must not stand here: " +
      "write { env: NAME } or { file: path } instead",
  ]);
  t.match(complaints(t, { yaml: settings("{ evn: PG }") }), [/"evn" is not known here; did you mean "env"\?$/]);
  t.match(complaints(t, { yaml: settings("{ file: gone }") }), [/the file .*gone cannot be read \(ENOENT\)$/]);
  const short = complaints(t, { yaml: settings("{ env: PG }"), env: { PG: "1234567" } });
  t.same(short, ["lotse.yaml:1: providers.nord.settings.password: must have at least 8 characters"]);
});

t.test("a sealing key is 32 bytes in base64, under a name of its own", async (t) => {
  const keys = "keys:\n  - { id: k1, secret: { env: A } }\n  - { id: k1, secret: { env: B } }\n";
  t.same(complaints(t, { yaml: keys, env: { A: key, B: "too short" } }), [
    "lotse.yaml:3: keys[1].id: is used by another key",
    "lotse.yaml:3: keys[1].secret: must be 32 bytes in base64; `openssl rand -base64 32` makes one",
  ]);
});

t.test("times that defeat each other are refused", async (t) => {
  const yaml =
    "engine: { syncPatienceSeconds: 30, quickAnswerSeconds: 40, backoff: { firstSeconds: 60, maxSeconds: 5 } }\n" +
    "http: { requestTimeoutSeconds: 30 }\n";
  t.same(complaints(t, { yaml }), [
    "lotse.yaml:1: engine.quickAnswerSeconds: must not exceed syncPatienceSeconds (30)",
    "lotse.yaml:1: engine.backoff.firstSeconds: must not exceed maxSeconds (5)",
    "lotse.yaml:2: http.requestTimeoutSeconds: must exceed engine.syncPatienceSeconds (30), or answers come too late",
  ]);
});

t.test("a misspelt variable stops the start, a foreign one is a warning, Kubernetes' own are ignored", async (t) => {
  t.same(complaints(t, { env: { LOTSE_CATALGO: "x" } }), [
    'environment: LOTSE_CATALGO: means nothing to Lotse; did you mean "LOTSE_CATALOG"?',
  ]);
  const { warnings } = read(t, {
    env: { LOTSE_FAVOURITE_COLOUR: "blue", LOTSE_SERVICE_HOST: "10.0.0.1", LOTSE_PORT_8080_TCP: "tcp://10.0.0.1" },
  });
  t.match(warnings.map(formatProblem), [/^environment: warning: LOTSE_FAVOURITE_COLOUR: means nothing/]);
  t.equal(warnings.length, 1);
  t.match(complaints(t, { env: { LOTSE_PORT: "tcp://10.0.0.1:8080" } }), [/enableServiceLinks: false/]);
});

// A start takes them as they are, for it need not compile the meta-schema then.
t.test("every schema that comes with Lotse is one, as its draft says", async (t) => {
  const compiler = schemaCompiler();
  const catalog = join(import.meta.dirname, "../catalog");
  const files = readdirSync(catalog).filter((name) => name.endsWith(".schema.json"));
  t.ok(files.length >= 3, files.join());
  const schemas: [string, JsonSchema][] = [
    ["lotse.yaml", configSchema],
    ...files.map((name): [string, JsonSchema] => [name, JSON.parse(readFileSync(join(catalog, name), "utf8"))]),
    ...[...adapterKinds.values()].flatMap(({ name, settings, backend }): [string, JsonSchema][] => [
      [`settings of ${name}`, settings],
      [`backend of ${name}`, backend],
    ]),
  ];
  for (const [name, schema] of schemas) {
    t.same(compiler.faults(schema), [], name);
    t.doesNotThrow(() => compiler.compile(schema), name);
  }
});

t.test("TLS verification cannot be switched off by any way in", async (t) => {
  const database = (query: string) => ({ LOTSE_DATABASE_URL: `postgres://lotse:geheim@db/lotse?${query}` });
  for (const query of ["sslmode=no-verify", "sslmode=require&uselibpqcompat=true"]) {
    const lines = complaints(t, { env: database(query) });
    t.match(lines, [/LOTSE_DATABASE_URL: must not switch off TLS verification/], query);
    t.notMatch(lines.join(), "geheim");
  }
  t.match(complaints(t, { env: { NODE_TLS_REJECT_UNAUTHORIZED: "0" } }), [/switches off TLS verification/]);
  t.match(complaints(t, { env: { LOTSE_DATABASE_URL: "mysql://lotse:geheim@db/x" } }), [/must be postgres:/]);
});

t.test("a certificate and its key make Lotse speak HTTPS", async (t) => {
  const cwd = t.testdir({});
  mkdirSync(join(cwd, "tls"));
  const subject = ["-subj", "/CN=lotse.example", "-days", "1"];
  const files = ["-keyout", join(cwd, "tls/key.pem"), "-out", join(cwd, "tls/cert.pem")];
  execFileSync("openssl", ["req", "-x509", "-newkey", "ed25519", "-nodes", ...subject, ...files], { stdio: "ignore" });
  writeFileSync(join(cwd, "lotse.yaml"), "http: { tls: { cert: tls/cert.pem, key: { file: tls/key.pem } } }\n");
  const { tls } = readConfig({}, cwd, kinds).http;
  t.match(tls?.cert, /BEGIN CERTIFICATE/);
  t.match(tls?.key.reveal(), /BEGIN PRIVATE KEY/);
  writeFileSync(join(cwd, "lotse.yaml"), "http: { tls: { cert: tls/key.pem, key: { file: tls/key.pem } } }\n");
  t.throws(() => readConfig({}, cwd, kinds), /http\.tls\.cert: the file .* holds no certificate/);
  writeFileSync(join(cwd, "lotse.yaml"), "http: { tls: { cert: tls/cert.pem, key: { file: tls/cert.pem } } }\n");
  t.throws(() => readConfig({}, cwd, kinds), /http\.tls\.key: is not the private key of the certificate/);
  writeFileSync(join(cwd, "lotse.yaml"), "http: { tls: { cert: tls/cert.pem, key: none } }\n");
  t.throws(() => readConfig({}, cwd, kinds), /http\.tls\.key: is a secret and must not stand here/);
});

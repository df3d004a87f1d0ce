/** The documents for machines: written from the routes, valid, complete, and served to whoever wants to read. */
import { readFileSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import { Validator } from "@seriousme/openapi-schema-validator";
import t, { type Test } from "tap";
import { openApiText } from "../brokers/saas/openapi.ts";
import { problemCodes } from "../src/admin/problem.ts";
import { schemaCompiler } from "../src/config/json-schema.ts";
import type { JsonSchema } from "../src/core/json.ts";
import { refusalCodes } from "../src/core/refusal.ts";
import { openApiDocuments } from "../src/openapi.ts";
import { startTestBroker } from "./support/broker.ts";
import { postgresqlForTests } from "./support/postgresql.ts";
import { createScripted } from "./support/scripted.ts";

type Document = {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly security?: readonly object[] }>>>>;
  readonly "x-error-codes": Readonly<Record<string, string>>;
};

const read = (name: string) => readFileSync(new URL(`../openapi/${name}.json`, import.meta.url), "utf8");
const names = ["osb", "admin"] as const;
const vendors = "saas-provider";

t.test("the documents are as the routes are; if not, `npm run openapi` writes them anew", async (t) => {
  const now = await openApiDocuments();
  for (const name of names) t.equal(read(name), now[name], `openapi/${name}.json`);
  t.equal(read(vendors), openApiText(), "the contract for vendors of software");
});

t.test("the documents are valid OpenAPI 3.1", async (t) => {
  for (const name of [...names, vendors]) {
    const validator = new Validator();
    const { valid, errors } = await validator.validate(JSON.parse(read(name)));
    t.equal(valid, true, `${name}: ${JSON.stringify(errors)}`);
    t.equal(validator.version, "3.1");
  }
  const broken = JSON.parse(read("osb")) as { info?: unknown };
  delete broken.info;
  t.equal((await new Validator().validate(broken)).valid, false, "and the validator would say so");
});

interface Asked {
  readonly parameters?: readonly { readonly schema: JsonSchema }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: JsonSchema }>> };
}

// They are compiled when the first request comes, which must not be the one that finds them wrong.
t.test("what a request of our own API may say is told by schemas that are right and can be compiled", async (t) => {
  const { paths } = JSON.parse(read("admin")) as {
    readonly paths: Readonly<Record<string, Readonly<Record<string, Asked>>>>;
  };
  const compiler = schemaCompiler();
  let held = 0;
  for (const [path, methods] of Object.entries(paths)) {
    for (const [method, { parameters = [], requestBody }] of Object.entries(methods)) {
      for (const { schema } of [...parameters, ...Object.values(requestBody?.content ?? {})]) {
        t.same(compiler.faults(schema), [], `${method} ${path}`);
        t.doesNotThrow(() => compiler.compile(schema), `${method} ${path}`);
        held += 1;
      }
    }
  }
  t.ok(held > 50, `${held} schemas`);
});

t.test("the documents name all ten routes, who may call them, and every code an error can have", async (t) => {
  const osb = JSON.parse(read("osb")) as Document;
  const operations = Object.entries(osb.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ name: `${method} ${path}`, operation })),
  );
  t.equal(operations.length, 10);
  for (const name of names) {
    const document = JSON.parse(read(name)) as Document;
    const codes = name === "osb" ? refusalCodes : problemCodes;
    t.same(Object.keys(document["x-error-codes"]), Object.keys(codes), `${name}: codes`);
    for (const [path, methods] of Object.entries(document.paths))
      for (const [method, operation] of Object.entries(methods))
        t.ok((operation.security?.length ?? 0) > 0, `${method} ${path} says how to log in`);
  }
});

const start = (t: Test, databaseUrl?: string) =>
  startTestBroker(t, { adapter: createScripted().adapter, ...(databaseUrl !== undefined && { databaseUrl }) });

t.test("the documentation is served to be read and to be fetched", async (t) => {
  const { app } = await start(t);
  const page = await app.inject("/docs");
  t.equal(page.statusCode, 200);
  t.match(page.body, /swagger-ui/);
  const document = await app.inject("/docs/json");
  t.match(document.json(), { openapi: "3.1.0", paths: { "/v2/catalog": {}, "/api/v1/platforms": {} } });
});

t.test("/livez, /readyz and /metrics tell whoever watches, without logging in", async (t) => {
  const server = await postgresqlForTests(t);
  const { app, ask } = await start(t, await server.emptyDatabase("health"));
  for (const path of ["/livez", "/readyz"]) {
    const answer = await app.inject(path);
    t.equal(answer.statusCode, 200, path);
    t.same(answer.json(), { status: "ok" });
  }
  await ask("GET", "/catalog");
  await ask("GET", "/service_instances/an-id-that-nobody-has");
  const metrics = await app.inject("/metrics");
  t.match(metrics.headers["content-type"], /^text\/plain/);
  t.match(metrics.body, 'lotse_http_request_duration_seconds_count{method="GET",route="/v2/catalog",status="200"} 1');
  t.match(metrics.body, "lotse_operations_running 0");
  t.notMatch(metrics.body, "an-id-that-nobody-has", "labels are routes, never ids");

  await server.query("ALTER DATABASE health WITH ALLOW_CONNECTIONS false");
  await server.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'health'");
  const ready = await app.inject("/readyz");
  t.equal(ready.statusCode, 503, "without its database it is not ready");
  t.same(ready.json(), { status: "the database does not answer" });
  t.equal((await app.inject("/livez")).statusCode, 200, "but alive: starting it anew would not help");
  await server.query("ALTER DATABASE health WITH ALLOW_CONNECTIONS true");
  // A connection that was cut may be noticed only by the first who uses it.
  while ((await app.inject("/readyz")).statusCode !== 200) await wait(50);
  t.pass("and ready again by itself");
});

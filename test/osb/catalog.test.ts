/** GET /v2/catalog (OSB 2.17, Catalog Management), and what a catalog file must keep to be served at all. */
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { type Test, test } from "tap";
import { parse, stringify } from "yaml";
import { adapterKinds } from "../../brokers/index.ts";
import { buildCatalog } from "../../src/catalog/build-catalog.ts";
import { checkCatalog } from "../../src/catalog/check.ts";
import { projectCatalog } from "../../src/catalog/project.ts";
import { readCatalog } from "../../src/catalog/read-catalog.ts";
import type { JsonObject } from "../../src/core/json.ts";
import { demoAccounts } from "../../src/embedded/demo.ts";
import { catalogText } from "../../src/osb/wire.ts";
import { offering, offeringId, planOf, startTestBroker, syncPlan, temporaryDirectory } from "../support/broker.ts";
import { createScripted } from "../support/scripted.ts";

const shipped = join(import.meta.dirname, "../../catalog");

async function start(t: Test, offerings = [offering]) {
  return startTestBroker(t, { adapter: createScripted().adapter, offerings });
}

test("the catalog names every offering and plan with all that platforms go by (Catalog Management, Body)", async (t) => {
  const schema = { $schema: "http://json-schema.org/draft-04/schema#", type: "object" };
  const plan = planOf(syncPlan, {
    free: false,
    bindingRotatable: true,
    maintenanceInfo: { version: "1.2.3-rc.1+build", description: "A restart of a minute." },
    schemas: { create: schema, bind: schema },
    metadata: { displayName: "Small", bullets: ["one"], costs: [{ amount: { eur: 9.5 }, unit: "MONTHLY" }] },
  });
  const { ask } = await start(t, [{ ...offering, tags: ["a"], requires: ["syslog_drain"], plans: [plan] }]);
  const answer = await ask("GET", "/catalog");
  t.equal(answer.status, 200);
  t.match(answer.headers, { "content-type": /^application\/json/ });
  t.strictSame(answer.body, {
    services: [
      {
        name: "scripted",
        id: offeringId,
        description: "An offering for tests.",
        tags: ["a"],
        requires: ["syslog_drain"],
        bindable: true,
        instances_retrievable: true,
        bindings_retrievable: true,
        allow_context_updates: true,
        plan_updateable: true,
        metadata: {},
        plans: [
          {
            id: syncPlan,
            name: "plan-1",
            description: "A plan for tests.",
            free: false,
            bindable: true,
            binding_rotatable: true,
            plan_updateable: true,
            maximum_polling_duration: 3600,
            maintenance_info: { version: "1.2.3-rc.1+build", description: "A restart of a minute." },
            schemas: {
              service_instance: { create: { parameters: schema } },
              service_binding: { create: { parameters: schema } },
            },
            metadata: { displayName: "Small", bullets: ["one"], costs: [{ amount: { eur: 9.5 }, unit: "MONTHLY" }] },
          },
        ],
      },
    ],
  });
});

test("what a catalog does not say is left out, never null, and every flag is stated (Catalog Management, Body)", async (t) => {
  const { maintenanceInfo: _maintenance, ...plain } = planOf(syncPlan, { schemas: {}, bindable: false });
  const { ask } = await start(t, [{ ...offering, plans: [plain] }]);
  const { body } = await ask("GET", "/catalog");
  t.notMatch(JSON.stringify(body), /null/);
  const [service] = body.services as JsonObject[];
  t.notOk(service !== undefined && ("tags" in service || "requires" in service));
  t.match(body, {
    services: [
      {
        bindable: Boolean,
        plan_updateable: Boolean,
        plans: [{ free: Boolean, bindable: false, plan_updateable: Boolean, binding_rotatable: Boolean }],
      },
    ],
  });
  t.notMatch(JSON.stringify(body), /schemas|maintenance_info/);
});

test("a broker without offerings has an empty catalog", async (t) => {
  const { ask } = await start(t, []);
  t.strictSame((await ask("GET", "/catalog")).body, { services: [] });
});

test("who has the catalog already is told so without a body, until it changes (HTTP caching)", async (t) => {
  const broker = await start(t);
  const first = await broker.ask("GET", "/catalog");
  const etag = String(first.headers.etag);
  for (const tag of [etag, `W/${etag}`, `"other", ${etag}`, "*"]) {
    const again = await broker.ask("GET", "/catalog", undefined, { "if-none-match": tag });
    t.strictSame([again.status, again.body], [304, {}], tag);
  }
  t.equal((await broker.ask("GET", "/catalog", undefined, { "if-none-match": '"other"' })).status, 200);
  broker.offer([{ ...offering, description: "Described anew." }]);
  const changed = await broker.ask("GET", "/catalog", undefined, { "if-none-match": etag });
  t.match(changed, { status: 200, body: { services: [{ description: "Described anew." }] } });
});

test("the catalog is sent compressed to whoever accepts that, and is the same", async (t) => {
  const { app, ask } = await start(t);
  const headers = { authorization: "a", "x-broker-api-version": "2.17", "accept-encoding": "gzip" };
  const answer = await app.inject({ url: "/v2/catalog", headers });
  t.match(answer.headers, {
    "content-encoding": "gzip",
    vary: /Accept-Encoding/,
    "content-type": /^application\/json/,
  });
  t.same(JSON.parse(gunzipSync(answer.rawPayload).toString()), (await ask("GET", "/catalog")).body);
});

test("a plan that left the catalog is not shown any more, and comes back under the same id", async (t) => {
  const broker = await start(t);
  const ids = async () => {
    const [service] = (await broker.ask("GET", "/catalog")).body.services as { plans: { id: string }[] }[];
    return service?.plans.map(({ id }) => id);
  };
  const before = await ids();
  broker.offer([{ ...offering, plans: [planOf("other")] }], [{ offering, plan: planOf(syncPlan) }]);
  t.strictSame(await ids(), ["other"]);
  broker.offer([offering]);
  t.strictSame(await ids(), before);
});

// ---- catalog files -----------------------------------------------------------------------------------------------

type Loose = Record<string, unknown> & { plans: Record<string, unknown>[]; schemas: Record<string, unknown> };

/** Problems of the shipped catalog after `change`. */
function problemsAfter(t: Test, change: (offering: Loose) => unknown, second?: (offering: Loose) => unknown): string[] {
  const directory = join(temporaryDirectory(t), "catalog");
  mkdirSync(directory);
  for (const name of ["organisations.yaml", "organisation.schema.json", "offering.schema.json"])
    copyFileSync(join(shipped, name), join(directory, name));
  const write = (name: string, alter: (offering: Loose) => unknown) => {
    const value = parse(readFileSync(join(shipped, "postgresql.yaml"), "utf8")) as Loose;
    alter(value);
    writeFileSync(join(directory, name), stringify(value, { aliasDuplicateObjects: false }));
  };
  write("postgresql.yaml", change);
  if (second !== undefined) write("second.yaml", second);
  return checkCatalog(directory, adapterKinds, demoAccounts).problems.map(({ path, message }) => `${path}: ${message}`);
}

const first = (offering: Loose): Record<string, unknown> => offering.plans[0] ?? {};

test("the catalog that comes with the broker keeps every rule", (t) => {
  t.strictSame(
    problemsAfter(t, () => {}),
    [],
  );
  t.end();
});

test("a catalog that platforms would refuse as a whole is not served (Service Offering and Plan Objects)", (t) => {
  const cases: readonly (readonly [string, (offering: Loose) => unknown])[] = [
    ...["id", "name", "description", "bindable", "plans"].map(
      (key) => [`an offering without ${key}`, (o: Loose) => delete o[key]] as const,
    ),
    ...["id", "name", "description"].flatMap((key) => [
      [`an empty ${key}`, (o: Loose) => Object.assign(o, { [key]: "" })] as const,
      [`a plan with an empty ${key}`, (o: Loose) => Object.assign(first(o), { [key]: "" })] as const,
      [`a plan without ${key}`, (o: Loose) => delete first(o)[key]] as const,
    ]),
    ["no plan", (o) => Object.assign(o, { plans: [] })],
    ["bindable as a text", (o) => Object.assign(o, { bindable: "yes" })],
    ["tags as null", (o) => Object.assign(o, { tags: null })],
    ["requires with an unknown word", (o) => Object.assign(o, { requires: ["luck"] })],
    ["a name with a space", (o) => Object.assign(o, { name: "my service" })],
    ["a name of one dash", (o) => Object.assign(o, { name: "-" })],
    ["a name of 64 characters", (o) => Object.assign(o, { name: "x".repeat(64) })],
    ["a plan's name of 64 characters", (o) => Object.assign(first(o), { name: "x".repeat(64) })],
    ["a name that is reserved", (o) => Object.assign(first(o), { name: "reference-instance" })],
    ["a description of 256 characters", (o) => Object.assign(o, { description: "x".repeat(256) })],
    ["a plan's name twice", (o) => Object.assign(first(o), { name: o.plans[1]?.name })],
    ["a plan's id twice", (o) => Object.assign(first(o), { id: o.plans[1]?.id })],
    ["an offering's id for a plan", (o) => Object.assign(first(o), { id: o.id })],
    ["polling for a minute only", (o) => Object.assign(first(o), { maximumPollingDuration: 60 })],
    ["polling for half a second", (o) => Object.assign(first(o), { maximumPollingDuration: 90.5 })],
    [
      "tags that are too long together",
      (o) => Object.assign(o, { tags: Array.from({ length: 9 }, () => "x".repeat(255)) }),
    ],
  ];
  for (const [what, change] of cases) t.ok(problemsAfter(t, change).length > 0, what);
  const twin = (change: (o: Loose) => unknown) =>
    problemsAfter(
      t,
      () => {},
      (o) => {
        o.id = "5b2d3c1e-6a47-4f0f-9d0b-3a1c8f7e2d11";
        o.name = "second";
        for (const [index, plan] of o.plans.entries()) plan.id = `0f6b8a52-1c3d-4e5f-8a9b-0c1d2e3f5a5${index}`;
        change(o);
      },
    );
  t.strictSame(
    twin(() => {}),
    [],
    "plans of two offerings may have the same name",
  );
  t.match(
    twin((o) => Object.assign(o, { name: "postgresql" })),
    [/used already/],
    "two offerings may not",
  );
  t.strictSame(
    twin((o) => Object.assign(o, { name: "PostgreSQL" })),
    [],
    "names are compared with regard to case",
  );
  t.match(
    twin((o) => Object.assign(first(o), { id: "0f6b8a52-1c3d-4e5f-8a9b-0c1d2e3f4a51" })),
    [/used already/],
    "a plan's id",
  );
  t.end();
});

test("a maintenance version is a semantic version, and has no company but a description (Maintenance Info Object)", (t) => {
  const maintenance = (value: unknown) =>
    problemsAfter(t, (o) => Object.assign(first(o), { maintenance: value })).length;
  for (const version of ["0.0.0", "1.2.3", "1.0.0-alpha.1", "1.0.0-0.x-y.7", "1.0.0+20130313144700", "1.0.0-b+e.01"])
    t.equal(maintenance({ version }), 0, version);
  for (const version of [
    "",
    "1",
    "1.2",
    "v1.2.3",
    "01.2.3",
    "1.2.3-",
    "1.2.3-01",
    "1.2.3-a..b",
    "1.2.3+",
    "1.2.3+a..b",
    1,
  ])
    t.ok(maintenance({ version }) > 0, String(version));
  t.ok(maintenance({}) > 0, "no version");
  t.ok(maintenance({ version: "1.0.0", public: true }) > 0, "another key");
  t.end();
});

test("parameter schemas are draft-04, self-contained and at most 64 kB (Input Parameters Schema Object)", (t) => {
  const draft04 = "http://json-schema.org/draft-04/schema#";
  const problems = (create: unknown) => problemsAfter(t, (o) => Object.assign(o.schemas, { create: create })).length;
  t.equal(
    problems({
      $schema: draft04,
      definitions: { n: { type: "number" } },
      properties: { a: { $ref: "#/definitions/n" } },
    }),
    0,
  );
  for (const [what, schema] of [
    ["no $schema", { type: "object" }],
    ["an unknown draft", { $schema: "http://example.com/schema" }],
    ["a reference to elsewhere", { $schema: draft04, properties: { a: { $ref: "http://example.com/a.json" } } }],
    ["a reference to a file", { $schema: draft04, properties: { a: { $ref: "other.json#/a" } } }],
    ["more than 64 kB", { $schema: draft04, description: "x".repeat(64 * 1024) }],
    ["no schema at all", { $schema: draft04, type: "thing" }],
    ["no object", "text"],
  ] as const)
    t.ok(problems(schema) > 0, what);
  t.end();
});

test("what the shipped catalog files say is what platforms get", (t) => {
  const { offerings, organisations } = readCatalog(shipped);
  const files = offerings.map(({ offering }) => offering);
  const accounts = new Set(files.flatMap(({ plans }) => plans.map(({ account }) => account)));
  const { adapter } = createScripted();
  const adapters = new Map([...accounts].map((account) => [account, adapter]));
  const offered = buildCatalog(projectCatalog(files, organisations, accounts), [], adapters).offerings;
  const body = JSON.parse(catalogText(offered)) as JsonObject;
  t.notMatch(JSON.stringify(body), /:null/);
  for (const service of body.services as JsonObject[]) {
    t.match(service, { metadata: { displayName: String, longDescription: String }, name: /^[A-Za-z0-9.-]{1,63}$/ });
    for (const plan of service.plans as JsonObject[]) {
      t.match(plan, { metadata: { displayName: String, bullets: Array, costs: Array }, id: /^[0-9a-f-]{36}$/ });
      t.ok(Number(plan.maximum_polling_duration) > 60);
      if (plan.maintenance_info !== undefined)
        t.strictSame(Object.keys(plan.maintenance_info as JsonObject).sort(), ["description", "version"]);
    }
  }
  t.end();
});

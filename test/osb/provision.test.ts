/** PUT /v2/service_instances/:instance_id (OSB 2.17, Provisioning). */
import { test } from "tap";
import { asyncPlan, largerPlan, offering, order, planOf, startTestBroker, syncPlan } from "../support/broker.ts";
import { createGate } from "../support/gate.ts";
import { createScripted } from "../support/scripted.ts";
import {
  answersAsTheTableSays,
  asyncRequired,
  concurrency,
  type InstanceState,
  openWorld,
  type Row,
  type Subject,
  told,
} from "../support/states.ts";

const different = { parameters: { size: 5 } };

test("an order is answered by what is there already (Provisioning, Response)", async (t) => {
  const { instance } = await openWorld(t);
  const created = { status: 201, begins: true, body: { dashboard_url: /^https:/ } } as const;
  const conflict = { status: 409, body: { error: "Conflict" } } as const;
  const there = { status: 200, body: { dashboard_url: /^https:/, operation: undefined } } as const;
  await answersAsTheTableSays(t, instance, [
    { state: "nothing", ask: (s) => s.put(), ...created },
    { state: "deleted", ask: (s) => s.put(), ...created },
    {
      state: "nothing",
      what: "the provider takes longer",
      first: (s) => s.script.provision.push(() => ({ state: "pending", made: { dashboardUrl: "https://d.example" } })),
      ask: (s) => s.put(),
      status: 202,
      begins: true,
      body: { operation: /^[a-z0-9]{26}$/, dashboard_url: "https://d.example" },
    },
    { state: "provisioning", what: "the same", ask: (s) => s.put(), status: 202, sameOperation: true },
    { state: "provisioning", what: "other attributes", ask: (s) => s.put(different), ...conflict },
    { state: "provision failed", what: "the same", ask: (s) => s.put(), ...created },
    { state: "provision failed", what: "other attributes", ask: (s) => s.put(different), ...conflict },
    { state: "ready", what: "the same", ask: (s) => s.put(), ...there },
    { state: "ready", what: "other attributes", ask: (s) => s.put(different), ...conflict },
    { state: "unusable", what: "the same", ask: (s) => s.put(), ...there },
    { state: "updating", what: "as before the update", ask: (s) => s.put(), ...there },
    { state: "updating", what: "as after the update", ask: (s) => s.put({ parameters: { size: 9 } }), ...conflict },
    { state: "deprovisioning", what: "the same", ask: (s) => s.put(), status: 422, body: concurrency },
    { state: "deprovisioning", what: "other attributes", ask: (s) => s.put(different), ...conflict },
    { state: "deprovision failed", what: "the same", ask: (s) => s.put(), ...there },
    { state: "deprovision failed", what: "other attributes", ask: (s) => s.put(different), ...conflict },
  ]);
});

test("each attribute of an order counts when it is repeated, and nothing else does", async (t) => {
  const { instance } = await openWorld(t);
  const s = await instance("nothing", syncPlan);
  const ordered = { parameters: { size: 1, options: { a: [1, 2], b: true } }, context: { platform: "cloudfoundry" } };
  t.equal((await s.put(ordered)).status, 201);
  const again = (more: object) => s.put({ ...ordered, ...more });
  for (const [what, more] of [
    ["the keys in another order", { parameters: { options: { b: true, a: [1, 2] }, size: 1 } }],
    ["another context", { context: { platform: "cloudfoundry", instance_name: "renamed", space_annotations: {} } }],
    ["no context", { context: undefined }],
    ["unknown members", { accepts_incomplete: true, x_future: { nested: [] } }],
  ] as const)
    t.equal((await again(more)).status, 200, what);
  for (const [what, more] of [
    ["another plan", { plan_id: largerPlan }],
    ["another organisation", { organization_guid: "other" }],
    ["another space", { space_guid: "other" }],
    ["another parameter", { parameters: { ...ordered.parameters, more: 1 } }],
    ["no parameters", { parameters: undefined }],
    ["a list in another order", { parameters: { size: 1, options: { a: [2, 1], b: true } } }],
  ] as const)
    t.equal((await again(more)).status, 409, what);
  const bare = await instance("ready", syncPlan);
  for (const parameters of [undefined, null, {}])
    t.equal((await bare.put({ parameters })).status, 200, `parameters ${JSON.stringify(parameters)} are none`);
});

test("an order on a plan that takes long needs accepts_incomplete=true (Asynchronous Operations)", async (t) => {
  const { instance } = await openWorld(t);
  const without = (query: string) => ({
    what: query,
    ask: (s: Subject) => s.ask("PUT", `${s.url}${query}`, order(asyncPlan)),
    status: 422,
    body: { ...asyncRequired, description: /^This service plan requires client support for asynchronous/ },
  });
  await answersAsTheTableSays(
    t,
    instance,
    (["nothing", "provisioning", "ready", "deprovisioning"] as const).flatMap((state) => [
      { state, ...without("") },
      { state, ...without("?accepts_incomplete=false") },
      { state, ...without("?accepts_incomplete=") },
    ]),
  );
});

test("an order that is carried out within its request is not named to others, unless they accept 202", async (t) => {
  const { instance } = await openWorld(t);
  const s = await instance("nothing", syncPlan);
  const gate = createGate(s.succeed);
  s.script.provision.push(gate.act);
  const first = s.ask("PUT", s.url, order());
  await gate.entered;
  t.match(await s.ask("PUT", s.url, order()), { status: 422, body: concurrency });
  const second = await s.put();
  t.match(second, { status: 202, body: { operation: String } });
  t.equal((await s.put(different)).status, 409);
  gate.open();
  t.equal((await first).status, 201);
  await s.end(String(second.body.operation));
  t.equal((await s.put()).status, 200);
  t.equal(s.calls.length, 1, "one instance was made");
});

test("what an order lacks, or has in the wrong shape, is a 400 that names the field (Provisioning, Body)", async (t) => {
  const { instance } = await openWorld(t);
  const wrong = (field: string, value: unknown): Row<InstanceState> => ({
    state: "nothing",
    what: `${field} ${JSON.stringify(value)}`,
    ask: (s) => s.put({ [field]: value }),
    status: 400,
    body: { error: "MalformedRequest", description: new RegExp(field) },
  });
  const texts = ["service_id", "plan_id", "organization_guid", "space_guid"];
  const objects = ["context", "parameters", "maintenance_info"];
  await answersAsTheTableSays(t, instance, [
    ...texts.flatMap((field) => [undefined, null, "", 7, {}, []].map((value) => wrong(field, value))),
    ...objects.flatMap((field) => ["text", 7, [], true].map((value) => wrong(field, value))),
  ]);
});

test("an order must name a plan of its offering, and fit that plan's schema", async (t) => {
  const other = { ...offering, id: "o2", name: "other", plans: [planOf("p2", { offeringId: "o2" })] };
  const { instance } = await openWorld(t, { offerings: [offering, other] });
  const refused = (what: string, more: object, error: string) => ({
    state: "nothing" as const,
    what,
    ask: (s: Subject) => s.put(more),
    status: 400,
    body: { error },
  });
  await answersAsTheTableSays(t, instance, [
    refused("an unknown offering", { service_id: "nope" }, "UnknownPlan"),
    refused("an unknown plan", { plan_id: "nope" }, "UnknownPlan"),
    refused("a plan of another offering", { plan_id: "p2" }, "UnknownPlan"),
    refused("an offering's name for its id", { service_id: offering.name }, "UnknownPlan"),
    refused("parameters that break the schema", { parameters: { size: 0 } }, "InvalidParameters"),
    {
      ...refused("the violation is named", { parameters: { size: 0 } }, "InvalidParameters"),
      body: { description: /parameters\.size/ },
    },
  ]);
});

const drafts = [
  "http://json-schema.org/draft-04/schema#",
  "http://json-schema.org/draft-06/schema#",
  "http://json-schema.org/draft-07/schema#",
  "https://json-schema.org/draft/2019-09/schema",
  "https://json-schema.org/draft/2020-12/schema",
];

test("parameters are checked by schemas of any draft from 4 to 2020-12, and the field is named (Schemas Object)", async (t) => {
  for (const $schema of drafts) {
    // A limit that is itself excluded is written otherwise in draft 4 than in all later ones.
    const limit = $schema.includes("draft-04") ? { minimum: 0, exclusiveMinimum: true } : { exclusiveMinimum: 0 };
    const create = { $schema, type: "object", properties: { size: { type: "number", ...limit } } };
    const plans = [planOf(syncPlan, { schemas: { create } })];
    const broker = await startTestBroker(t, { adapter: createScripted().adapter, offerings: [{ ...offering, plans }] });
    const put = (id: string, size: number) =>
      broker.ask("PUT", `/service_instances/${id}`, order(syncPlan, { parameters: { size } }));
    t.equal((await put("fits", 0.5)).status, 201, $schema);
    t.match(
      await put("does-not", 0),
      { status: 400, body: { description: /parameters\.size must be more than 0/ } },
      $schema,
    );
  }
});

test("of maintenance_info only the version counts, and only for a new order (Maintenance Info Object)", async (t) => {
  const plain = planOf("p-plain");
  const { maintenanceInfo: _none, ...without } = plain;
  const { instance } = await openWorld(t, { offerings: [{ ...offering, plans: [...offering.plans, without] }] });
  const conflict = { status: 422, body: { error: "MaintenanceInfoConflict" } } as const;
  const info = (maintenance_info: unknown) => ({ maintenance_info });
  await answersAsTheTableSays(t, instance, [
    { state: "nothing", what: "another version", ask: (s) => s.put(info({ version: "2.0.0" })), ...conflict },
    {
      state: "nothing",
      what: "a plan without any",
      plan: "p-plain",
      ask: (s) => s.put(info({ version: "1.0.0" })),
      ...conflict,
    },
    {
      state: "nothing",
      what: "another version, and bad parameters",
      ask: (s) => s.put({ ...info({ version: "2.0.0" }), parameters: { size: 0 } }),
      ...conflict,
    },
    {
      state: "nothing",
      what: "the version, and more that is not looked at",
      ask: (s) => s.put(info({ version: "1.0.0", description: "other", x: [1] })),
      status: 201,
      begins: true,
    },
    ...[null, {}, { version: null }, { description: "x" }].map((value) => ({
      state: "nothing" as const,
      what: `maintenance_info ${JSON.stringify(value)}`,
      ask: (s: Subject) => s.put(info(value)),
      status: 201,
      begins: true,
    })),
    {
      state: "ready",
      what: "repeated with another version",
      ask: (s) => s.put(info({ version: "2.0.0" })),
      status: 200,
    },
    {
      state: "provisioning",
      what: "repeated with another version",
      ask: (s) => s.put(info({ version: "2.0.0" })),
      status: 202,
      sameOperation: true,
    },
    {
      state: "ready",
      what: "other attributes and another version",
      ask: (s) => s.put({ ...different, ...info({ version: "2.0.0" }) }),
      status: 409,
    },
  ]);
});

test("an order may say much more than this broker knows, and organisations need not look like GUIDs", async (t) => {
  const { instance } = await openWorld(t);
  const s = await instance("nothing", syncPlan);
  const answer = await s.ask("PUT", s.url, {
    ...order(),
    organization_guid: "-",
    space_guid: "-",
    x_vendor: { anything: [null, 1] },
    context: { platform: "service-manager", signature: "abc", instance_annotations: { "a/b": "c" } },
    maintenance_info: null,
    parameters: null,
  });
  t.equal(answer.status, 201);
  t.match(await s.row(), { organization: "-", space: "-", context: { platform: "service-manager" } });
});

test("a failed order says so: 400 if surely nothing is left, 500 if something may be (Orphan Mitigation)", async (t) => {
  const { instance } = await openWorld(t);
  const clean = await instance("nothing", syncPlan);
  clean.script.provision.push(() => ({ state: "failed", reason: "No room.", clean: true }));
  t.match(await clean.put(), { status: 400, body: { error: "ProvisionFailed", description: "No room." } });
  t.strictSame(told(await clean.remove()), [410, {}]);
  const unclean = await instance("nothing", syncPlan);
  unclean.script.provision.push(() => ({ state: "failed", reason: "Half made.", clean: false }));
  const answer = await unclean.put();
  t.match(answer, { status: 500, body: { error: "ProvisionFailed" } });
  t.notOk("instance_usable" in answer.body || "update_repeatable" in answer.body, "these two are not for orders");
  const slow = await instance("nothing");
  slow.script.provision.push(() => ({ state: "pending", afterMs: 0 }));
  slow.script.provision.push(() => ({ state: "failed", reason: "No room.", clean: true }));
  const { body } = await slow.put();
  await slow.end(String(body.operation));
  t.strictSame((await slow.ask("GET", `${slow.lastOperation}?operation=${body.operation}`)).body, {
    state: "failed",
    description: "No room.",
  });
});

test("a plan that left the catalog cannot be ordered, and a repeated old order still finds its instance", async (t) => {
  const { instance, broker } = await openWorld(t);
  const old = await instance("ready", largerPlan);
  broker.offer([{ ...offering, plans: [planOf(syncPlan)] }], [{ offering, plan: planOf(largerPlan) }]);
  t.match(await old.put(), { status: 200 });
  const fresh = await instance("nothing", largerPlan);
  t.match(await fresh.put(), { status: 400, body: { error: "UnknownPlan" } });
});

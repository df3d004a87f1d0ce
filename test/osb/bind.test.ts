/** PUT …/service_bindings/:binding_id (OSB 2.17, Binding). */
import { test } from "tap";
import { access, asyncPlan, largerPlan, offering, offeringId, planOf, syncPlan } from "../support/broker.ts";
import { createGate } from "../support/gate.ts";
import {
  answersAsTheTableSays,
  asyncRequired,
  type BindingState,
  concurrency,
  type InstanceState,
  openWorld,
  type Row,
  type Subject,
  told,
} from "../support/states.ts";

const different = { parameters: { size: 5 } };
const credentials = { credentials: { password: /^secret-of-/ } };
const conflict = { status: 409, body: { error: "Conflict" } } as const;
const busy = { status: 422, body: concurrency } as const;

test("a first binding is answered by the state of its instance (Binding, Response)", async (t) => {
  const { instance } = await openWorld(t);
  const unusable = { status: 400, body: { error: "InstanceUnusable" } } as const;
  const created = { status: 201, begins: true, body: credentials } as const;
  await answersAsTheTableSays(t, instance, [
    { state: "nothing", ask: (s) => s.bind(), status: 404, body: { error: "NotFound" } },
    { state: "deleted", ask: (s) => s.bind(), status: 404, body: { error: "NotFound" } },
    { state: "provisioning", ask: (s) => s.bind(), ...busy },
    { state: "provision failed", ask: (s) => s.bind(), ...unusable },
    { state: "ready", ask: (s) => s.bind(), ...created },
    { state: "unusable", ask: (s) => s.bind(), ...unusable },
    { state: "updating", ask: (s) => s.bind(), ...busy },
    { state: "deprovisioning", ask: (s) => s.bind(), ...busy },
    { state: "deprovision failed", ask: (s) => s.bind(), ...created },
    { state: "deprovision failed, unusable", ask: (s) => s.bind(), ...unusable },
    {
      state: "ready",
      what: "the provider takes longer",
      first: (s) => s.script.bind.push(() => ({ state: "pending", made: { access: { credentials: { early: "x" } } } })),
      ask: (s) => s.bind(),
      status: 202,
      begins: true,
      afterwards: (_s, { body }, t) => t.strictSame(Object.keys(body), ["operation"], "without any binding data"),
    },
  ]);
});

test("a repeated binding is answered by what is there already, with the same credentials (Binding, Response)", async (t) => {
  const { withBinding } = await openWorld(t);
  const created = { status: 201, begins: true, body: credentials } as const;
  await answersAsTheTableSays(t, withBinding, [
    { state: "nothing", ask: (s) => s.bind(), ...created },
    { state: "deleted", ask: (s) => s.bind(), ...created },
    { state: "binding", what: "the same", ask: (s) => s.bind(), status: 202, sameOperation: true },
    { state: "binding", what: "other attributes", ask: (s) => s.bind(different), ...conflict },
    { state: "bind failed", what: "the same", ask: (s) => s.bind(), ...created },
    { state: "bind failed", what: "other attributes", ask: (s) => s.bind(different), ...conflict },
    {
      state: "bound",
      what: "the same",
      ask: (s) => s.bind(),
      status: 200,
      afterwards: async (s, { body }, t) => {
        const { parameters: _parameters, ...fetched } = (await s.ask("GET", s.binding())).body;
        t.match(body, credentials);
        t.strictSame(body, fetched);
      },
    },
    { state: "bound", what: "other attributes", ask: (s) => s.bind(different), ...conflict },
    { state: "expired", what: "the same", ask: (s) => s.bind(), status: 200, body: { credentials: { user: "u" } } },
    { state: "expired", what: "other attributes", ask: (s) => s.bind(different), ...conflict },
    { state: "unbinding", what: "the same", ask: (s) => s.bind(), ...busy },
    { state: "unbind failed", what: "the same", ask: (s) => s.bind(), ...busy },
    {
      state: "bound",
      what: "the same, while the instance is changed",
      first: async (s) => {
        s.script.update.push(() => ({ state: "pending", afterMs: 3_600_000 }));
        await s.patch({ parameters: { size: 7 } });
      },
      ask: (s) => s.bind(),
      status: 200,
      body: credentials,
    },
  ]);
});

test("each attribute of a binding counts when it is repeated, and nothing else does", async (t) => {
  const { instance } = await openWorld(t);
  const s = await instance("ready", syncPlan);
  const asked = {
    parameters: { size: 1, tags: { a: 1, b: 2 } },
    bind_resource: { app_guid: "app", route: "host.example/path" },
    context: { platform: "cloudfoundry" },
  };
  t.equal((await s.bind(asked)).status, 201);
  const again = (more: object) => s.bind({ ...asked, ...more });
  for (const [what, more] of [
    ["the keys in another order", { parameters: { tags: { b: 2, a: 1 }, size: 1 } }],
    ["another context", { context: { platform: "cloudfoundry", space_annotations: { a: "b" } } }],
    ["the app at the top as well", { app_guid: "app" }],
    [
      "annotations of the app",
      { bind_resource: { ...asked.bind_resource, app_annotations: { a: "b" }, space_guid: "x" } },
    ],
    ["members nobody knows", { x_future: true }],
  ] as const)
    t.equal((await again(more)).status, 200, what);
  for (const [what, more] of [
    ["another plan", { plan_id: largerPlan }],
    ["another app", { bind_resource: { ...asked.bind_resource, app_guid: "other" } }],
    ["another route", { bind_resource: { app_guid: "app", route: "other.example" } }],
    ["no resource", { bind_resource: undefined }],
    ["other parameters", { parameters: { size: 2 } }],
    ["a predecessor", { predecessor_binding_id: "x" }],
  ] as const)
    t.equal((await again(more)).status, 409, what);
  const other = await instance("ready", syncPlan);
  const taken = await other.ask("PUT", `${other.url}/service_bindings/${s.id}-b`, access(syncPlan, asked));
  t.equal(taken.status, 409, "the id belongs to a binding of another instance");
  const bare = await instance("ready", syncPlan);
  await bare.bind();
  for (const parameters of [undefined, null, {}]) t.equal((await bare.bind({ parameters })).status, 200);
});

test("a binding is refused by the first rule it breaks (Binding, Body)", async (t) => {
  const needy = planOf("needy", { requiresApp: true });
  const closed = planOf("closed", { bindable: false });
  const plans = [...offering.plans, needy, closed];
  const { instance, withBinding } = await openWorld(t, { offerings: [{ ...offering, plans }] });
  const row = (what: string, more: object, status: number, body: object, plan = syncPlan): Row<InstanceState> => ({
    state: "ready",
    what,
    plan,
    ask: (s) => s.bind(more),
    status,
    body,
  });
  const malformed = (field: string) => ({ error: "MalformedRequest", description: new RegExp(field) });
  await answersAsTheTableSays(t, instance, [
    ...["service_id", "plan_id"].flatMap((field) =>
      [undefined, null, "", 7].map((value) => row(`${field} ${value}`, { [field]: value }, 400, malformed(field))),
    ),
    ...["context", "parameters", "bind_resource"].flatMap((field) =>
      ["text", []].map((value) => row(`${field} ${JSON.stringify(value)}`, { [field]: value }, 400, malformed(field))),
    ),
    row("an app that is no text", { bind_resource: { app_guid: 7 } }, 400, malformed("app_guid")),
    row("an unknown service", { service_id: "nope" }, 400, { error: "UnknownPlan" }),
    row("an unknown plan", { plan_id: "nope" }, 400, { error: "UnknownPlan" }),
    row("another plan than the instance's", { plan_id: largerPlan }, 400, { error: "PlanMismatch" }),
    row("a plan that cannot be bound", {}, 400, { error: "NotBindable" }, "closed"),
    row("no app where one is needed", {}, 422, { error: "RequiresApp" }, "needy"),
    row("no app and bad parameters", { parameters: { size: 0 } }, 422, { error: "RequiresApp" }, "needy"),
    row("bad parameters", { parameters: { size: 0 } }, 400, {
      error: "InvalidParameters",
      description: /parameters\.size/,
    }),
    {
      state: "nothing",
      what: "an unknown plan of an unknown instance",
      ask: (s) => s.bind({ plan_id: "nope" }),
      status: 400,
      body: { error: "UnknownPlan" },
    },
    {
      state: "provisioning",
      what: "another plan than that of an instance not ready",
      ask: (s) => s.bind({ plan_id: largerPlan }),
      ...busy,
    },
  ]);
  const bound: Row<BindingState> = {
    state: "bound",
    what: "a conflict comes before bad parameters",
    ask: (s) => s.bind({ parameters: { size: 0 } }),
    ...conflict,
  };
  await answersAsTheTableSays(t, withBinding, [bound]);
});

test("the app may be named in either place, and in bind_resource first (Bind Resource Object)", async (t) => {
  const needy = planOf("needy", { requiresApp: true });
  const { instance } = await openWorld(t, { offerings: [{ ...offering, plans: [needy] }] });
  for (const [more, appGuid] of [
    [{ app_guid: "top" }, "top"],
    [{ bind_resource: { app_guid: "inner", space_guid: "s", credential_client_id: "c" } }, "inner"],
    [{ app_guid: "top", bind_resource: { app_guid: "inner" } }, "inner"],
    [{ app_guid: "top", bind_resource: {} }, "top"],
    [{ app_guid: "top", bind_resource: null }, "top"],
  ] as const) {
    const s = await instance("ready", "needy");
    t.equal((await s.bind(more)).status, 201, JSON.stringify(more));
    t.equal((await s.bindingRow())?.appGuid, appGuid);
  }
});

test("a binding on a plan that takes long needs accepts_incomplete=true (Asynchronous Operations)", async (t) => {
  const { instance, withBinding } = await openWorld(t);
  const without = (query: string) => ({
    what: query,
    ask: (s: Subject) => s.ask("PUT", `${s.binding()}${query}`, access(asyncPlan)),
    status: 422,
    body: asyncRequired,
  });
  const both = [without(""), without("?accepts_incomplete=false")];
  await answersAsTheTableSays(
    t,
    withBinding,
    (["nothing", "binding", "bound", "unbinding"] as const).flatMap((state) => both.map((row) => ({ state, ...row }))),
  );
  const absent = await instance("nothing");
  t.equal((await absent.ask("PUT", absent.binding(), access(asyncPlan))).status, 404, "404 comes before AsyncRequired");
});

test("a binding that is made within its request is named to others only if they accept 202", async (t) => {
  const { instance } = await openWorld(t);
  const s = await instance("ready", syncPlan);
  const gate = createGate(s.succeed);
  s.script.bind.push(gate.act);
  const first = s.ask("PUT", s.binding(), access());
  await gate.entered;
  t.match(await s.ask("PUT", s.binding(), access()), busy);
  const second = await s.bind();
  t.strictSame([second.status, Object.keys(second.body)], [202, ["operation"]]);
  gate.open();
  t.match(await first, { status: 201, body: credentials });
});

test("whatever a back end hands out is worded as the specification says (Binding, Body)", async (t) => {
  const requires = ["syslog_drain", "route_forwarding", "volume_mount"] as const;
  const { instance } = await openWorld(t, { offerings: [{ ...offering, requires }] });
  const s = await instance("ready", syncPlan);
  s.script.bind.push(() => ({
    state: "done",
    made: {
      access: {
        credentials: { uri: "x://y" },
        endpoints: [{ host: "db.example", ports: ["5432", "9000-9010"], protocol: "tcp" }],
        volumeMounts: [
          { driver: "d", container_dir: "/data", mode: "rw", device_type: "shared", device: { volume_id: "v" } },
        ],
        routeServiceUrl: "https://proxy.example",
        syslogDrainUrl: "syslog-tls://logs.example:6514",
        expiresAt: "2030-12-31T23:59:59.987+01:00",
        renewBefore: "2030-06-30T00:00:00Z",
      },
    },
  }));
  const expected = {
    credentials: { uri: "x://y" },
    endpoints: [{ host: "db.example", ports: ["5432", "9000-9010"], protocol: "tcp" }],
    volume_mounts: [
      { driver: "d", container_dir: "/data", mode: "rw", device_type: "shared", device: { volume_id: "v" } },
    ],
    route_service_url: "https://proxy.example",
    syslog_drain_url: "syslog-tls://logs.example:6514",
    metadata: { expires_at: "2030-12-31T22:59:59.9Z", renew_before: "2030-06-30T00:00:00.0Z" },
  };
  const made = await s.bind();
  t.strictSame([made.status, made.body], [201, expected]);
  t.strictSame((await s.bind()).body, expected);
  t.strictSame((await s.ask("GET", s.binding())).body, { ...expected, parameters: {} });
  const bare = await instance("ready", syncPlan);
  bare.script.bind.push(() => ({ state: "done" }));
  t.strictSame((await bare.bind()).body, {}, "what there is not is left out, not null");
});

test("a drain, a route or a volume is handed out only by an offering that declares it (requires)", async (t) => {
  const access = {
    credentials: { user: "u" },
    syslogDrainUrl: "syslog-tls://logs.example",
    routeServiceUrl: "https://proxy.example",
    volumeMounts: [{ driver: "d" }],
  };
  for (const [requires, names] of [
    [[], []],
    [["syslog_drain"], ["syslog_drain_url"]],
    [["route_forwarding"], ["route_service_url"]],
    [["volume_mount"], ["volume_mounts"]],
  ] as const) {
    const { instance } = await openWorld(t, { offerings: [{ ...offering, requires }] });
    const s = await instance("ready", syncPlan);
    s.script.bind.push(() => ({ state: "done", made: { access } }));
    for (const answer of [await s.bind(), await s.bind()])
      t.strictSame(Object.keys(answer.body), ["credentials", ...names], `requires ${requires}`);
    t.strictSame(Object.keys((await s.ask("GET", s.binding())).body), ["credentials", ...names, "parameters"]);
  }
});

test("a binding is never to be renewed after it expires (Binding Metadata Object)", async (t) => {
  const { instance } = await openWorld(t);
  const s = await instance("ready", syncPlan);
  const expiresAt = "2030-01-01T00:00:00Z";
  s.script.bind.push(() => ({ state: "done", made: { access: { expiresAt, renewBefore: "2030-01-02T00:00:00Z" } } }));
  t.strictSame((await s.bind()).body, { metadata: { expires_at: "2030-01-01T00:00:00.0Z" } });
});

test("every binding has credentials of its own, and revoking one leaves the others", async (t) => {
  const { instance } = await openWorld(t);
  const s = await instance("ready");
  const first = await s.bind({}, "first");
  const second = await s.bind({}, "second");
  t.notSame(first.body, second.body);
  t.equal((await s.unbind("first")).status, 200);
  t.same((await s.bind({}, "second")).body, second.body);
});

test("a binding that fails says so: 400 if surely nothing is left, 500 if something may be", async (t) => {
  const { instance } = await openWorld(t);
  const s = await instance("ready", syncPlan);
  s.script.bind.push(() => ({ state: "failed", reason: "No more users.", clean: true }));
  t.match(await s.bind(), { status: 400, body: { error: "BindFailed", description: "No more users." } });
  t.strictSame(told(await s.unbind()), [410, {}]);
  s.script.bind.push(() => ({ state: "failed", reason: "Half made.", clean: false }));
  const answer = await s.bind();
  t.match(answer, { status: 500, body: { error: "BindFailed" } });
  t.notOk("instance_usable" in answer.body);
});

test("an instance on a plan that left the catalog can still be bound", async (t) => {
  const { instance, broker } = await openWorld(t);
  const s = await instance("ready", syncPlan);
  broker.offer([{ ...offering, plans: [planOf(asyncPlan)] }], [{ offering, plan: planOf(syncPlan) }]);
  t.equal((await s.bind({ service_id: offeringId })).status, 201);
});

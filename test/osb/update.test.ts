/** PATCH /v2/service_instances/:instance_id (OSB 2.17, Updating a Service Instance). */
import { type Test, test } from "tap";
import { access, asyncPlan, largerPlan, offering, planOf, syncPlan } from "../support/broker.ts";
import { createGate } from "../support/gate.ts";
import {
  answersAsTheTableSays,
  asyncRequired,
  concurrency,
  type InstanceState,
  openWorld,
  type Row,
  type Subject,
} from "../support/states.ts";

const bigger = { parameters: { size: 9 } };
const flags = { instance_usable: undefined, update_repeatable: undefined };

test("a change is answered by the state of its instance (Updating, Response)", async (t) => {
  const { instance } = await openWorld(t);
  const busy = { status: 422, body: concurrency } as const;
  const unusable = { error: "InstanceUnusable", instance_usable: false } as const;
  await answersAsTheTableSays(t, instance, [
    { state: "nothing", ask: (s) => s.patch(bigger), status: 404, body: { error: "NotFound" } },
    { state: "deleted", ask: (s) => s.patch(bigger), status: 404, body: { error: "NotFound" } },
    { state: "provisioning", ask: (s) => s.patch(bigger), ...busy },
    { state: "provisioning", what: "a change that changes nothing", ask: (s) => s.patch(), ...busy },
    {
      state: "provision failed",
      ask: (s) => s.patch(bigger),
      status: 422,
      body: { ...unusable, update_repeatable: false },
    },
    { state: "ready", what: "a change that changes nothing", ask: (s) => s.patch(), status: 200, body: {} },
    { state: "ready", ask: (s) => s.patch(bigger), status: 200, begins: true, body: { dashboard_url: String } },
    {
      state: "ready",
      what: "the provider takes longer",
      first: (s) => s.script.update.push(() => ({ state: "pending", made: { dashboardUrl: "https://new.example" } })),
      ask: (s) => s.patch(bigger),
      status: 202,
      begins: true,
      body: { operation: /^[a-z0-9]{26}$/, dashboard_url: "https://new.example" },
    },
    {
      state: "unusable",
      what: "repaired",
      ask: (s) => s.patch(bigger),
      status: 200,
      begins: true,
      afterwards: isUsable,
    },
    { state: "updating", what: "the same", ask: (s) => s.patch(bigger), status: 202, sameOperation: true },
    { state: "updating", what: "another", ask: (s) => s.patch({ parameters: { size: 8 } }), ...busy },
    { state: "updating", what: "a change that changes nothing", ask: (s) => s.patch(), ...busy },
    { state: "deprovisioning", ask: (s) => s.patch(bigger), ...busy },
    { state: "deprovision failed", ask: (s) => s.patch(bigger), status: 200, begins: true },
    { state: "deprovision failed, unusable", ask: (s) => s.patch(bigger), status: 422, body: unusable },
  ]);
});

async function isUsable(s: Subject, _answer: unknown, t: Test) {
  t.match(await s.row(), { state: "ready", usable: true });
}

test("what changes nothing is answered 200 without a call to the provider (Updating, Body)", async (t) => {
  const { instance } = await openWorld(t);
  const unchanged = (what: string, more: object): Row<InstanceState> => ({
    state: "ready",
    what,
    ask: (s) => s.patch(more),
    status: 200,
    afterwards: (_s, answer, t) => t.strictSame(answer.body, {}),
  });
  await answersAsTheTableSays(t, instance, [
    unchanged("only the service", { plan_id: undefined }),
    unchanged("the plan it has", { plan_id: asyncPlan }),
    unchanged("empty parameters", { parameters: {} }),
    unchanged("null parameters", { parameters: null }),
    unchanged("the maintenance version it has", { maintenance_info: { version: "1.0.0", description: "other" } }),
    unchanged("maintenance_info without a version", { maintenance_info: {} }),
    unchanged("previous values", {
      previous_values: {
        plan_id: "any",
        service_id: "any",
        organization_id: "o",
        space_id: "s",
        maintenance_info: null,
      },
    }),
    unchanged("members nobody knows", { x_future: 1, organization_guid: "other" }),
  ]);
});

test("a plan, parameters or both are changed, and what is not named stays (Updating, Body)", async (t) => {
  const { instance } = await openWorld(t);
  const s = await instance("nothing", syncPlan);
  await s.put({ parameters: { size: 1, colour: "red" } });
  t.equal((await s.patch({ parameters: { size: 2 } })).status, 200);
  t.match(await s.ask("GET", s.url), { body: { plan_id: syncPlan, parameters: { size: 2, colour: "red" } } });
  t.equal((await s.patch({ plan_id: largerPlan })).status, 200);
  t.match(await s.ask("GET", s.url), { body: { plan_id: largerPlan, parameters: { size: 2, colour: "red" } } });
  t.equal((await s.patch({ plan_id: largerPlan, parameters: { size: 3 } })).status, 200);
  t.equal((await s.patch({ plan_id: undefined, parameters: { size: 4 } })).status, 200);
  t.match(await s.ask("GET", s.url), { body: { plan_id: largerPlan, parameters: { size: 4, colour: "red" } } });
  t.equal(s.calls.filter((call) => call.startsWith("update")).length, 4);
});

test("a change that cannot be is refused by the first rule it breaks, and nothing is changed", async (t) => {
  const foreign = { ...offering, id: "o2", name: "other", plans: [planOf("p2", { offeringId: "o2" })] };
  const fixed = planOf("fixed", { planUpdateable: false });
  const elsewhere = planOf("elsewhere", { provider: "another account" });
  const strict = planOf("strict", {
    schemas: { create: { $schema: "http://json-schema.org/draft-04/schema#", required: ["size"] } },
  });
  const plans = [...offering.plans, fixed, elsewhere, strict];
  const { instance } = await openWorld(t, { offerings: [{ ...offering, plans }, foreign] });
  const row = (what: string, more: object, status: number, body: object, plan = syncPlan): Row<InstanceState> => ({
    state: "ready",
    what,
    plan,
    ask: (s) => s.patch(more),
    status,
    body,
  });
  const moved = { status: 422, body: { error: "PlanChangeNotSupported", update_repeatable: false } } as const;
  await answersAsTheTableSays(t, instance, [
    ...[undefined, null, "", 1].map((value) =>
      row(`service_id ${value}`, { service_id: value }, 400, { error: "MalformedRequest", description: /service_id/ }),
    ),
    row("parameters of the wrong type", { parameters: [] }, 400, { error: "MalformedRequest" }),
    row("previous_values of the wrong type", { previous_values: 1 }, 400, { error: "MalformedRequest" }),
    row("an unknown service", { service_id: "nope" }, 400, { error: "UnknownPlan" }),
    row("an unknown plan", { plan_id: "nope" }, 400, { error: "UnknownPlan" }),
    row("a plan of another offering", { plan_id: "p2" }, 400, { error: "UnknownPlan" }),
    row("another service", { service_id: "o2", plan_id: undefined }, 400, { error: "PlanMismatch" }),
    { ...row("a plan that is not updatable", { plan_id: syncPlan }, 422, moved.body, "fixed") },
    row("a plan of another provider account", { plan_id: "elsewhere" }, 422, moved.body),
    row(
      "a plan change with an old maintenance version",
      { plan_id: largerPlan, maintenance_info: { version: "0.9.0" } },
      422,
      {
        error: "MaintenanceInfoConflict",
      },
    ),
    row(
      "a maintenance version and bad parameters",
      { maintenance_info: { version: "0.9.0" }, parameters: { size: 0 } },
      422,
      {
        error: "MaintenanceInfoConflict",
      },
    ),
    row(
      "a forbidden plan change and a maintenance version",
      { plan_id: syncPlan, maintenance_info: { version: "0.9.0" } },
      422,
      moved.body,
      "fixed",
    ),
    row("bad parameters", { parameters: { size: 0 } }, 400, {
      error: "InvalidParameters",
      description: /parameters\.size/,
    }),
    row("a plan whose schema the parameters break", { plan_id: "strict" }, 400, { error: "InvalidParameters" }),
  ]);
});

test("parameters may change on a plan that cannot be left", async (t) => {
  const { instance } = await openWorld(t, {
    offerings: [{ ...offering, plans: [planOf(syncPlan, { planUpdateable: false }), planOf(largerPlan)] }],
  });
  const s = await instance("ready", syncPlan);
  t.equal((await s.patch(bigger)).status, 200);
  t.equal((await s.patch({ plan_id: syncPlan, parameters: { size: 10 } })).status, 200, "the plan it has is no change");
});

test("whether a change needs accepts_incomplete is for the plan it leads to (Asynchronous Operations)", async (t) => {
  const { instance } = await openWorld(t);
  const away = await instance("ready", syncPlan);
  t.match(await away.ask("PATCH", away.url, access(asyncPlan)), { status: 422, body: asyncRequired });
  t.match(await away.ask("PATCH", `${away.url}?accepts_incomplete=false`, access(asyncPlan)), { status: 422 });
  const back = await instance("ready", asyncPlan);
  t.equal((await back.ask("PATCH", back.url, access(syncPlan))).status, 200);
  const absent = await instance("nothing", asyncPlan);
  t.equal((await absent.ask("PATCH", absent.url, access(asyncPlan))).status, 404, "404 comes before AsyncRequired");
  const running = await instance("updating", asyncPlan);
  t.match(await running.ask("PATCH", running.url, access(asyncPlan, bigger)), { status: 422, body: asyncRequired });
});

test("a new context is kept where the offering allows it, and is no change elsewhere (allow_context_updates)", async (t) => {
  const closed = {
    ...offering,
    id: "o2",
    name: "closed",
    allowContextUpdates: false,
    plans: [planOf("p2", { offeringId: "o2" })],
  };
  const { instance } = await openWorld(t, { offerings: [offering, closed] });
  const renamed = { platform: "cloudfoundry", instance_name: "renamed" };
  const s = await instance("ready", syncPlan);
  const answer = await s.patch({ context: renamed });
  t.strictSame([answer.status, answer.body], [200, {}]);
  t.match(await s.row(), { context: renamed });
  t.notOk(
    s.calls.some((call) => call.startsWith("update")),
    "the provider is not asked",
  );
  const other = await instance("nothing", "p2");
  await other.put({ service_id: "o2" });
  t.equal((await other.patch({ service_id: "o2", context: renamed })).status, 200);
  t.match(await other.row(), { context: {} });
});

test("a back end is told of a change the context that comes with it", async (t) => {
  const { instance } = await openWorld(t);
  const s = await instance("ready", syncPlan);
  const context = { platform: "kubernetes", namespace: "moved" };
  let seen: unknown;
  s.script.update.push((given) => {
    seen = given.instance.context;
    return { state: "done" };
  });
  t.equal((await s.patch({ ...bigger, context })).status, 200);
  t.strictSame(seen, context);
  t.strictSame((await s.row())?.context, context);
});

test("an instance with an older maintenance version is brought to the catalog's (Updating, maintenance_info)", async (t) => {
  const { instance, broker } = await openWorld(t);
  const s = await instance("ready", syncPlan);
  broker.offer([{ ...offering, plans: [planOf(syncPlan, { maintenanceInfo: { version: "1.1.0" } })] }]);
  t.match(await s.ask("GET", s.url), { body: { maintenance_info: { version: "1.0.0" } } });
  t.match(await s.patch({ maintenance_info: { version: "1.0.0" } }), {
    status: 422,
    body: { error: "MaintenanceInfoConflict" },
  });
  t.equal((await s.patch(bigger)).status, 200, "a change without one leaves the version");
  t.match(await s.ask("GET", s.url), { body: { maintenance_info: { version: "1.0.0" } } });
  t.equal((await s.patch({ maintenance_info: { version: "1.1.0", description: "not looked at" } })).status, 200);
  t.match(await s.ask("GET", s.url), { body: { maintenance_info: { version: "1.1.0" } } });
  t.equal((await s.patch({ maintenance_info: { version: "1.1.0" } })).status, 200, "once is enough");
  t.equal(s.calls.filter((call) => call.startsWith("update")).length, 2);
});

test("a change that fails leaves everything as it was, and says whether to go on (instance_usable, update_repeatable)", async (t) => {
  const { instance } = await openWorld(t);
  for (const [outcome, status, body] of [
    [{ clean: true }, 400, { instance_usable: true, update_repeatable: true }],
    [{ clean: true, repeatable: false }, 400, { instance_usable: true, update_repeatable: false }],
    [{ clean: true, usable: false }, 400, { instance_usable: false, update_repeatable: true }],
    [{ clean: false, usable: false, repeatable: false }, 500, { instance_usable: false, update_repeatable: false }],
  ] as const) {
    const s = await instance("ready", syncPlan);
    s.script.update.push(() => ({ state: "failed", reason: "Too full.", ...outcome }));
    const answer = await s.patch({ plan_id: largerPlan, ...bigger });
    t.match(answer, { status, body: { error: "UpdateFailed", description: "Too full.", ...body } });
    t.match(await s.row(), { state: "ready", planId: syncPlan, usable: body.instance_usable });
    t.strictSame((await s.row())?.parameters.reveal(), {});
    const late = await instance("ready", asyncPlan);
    late.script.update.push(() => ({ state: "pending", afterMs: 0 }));
    late.script.update.push(() => ({ state: "failed", reason: "Too full.", ...outcome }));
    const token = String((await late.patch(bigger)).body.operation);
    await late.end(token);
    t.strictSame((await late.ask("GET", `${late.lastOperation}?operation=${token}`)).body, {
      state: "failed",
      description: "Too full.",
      ...body,
    });
    t.match(await late.row(), { state: "ready", planId: asyncPlan });
  }
});

test("until a change is done its instance has the old values", async (t) => {
  const { instance } = await openWorld(t);
  const s = await instance("updating");
  t.strictSame((await s.row())?.parameters.reveal(), {});
  s.open();
  await s.end();
  t.strictSame((await s.row())?.parameters.reveal(), { size: 9 });
  t.equal((await s.patch(bigger)).status, 200, "the same change again is done");
});

test("a change that is carried out within its request is named to others only if they accept 202", async (t) => {
  const { instance } = await openWorld(t);
  const s = await instance("ready", syncPlan);
  const gate = createGate(s.succeed);
  s.script.update.push(gate.act);
  const first = s.ask("PATCH", s.url, access(syncPlan, bigger));
  await gate.entered;
  t.match(await s.ask("PATCH", s.url, access(syncPlan, bigger)), { status: 422, body: { ...concurrency, ...flags } });
  t.match(await s.patch(bigger), { status: 202, body: { operation: String } });
  gate.open();
  t.equal((await first).status, 200);
});

test("an adapter that cannot change instances makes its plans say so", async (t) => {
  const { instance, broker } = await openWorld(t);
  const s = await instance("ready", syncPlan);
  broker.offer([{ ...offering, plans: [planOf(syncPlan), planOf("unserved", { provider: "without adapter" })] }]);
  const { body } = await s.ask("GET", "/catalog");
  t.match(body, { services: [{ plans: [{ plan_updateable: true }, { plan_updateable: false, bindable: false }] }] });
});

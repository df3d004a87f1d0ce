/** PUT …/service_bindings/:binding_id with predecessor_binding_id (OSB 2.17, Binding Rotation). */
import { test } from "tap";
import { largerPlan, offering, planOf, syncPlan } from "../support/broker.ts";
import { createGate } from "../support/gate.ts";
import {
  accepted,
  answersAsTheTableSays,
  type BindingState,
  concurrency,
  openWorld,
  type Row,
  type Subject,
} from "../support/states.ts";

const rotate = (s: Subject, more: object = {}, name = "new") =>
  s.ask("PUT", `${s.binding(name)}?${accepted}`, { predecessor_binding_id: `${s.id}-b`, ...more });
const invalid = { status: 400, body: { error: "InvalidPredecessor" } } as const;

test("a rotation is answered by the state of the predecessor (Rotating a Service Binding, Response)", async (t) => {
  const { withBinding } = await openWorld(t);
  await answersAsTheTableSays(t, withBinding, [
    { state: "nothing", ask: rotate, ...invalid },
    { state: "deleted", ask: rotate, ...invalid },
    { state: "binding", ask: rotate, status: 422, body: concurrency },
    { state: "bind failed", ask: rotate, ...invalid },
    { state: "bound", ask: rotate, status: 201, begins: true, body: { credentials: { password: String } } },
    { state: "expired", ask: rotate, status: 400, body: { error: "InvalidPredecessor", description: /expired/ } },
    { state: "unbinding", ask: rotate, status: 422, body: concurrency },
    { state: "unbind failed", ask: rotate, ...invalid },
    {
      state: "bound",
      what: "the provider takes longer",
      first: (s) => s.script.bind.push(() => ({ state: "pending", afterMs: 3_600_000 })),
      ask: rotate,
      status: 202,
      begins: true,
      body: { operation: String, credentials: undefined },
    },
  ]);
});

test("a rotation is refused by the first rule it breaks", async (t) => {
  const plans = [...offering.plans, planOf("rigid", { bindingRotatable: false })];
  const { withBinding, instance } = await openWorld(t, { offerings: [{ ...offering, plans }] });
  const row = (what: string, more: object, status: number, body: object, plan = syncPlan): Row<BindingState> => ({
    state: "bound",
    what,
    plan,
    ask: (s) => rotate(s, more),
    status,
    body,
  });
  await answersAsTheTableSays(t, withBinding, [
    row("a plan without rotation", {}, 400, { error: "NotRotatable" }, "rigid"),
    row("another service", { service_id: "other", plan_id: syncPlan }, 400, { error: "UnknownPlan" }),
    row("another service alone", { service_id: "other" }, 400, { error: "PlanMismatch" }),
    row("another plan", { plan_id: largerPlan }, 400, { error: "PlanMismatch" }),
    row("a predecessor nobody knows", { predecessor_binding_id: "nobody" }, 400, invalid.body),
    row("itself", { predecessor_binding_id: undefined }, 400, { error: "MalformedRequest" }),
    row("bad parameters", { parameters: { size: 0 } }, 400, { error: "InvalidParameters" }),
    {
      state: "nothing",
      what: "the new binding as its own predecessor",
      ask: (s) => rotate(s, { predecessor_binding_id: `${s.id}-new` }),
      ...invalid,
    },
  ]);
  const [one, other] = [await withBinding("bound"), await instance("ready")];
  t.match(await rotate(other, { predecessor_binding_id: `${one.id}-b` }), invalid, "a binding of another instance");
});

test("the successor takes over what the predecessor has and what is not sent anew (Binding Rotation)", async (t) => {
  const { instance } = await openWorld(t);
  const s = await instance("ready", syncPlan);
  const old = await s.bind({ parameters: { size: 4 }, bind_resource: { app_guid: "app", route: "r.example" } });
  const fresh = await rotate(s);
  t.equal(fresh.status, 201);
  t.notSame(fresh.body, old.body, "it has credentials of its own");
  t.match(await s.bindingRow("new"), {
    appGuid: "app",
    bindResource: { route: "r.example" },
    predecessor: `${s.id}-b`,
  });
  t.strictSame((await s.bindingRow("new"))?.parameters.reveal(), { size: 4 });
  t.equal((await rotate(s, { parameters: { size: 6 } }, "other")).status, 201);
  t.strictSame((await s.bindingRow("other"))?.parameters.reveal(), { size: 6 });
  t.same(
    (await s.bind({ parameters: { size: 4 }, bind_resource: { app_guid: "app", route: "r.example" } })).body,
    old.body,
  );
});

test("a repeated rotation finds the successor, even when the predecessor is gone", async (t) => {
  const { withBinding } = await openWorld(t);
  const s = await withBinding("bound");
  const first = await rotate(s);
  t.same((await rotate(s)).body, first.body);
  t.equal(
    (await rotate(s, { predecessor_binding_id: `${s.id}-x` })).status,
    409,
    "another predecessor is another request",
  );
  t.equal((await s.unbind()).status, 200);
  const again = await rotate(s);
  t.strictSame([again.status, again.body], [200, first.body]);
  t.equal((await s.ask("GET", s.binding("new"))).status, 200, "and it works on");
});

test("while a rotation is under way its predecessor stays", async (t) => {
  const { withBinding } = await openWorld(t);
  const s = await withBinding("bound");
  const gate = createGate(s.succeed);
  s.script.bind.push(() => ({ state: "pending", afterMs: 0 }), gate.act);
  const begun = await rotate(s);
  await gate.entered;
  t.match(await s.unbind(), { status: 422, body: concurrency });
  t.match(await rotate(s), { status: 202, body: { operation: begun.body.operation } });
  gate.open();
  await s.end(String(begun.body.operation));
  t.equal((await s.unbind()).status, 200);
  t.equal((await rotate(s)).status, 200);
});

test("a rotation needs no app where a first binding does", async (t) => {
  const needy = planOf("needy", { requiresApp: true });
  const { instance } = await openWorld(t, { offerings: [{ ...offering, plans: [needy] }] });
  const s = await instance("ready", "needy");
  t.equal((await s.bind({ app_guid: "app" })).status, 201);
  t.equal((await rotate(s)).status, 201);
  t.match(await s.bindingRow("new"), { appGuid: "app" });
});

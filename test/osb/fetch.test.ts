/** GET instance and GET binding (OSB 2.17, Fetching a Service Instance, Fetching a Service Binding). */
import { test } from "tap";
import { largerPlan, offering, offeringId, planOf, syncPlan } from "../support/broker.ts";
import { answersAsTheTableSays, concurrency, openWorld, type Subject } from "../support/states.ts";

const fetchInstance = (s: Subject) => s.ask("GET", s.url);
const fetchBinding = (s: Subject) => s.ask("GET", s.binding());
const nothing = { status: 404, body: { error: "NotFound" } } as const;
const busy = { status: 422, body: concurrency } as const;

test("an instance can be fetched when it is there and nobody changes it (Fetching a Service Instance)", async (t) => {
  const { instance } = await openWorld(t);
  await answersAsTheTableSays(t, instance, [
    { state: "nothing", ask: fetchInstance, ...nothing },
    { state: "deleted", ask: fetchInstance, ...nothing },
    { state: "provisioning", ask: fetchInstance, ...nothing },
    { state: "provision failed", ask: fetchInstance, ...nothing },
    { state: "ready", ask: fetchInstance, status: 200 },
    { state: "unusable", ask: fetchInstance, status: 200 },
    { state: "updating", ask: fetchInstance, ...busy },
    { state: "deprovisioning", ask: fetchInstance, ...busy },
    { state: "deprovision failed", ask: fetchInstance, status: 200 },
    { state: "deprovision failed, unusable", ask: fetchInstance, status: 200 },
  ]);
});

test("a binding can be fetched when it is there (Fetching a Service Binding)", async (t) => {
  const { withBinding, instance } = await openWorld(t);
  await answersAsTheTableSays(t, withBinding, [
    { state: "nothing", ask: fetchBinding, ...nothing },
    { state: "deleted", ask: fetchBinding, ...nothing },
    { state: "binding", ask: fetchBinding, ...nothing },
    { state: "bind failed", ask: fetchBinding, ...nothing },
    { state: "bound", ask: fetchBinding, status: 200, body: { credentials: { password: String } } },
    {
      state: "expired",
      ask: fetchBinding,
      status: 200,
      body: { credentials: { user: "u" }, metadata: { expires_at: "2020-01-01T00:00:00.0Z" } },
    },
    { state: "unbinding", ask: fetchBinding, ...nothing },
    { state: "unbind failed", ask: fetchBinding, status: 200, body: { credentials: { password: String } } },
    {
      state: "bound",
      what: "under another instance",
      ask: (s) => s.ask("GET", `/service_instances/other/service_bindings/${s.id}-b`),
      ...nothing,
    },
  ]);
  await answersAsTheTableSays(t, instance, [{ state: "nothing", ask: fetchBinding, ...nothing }]);
});

test("what is fetched is what is there, without nulls and without an operation (Fetching, Body)", async (t) => {
  const { instance } = await openWorld(t);
  const s = await instance("nothing", syncPlan);
  s.script.provision.push(() => ({
    state: "done",
    made: {
      dashboardUrl: "https://dashboard.example/1",
      metadata: { labels: { zone: "a" }, attributes: { size: 1 } },
    },
  }));
  const metadata = { labels: { zone: "a" }, attributes: { size: 1 } };
  const created = await s.put({ parameters: { size: 1 }, maintenance_info: { version: "1.0.0", description: "d" } });
  t.strictSame(created.body, { dashboard_url: "https://dashboard.example/1", metadata });
  t.strictSame((await fetchInstance(s)).body, {
    service_id: offeringId,
    plan_id: syncPlan,
    parameters: { size: 1 },
    maintenance_info: { version: "1.0.0" },
    dashboard_url: "https://dashboard.example/1",
    metadata,
  });
});

test("what an update tells replaces what was told before, labels and attributes each whole (Metadata Object)", async (t) => {
  const { instance } = await openWorld(t);
  const s = await instance("nothing", syncPlan);
  s.script.provision.push(() => ({
    state: "done",
    made: { metadata: { labels: { zone: "a", tier: "1" }, attributes: { size: 1, replica: "b" } } },
  }));
  await s.put();
  const updates = [
    { told: { labels: { tier: "2" } }, shown: { labels: { tier: "2" }, attributes: { size: 1, replica: "b" } } },
    { told: { attributes: { size: 2 } }, shown: { labels: { tier: "2" }, attributes: { size: 2 } } },
    { told: undefined, shown: { labels: { tier: "2" }, attributes: { size: 2 } } },
    { told: {}, shown: { labels: { tier: "2" }, attributes: { size: 2 } } },
    { told: { attributes: {} }, shown: { labels: { tier: "2" } } },
  ];
  for (const [index, { told, shown }] of updates.entries()) {
    s.script.update.push(() => ({ state: "done", ...(told !== undefined && { made: { metadata: told } }) }));
    const moved = await s.patch({ plan_id: index % 2 === 0 ? largerPlan : syncPlan });
    t.strictSame(moved.body.metadata, shown, JSON.stringify(told));
    t.strictSame((await fetchInstance(s)).body.metadata, shown);
  }
});

test("hints about service and plan are welcome and need not be right (Fetching, Parameters)", async (t) => {
  const { withBinding } = await openWorld(t);
  const s = await withBinding("bound");
  for (const query of [`service_id=${offeringId}&plan_id=${syncPlan}`, "service_id=&plan_id=", "plan_id=wrong&x=y"]) {
    t.equal((await s.ask("GET", `${s.url}?${query}`)).status, 200, query);
    t.equal((await s.ask("GET", `${s.binding()}?${query}`)).status, 200, query);
  }
});

test("what was ordered asynchronously can be fetched from the moment it has succeeded", async (t) => {
  const { instance, withBinding } = await openWorld(t);
  const s = await instance("provisioning");
  s.open();
  await s.end();
  t.match(await s.ask("GET", s.lastOperation), { body: { state: "succeeded" } });
  t.equal((await fetchInstance(s)).status, 200);
  const b = await withBinding("binding");
  b.open();
  await b.end();
  t.match(await b.ask("GET", `${b.binding()}/last_operation`), { body: { state: "succeeded" } });
  t.match(await fetchBinding(b), { status: 200, body: { credentials: { password: String } } });
});

test("an instance on a plan that left the catalog can still be fetched", async (t) => {
  const { withBinding, broker } = await openWorld(t);
  const s = await withBinding("bound", largerPlan);
  broker.offer([{ ...offering, plans: [planOf(syncPlan)] }], [{ offering, plan: planOf(largerPlan) }]);
  t.equal((await fetchInstance(s)).status, 200);
  t.equal((await fetchBinding(s)).status, 200);
});

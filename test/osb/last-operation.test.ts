/** GET …/last_operation (OSB 2.17, Polling Last Operation for Service Instances, and for Service Bindings). */
import { test } from "tap";
import { hints, offering, offeringId, order, planOf, syncPlan } from "../support/broker.ts";
import { createGate } from "../support/gate.ts";
import { answersAsTheTableSays, openWorld, type Subject } from "../support/states.ts";

const poll = (s: Subject) => s.ask("GET", s.lastOperation);
const pollBinding = (s: Subject) => s.ask("GET", `${s.binding()}/last_operation`);
const under = (state: string, more: object = {}) => ({ status: 200, body: { state, ...more } }) as const;
const noFlags = { instance_usable: undefined, update_repeatable: undefined };

test("a poll tells the newest operation of an instance (Polling Last Operation for Service Instances, Response)", async (t) => {
  const { instance } = await openWorld(t);
  const reason = { description: "The provider said no." };
  await answersAsTheTableSays(t, instance, [
    { state: "nothing", ask: poll, status: 404 },
    { state: "provisioning", ask: poll, ...under("in progress", noFlags) },
    { state: "provision failed", ask: poll, ...under("failed", { ...reason, ...noFlags }) },
    { state: "ready", ask: poll, ...under("succeeded", { description: undefined, ...noFlags }) },
    {
      state: "unusable",
      ask: poll,
      ...under("failed", { ...reason, instance_usable: false, update_repeatable: true }),
    },
    { state: "updating", ask: poll, ...under("in progress", noFlags) },
    { state: "deprovisioning", ask: poll, ...under("in progress", noFlags) },
    {
      state: "deprovision failed",
      ask: poll,
      ...under("failed", { ...reason, instance_usable: true, update_repeatable: undefined }),
    },
    {
      state: "deprovision failed, unusable",
      ask: poll,
      ...under("failed", { ...reason, instance_usable: false, update_repeatable: undefined }),
    },
    { state: "deleted", ask: poll, ...under("succeeded", noFlags) },
  ]);
});

test("a poll tells the newest operation of a binding (Polling Last Operation for Service Bindings, Response)", async (t) => {
  const { withBinding } = await openWorld(t);
  await answersAsTheTableSays(t, withBinding, [
    { state: "nothing", ask: pollBinding, status: 404 },
    { state: "binding", ask: pollBinding, ...under("in progress", noFlags) },
    { state: "bind failed", ask: pollBinding, ...under("failed", { description: /./, ...noFlags }) },
    { state: "bound", ask: pollBinding, ...under("succeeded", noFlags) },
    { state: "unbinding", ask: pollBinding, ...under("in progress", noFlags) },
    { state: "unbind failed", ask: pollBinding, ...under("failed", { description: /./, ...noFlags }) },
    { state: "deleted", ask: pollBinding, ...under("succeeded", noFlags) },
    {
      state: "bound",
      what: "under another instance",
      ask: (s) => s.ask("GET", `/service_instances/other/service_bindings/${s.id}-b/last_operation`),
      status: 404,
    },
  ]);
});

test("an operation that is named is told of, whatever came after it (operation)", async (t) => {
  const { withBinding, instance } = await openWorld(t);
  const s = await withBinding("binding");
  const bind = s.operation;
  s.open();
  await s.end();
  s.script.deprovision.push(() => ({ state: "pending", afterMs: 3_600_000 }));
  const removal = String((await s.remove()).body.operation);
  const of = async (url: string, operation: string) =>
    (await s.ask("GET", `${url}/last_operation?operation=${encodeURIComponent(operation)}`)).body.state;
  t.equal(await of(s.binding(), bind), "succeeded");
  t.equal(await of(s.url, removal), "in progress");
  t.equal(await of(s.url, bind), "in progress", "a binding's operation is none of the instance: the newest counts");
  const other = await instance("provisioning");
  t.equal(await of(s.url, other.operation), "in progress", "another instance's operation: the newest counts");
  for (const stale of ["", "unknown", "ü/ &?", "x".repeat(10_000)]) t.equal(await of(s.url, stale), "in progress");
});

test("hints about service and plan are ignored, before and after a plan change (Parameters)", async (t) => {
  const { instance } = await openWorld(t);
  const s = await instance("updating");
  for (const query of [hints(), "service_id=&plan_id=&operation=", "plan_id=wrong", `service_id=${offeringId}`, ""])
    t.match(
      await s.ask("GET", `${s.lastOperation}?${query}&operation=${s.operation}`.replace("operation=&", "")),
      under("in progress"),
    );
});

test("while an operation is under way Retry-After says in whole seconds when to ask again", async (t) => {
  const { instance, withBinding } = await openWorld(t);
  const s = await instance("provisioning");
  t.match((await poll(s)).headers, { "retry-after": "10" });
  t.notOk("retry-after" in (await poll(await instance("ready"))).headers);
  t.match((await pollBinding(await withBinding("unbinding"))).headers, { "retry-after": "10" });
});

test("a note from the provider is shown while it works, and no empty description ever", async (t) => {
  const { instance } = await openWorld(t);
  const s = await instance("nothing");
  s.script.provision.push(() => ({ state: "pending", afterMs: 3_600_000, note: "Half done." }));
  await s.put();
  t.strictSame((await poll(s)).body, { state: "in progress", description: "Half done." });
  const quiet = await instance("nothing");
  quiet.script.provision.push(() => ({ state: "pending", afterMs: 3_600_000, note: "" }));
  await quiet.put();
  t.strictSame((await poll(quiet)).body, { state: "in progress" });
});

test("an operation within a request can be polled by others, and its result stays known", async (t) => {
  const { instance } = await openWorld(t);
  const s = await instance("nothing", syncPlan);
  const gate = createGate(s.succeed);
  s.script.provision.push(gate.act);
  const first = s.ask("PUT", s.url, order());
  await gate.entered;
  t.match(await poll(s), under("in progress"));
  gate.open();
  await first;
  for (let times = 0; times < 3; times++) t.match(await poll(s), under("succeeded"));
});

test("an operation that is not done in time has failed, and what it left is removed (maximum_polling_duration)", async (t) => {
  const hasty = planOf("hasty", { execution: "async", maximumPollingDuration: 0 });
  const { instance } = await openWorld(t, { offerings: [{ ...offering, plans: [hasty] }] });
  const s = await instance("nothing", "hasty");
  const gate = createGate(s.succeed);
  s.script.deprovision.push(gate.act);
  s.script.provision.push((given, tools) => {
    s.succeed(given, tools);
    return { state: "pending", afterMs: 0 };
  });
  t.equal((await s.put()).status, 500, "it had no time at all");
  t.match(await poll(s), under("failed", { description: /in time/ }));
  await gate.entered;
  t.match(await poll(s), under("failed", { description: /in time/ }), "the clean-up is the broker's own affair");
  const removal = await s.remove();
  gate.open();
  await s.end(String(removal.body.operation));
  t.equal(s.inventory.size, 0);
});

test("a database that does not answer makes a poll say so, never that the operation failed", async (t) => {
  const { instance, broker, withBinding } = await openWorld(t);
  const s = await instance("provisioning");
  const b = await withBinding("binding");
  const fresh = await instance("nothing");
  await broker.open.knex.raw("ALTER TABLE operations RENAME TO away");
  for (const answer of [await poll(s), await pollBinding(b)])
    t.match(answer, { status: 503, headers: { "retry-after": /^\d+$/ }, body: { error: "Unavailable" } });
  t.match(await fresh.put(), { status: 500, body: { error: "InternalError" } }, "other requests say that nobody knows");
  await broker.open.knex.raw("ALTER TABLE away RENAME TO operations");
  t.match(await poll(s), under("in progress"));
});

test("what has ended is remembered for more than a week, after deletion too", async (t) => {
  const { instance, broker } = await openWorld(t);
  const s = await instance("deprovisioning");
  s.open();
  await s.end();
  const eightDays = 8 * 24 * 3600 * 1000;
  await broker.open.knex("operations").update({ finished_at: Date.now() - eightDays });
  t.match(await s.ask("GET", `${s.lastOperation}?operation=${s.operation}`), under("succeeded"));
  t.match(await poll(s), under("succeeded"));
});

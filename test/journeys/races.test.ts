/** Requests that meet on one instance or binding, on both databases. Every meeting is arranged by events, never by time. */
import { setImmediate as nextTurn } from "node:timers/promises";
import t, { type Test } from "tap";
import {
  type Answer,
  access,
  asyncPlan,
  hints,
  largerPlan,
  offering,
  order,
  planOf,
  syncPlan,
  type TestBroker,
} from "../support/broker.ts";
import { createGate, holdAt } from "../support/gate.ts";
import type { Scripted } from "../support/scripted.ts";
import { accepted, told } from "../support/states.ts";
import { storiesOnBothDatabases } from "../support/stories.ts";

const story = await storiesOnBothDatabases(t);

const instance = "/service_instances/i1";
const binding = `${instance}/service_bindings/b1`;
const lastOperation = `${instance}/last_operation`;
const different = { parameters: { size: 5 } };
const busy = { status: 422, body: { error: "ConcurrencyError" } };

type Broker = TestBroker & Scripted;

/** The usual requests, all of which accept 202. */
function requests({ ask, engine }: Broker, plan = asyncPlan) {
  const query = `${hints(plan)}&${accepted}`;
  return {
    put: (more: object = {}) => ask("PUT", `${instance}?${accepted}`, order(plan, more)),
    patch: (more: object = different) => ask("PATCH", `${instance}?${accepted}`, access(plan, more)),
    remove: () => ask("DELETE", `${instance}?${query}`),
    bind: (more: object = {}, url = binding) => ask("PUT", `${url}?${accepted}`, access(plan, more)),
    unbind: (url = binding) => ask("DELETE", `${url}?${query}`),
    rotate: (url: string) => ask("PUT", `${url}?${accepted}`, { predecessor_binding_id: "b1" }),
    poll: (operation?: unknown, url = lastOperation) =>
      ask("GET", operation === undefined ? url : `${url}?operation=${operation}`),
    end: (answer: Answer) => engine.finished(String(answer.body.operation), 10_000),
  };
}

async function nothingIsLeft(t: Test, broker: Broker): Promise<void> {
  t.equal(broker.inventory.size, 0, "nothing is left at the provider");
  t.equal((await broker.open.store.readInstance("a", "i1"))?.state, "deleted");
}

// ---- orders ------------------------------------------------------------------------------------------------------

story("two identical orders make one instance and name one operation", async (t, start) => {
  const broker = await start();
  const { put, end } = requests(broker);
  const gate = holdAt(broker.script.provision, broker.succeed);
  const answers = await Promise.all([put(), put()]);
  t.strictSame(
    answers.map(({ status }) => status),
    [202, 202],
  );
  const [first, second] = answers;
  t.equal(first?.body.operation, second?.body.operation);
  await gate.entered;
  gate.open();
  for (const answer of answers) await end(answer);
  t.equal(broker.inventory.size, 1);
});

story("of two different orders on one id the first wins", async (t, start) => {
  const broker = await start();
  const { put } = requests(broker);
  const statuses = (await Promise.all([put(), put(different)])).map(({ status }) => status);
  t.strictSame(statuses.sort(), [201, 409]);
  t.equal(broker.inventory.size, 1);
});

story("a deletion halts the order it meets, and both tell how they ended", async (t, start) => {
  const broker = await start();
  const { put, remove, poll, end } = requests(broker);
  const gate = holdAt(broker.script.provision, broker.succeed);
  const order = await put();
  await gate.entered;
  const removal = await remove();
  t.equal(removal.status, 202);
  await gate.aborted;
  await end(removal);
  await nothingIsLeft(t, broker);
  t.match(await poll(order.body.operation), { body: { state: "failed", description: /Cancelled/ } });
  t.match(await poll(removal.body.operation), { body: { state: "succeeded" } });
});

story("a deletion reaches the order whose platform hung up", async (t, start) => {
  const broker = await start();
  const { remove, end } = requests(broker, syncPlan);
  const gate = createGate(broker.succeed);
  broker.script.provision.push(gate.act);
  const abandoned = broker.ask("PUT", instance, order());
  await gate.entered;
  const removal = await remove();
  await gate.aborted;
  if (removal.status === 202) await end(removal);
  await nothingIsLeft(t, broker);
  t.match(await abandoned, { status: 500, body: { error: "ProvisionFailed" } });
});

story("a deletion at the very moment the order is done leaves nothing, whoever comes first", async (t, start) => {
  const broker = await start();
  const { put, remove, poll, end } = requests(broker);
  for (let round = 0; round < 10; round++) {
    const gate = holdAt(broker.script.provision, broker.succeed);
    const order = await put();
    await gate.entered;
    gate.open();
    const removal = await remove();
    t.ok([200, 202].includes(removal.status), `round ${round}: ${removal.status}`);
    if (removal.status === 202) await end(removal);
    await nothingIsLeft(t, broker);
    const { state } = (await poll(order.body.operation)).body;
    t.ok(state === "succeeded" || state === "failed", `round ${round}: the order ${state}`);
    t.equal((await remove()).status, 410);
  }
});

story("a result that comes after its order was deleted is undone", async (t, start) => {
  const broker = await start();
  const { put, remove, poll, end } = requests(broker);
  const gate = holdAt(broker.script.provision, broker.succeed, true);
  const order = await put();
  await gate.entered;
  const removal = await remove();
  t.equal(removal.status, 202);
  await gate.aborted;
  t.match(await poll(removal.body.operation), { body: { state: "in progress" } }, "the deletion waits for it");
  gate.open();
  await end(removal);
  t.equal(broker.calls.filter((call) => call.startsWith("deprovision")).length, 1);
  await nothingIsLeft(t, broker);
  t.match(await poll(order.body.operation), { body: { state: "failed" } });
  t.match(await poll(), { body: { state: "succeeded" } });
});

story("while an order is carried out its instance can be neither changed, bound nor fetched", async (t, start) => {
  const broker = await start();
  const { put, patch, bind } = requests(broker);
  const gate = holdAt(broker.script.provision, broker.succeed);
  await put();
  await gate.entered;
  t.match(await bind(), busy);
  t.match(await patch(), busy);
  t.equal((await broker.ask("GET", instance)).status, 404);
  t.equal((await broker.ask("GET", binding)).status, 404);
});

story("the deletion after an order that was refused finds nothing", async (t, start) => {
  const broker = await start();
  const { put, remove } = requests(broker);
  t.equal((await put({ parameters: { size: 0 } })).status, 400);
  t.strictSame(told(await remove()), [410, {}]);
  broker.script.provision.push(() => ({ state: "failed", reason: "No room.", clean: true }));
  t.equal((await put()).status, 400);
  t.strictSame(told(await remove()), [410, {}]);
  t.strictSame(
    broker.calls.map((call) => call.split(" ")[0]),
    ["provision"],
  );
});

story("an id is used again after its instance was cleaned up, as a new instance", async (t, start) => {
  const broker = await start();
  const { put, remove, poll, end } = requests(broker);
  broker.script.provision.push(() => ({ state: "failed", reason: "Half made.", clean: false }));
  t.equal((await put()).status, 500);
  const removal = await remove();
  if (removal.status === 202) await end(removal);
  const old = await broker.open.store.readInstance("a", "i1");
  t.equal((await put(different)).status, 201, "with other attributes, too");
  const fresh = await broker.open.store.readInstance("a", "i1");
  t.not(fresh?.uid, old?.uid);
  t.match(await poll(), { body: { state: "succeeded" } });
  t.equal(broker.inventory.size, 1);
});

story("an order repeated after a change is a conflict with what there is now", async (t, start) => {
  const broker = await start();
  const { put, patch } = requests(broker);
  await put();
  t.equal((await patch()).status, 200);
  t.equal((await put()).status, 409);
  t.equal((await put(different)).status, 200);
});

story("an order repeated after the catalog's maintenance version moved is still the same order", async (t, start) => {
  const broker = await start();
  const { put, end } = requests(broker);
  const info = { maintenance_info: { version: "1.0.0" } };
  const gate = holdAt(broker.script.provision, broker.succeed);
  const begun = await put(info);
  await gate.entered;
  broker.offer([
    { ...offering, plans: [planOf(asyncPlan, { execution: "async", maintenanceInfo: { version: "2.0.0" } })] },
  ]);
  t.match(await put(info), { status: 202, body: { operation: begun.body.operation } });
  gate.open();
  await end(begun);
  t.equal((await put(info)).status, 200);
});

// ---- deletions ---------------------------------------------------------------------------------------------------

story("two deletions are one, and once it is done there is nothing to delete", async (t, start) => {
  const broker = await start();
  const { put, remove, end } = requests(broker);
  await put();
  const gate = holdAt(broker.script.deprovision, broker.succeed);
  const [first, second] = await Promise.all([remove(), remove()]);
  t.strictSame([first.status, second.status], [202, 202]);
  t.equal(first.body.operation, second.body.operation);
  await gate.entered;
  gate.open();
  await end(first);
  t.strictSame(told(await remove()), [410, {}]);
  t.equal(
    broker.calls.filter((call) => call.startsWith("deprovision")).length,
    2,
    "one step that waited, one that did it",
  );
});

story("an order cannot cancel a deletion, and is new when that is done", async (t, start) => {
  const broker = await start();
  const { put, remove, end } = requests(broker);
  await put();
  const gate = holdAt(broker.script.deprovision, broker.succeed);
  const removal = await remove();
  await gate.entered;
  t.match(await put(), busy);
  gate.open();
  await end(removal);
  t.equal((await put()).status, 201);
});

story("while an instance is deleted nothing else happens to it", async (t, start) => {
  const broker = await start();
  const { put, bind, unbind, patch, remove, end } = requests(broker);
  await put();
  await bind();
  const gate = holdAt(broker.script.deprovision, broker.succeed);
  const removal = await remove();
  await gate.entered;
  t.match(await bind({}, `${instance}/service_bindings/b2`), busy);
  t.match(await patch(), busy);
  t.match(await broker.ask("GET", instance), busy);
  t.ok([202, 410, 422].includes((await unbind()).status));
  gate.open();
  await end(removal);
  await nothingIsLeft(t, broker);
});

story("a deletion is accepted with the plan from before and from after a change", async (t, start) => {
  const broker = await start();
  const before = requests(broker, syncPlan);
  const after = requests(broker, largerPlan);
  for (const { remove } of [before, after]) {
    await before.put();
    t.equal((await after.patch({})).status, 200);
    t.equal((await broker.ask("GET", instance)).body.plan_id, largerPlan);
    t.equal((await remove()).status, 200);
  }
});

// ---- changes -----------------------------------------------------------------------------------------------------

story("two identical changes are one", async (t, start) => {
  const broker = await start();
  const { put, patch, end } = requests(broker);
  await put();
  const gate = holdAt(broker.script.update, broker.succeed);
  const [first, second] = await Promise.all([patch(), patch()]);
  t.strictSame([first.status, second.status], [202, 202]);
  t.equal(first.body.operation, second.body.operation);
  await gate.entered;
  gate.open();
  await end(first);
  t.strictSame((await patch()).body, {}, "and a third changes nothing");
});

story("of two different changes at once one is refused", async (t, start) => {
  const broker = await start();
  const { put, patch } = requests(broker);
  await put();
  const gate = holdAt(broker.script.update, broker.succeed);
  const statuses = (await Promise.all([patch(), patch({ parameters: { size: 7 } })])).map(({ status }) => status);
  t.strictSame(statuses.sort(), [202, 422]);
  gate.open();
});

story("while an instance is changed it can be neither deleted nor bound", async (t, start) => {
  const broker = await start();
  const { put, patch, remove, bind, end } = requests(broker);
  await put();
  const gate = holdAt(broker.script.update, broker.succeed);
  const change = await patch();
  await gate.entered;
  t.match(await remove(), busy);
  t.match(await bind(), busy);
  gate.open();
  await end(change);
  t.equal((await bind()).status, 201);
  t.equal((await remove()).status, 200);
});

// ---- bindings ----------------------------------------------------------------------------------------------------

story("unbinding halts the binding it meets, and both tell how they ended", async (t, start) => {
  const broker = await start();
  const { put, bind, unbind, poll, end } = requests(broker);
  await put();
  const gate = holdAt(broker.script.bind, broker.succeed);
  const begun = await bind();
  await gate.entered;
  const removal = await unbind();
  t.equal(removal.status, 202);
  await gate.aborted;
  await end(removal);
  t.equal(broker.inventory.size, 1, "only the instance is left");
  const url = `${binding}/last_operation`;
  t.match(await poll(begun.body.operation, url), { body: { state: "failed" } });
  t.match(await poll(removal.body.operation, url), { body: { state: "succeeded" } });
  t.equal((await unbind()).status, 410);
});

story("access that is made after it was taken back is taken back again", async (t, start) => {
  const broker = await start();
  const { put, bind, unbind, end } = requests(broker);
  await put();
  const gate = holdAt(broker.script.bind, broker.succeed, true);
  await bind();
  await gate.entered;
  const removal = await unbind();
  await gate.aborted;
  gate.open();
  await end(removal);
  t.equal(broker.inventory.size, 1, "only the instance is left");
  t.match(await broker.open.store.readBinding("a", "b1"), { state: "deleted", access: undefined });
});

story("an instance is not deleted while one of its bindings is being made", async (t, start) => {
  const broker = await start();
  const { put, bind, remove, end } = requests(broker);
  await put();
  const gate = holdAt(broker.script.bind, broker.succeed);
  const begun = await bind();
  await gate.entered;
  t.match(await remove(), busy);
  gate.open();
  await end(begun);
  t.equal((await remove()).status, 200);
  await nothingIsLeft(t, broker);
});

story(
  "a deletion overtakes a binding that was given up, and access that it still makes is taken back",
  async (t, start) => {
    const broker = await start({ patience: { syncMs: 200, quickMs: 2000 } });
    const { put, remove, end } = requests(broker, syncPlan);
    t.equal((await put()).status, 201);
    // A back end that makes access whether or not the instance is there.
    const gate = createGate(broker.succeed, true);
    broker.script.bind.push(gate.act);
    const given = broker.ask("PUT", binding, access());
    await gate.entered;
    t.match(await given, { status: 500, body: { error: "TimedOut" } });
    const removal = await remove();
    if (removal.status === 202) await end(removal);
    t.equal((await broker.open.store.readInstance("a", "i1"))?.state, "deleted");
    const takenBack = Promise.withResolvers<void>();
    broker.script.unbind.push((...all) => {
      takenBack.resolve();
      return broker.succeed(...all);
    });
    gate.open();
    await takenBack.promise;
    await nothingIsLeft(t, broker);
  },
);

story("a deletion that overtakes the undoing of a change waits for the change itself", async (t, start) => {
  const broker = await start({ patience: { syncMs: 200, quickMs: 2000 } });
  const { put, remove, end } = requests(broker, syncPlan);
  t.equal((await put()).status, 201);
  const gate = createGate(broker.succeed, true);
  broker.script.update.push(gate.act);
  const given = broker.ask("PATCH", instance, access(syncPlan, different));
  await gate.entered;
  t.match(await given, { status: 500, body: { error: "TimedOut" } });
  const removal = await remove();
  t.match(removal, { status: 202 });
  // The other way round it would be over within a look or two.
  t.equal(await broker.engine.finished(String(removal.body.operation), 200), undefined);
  t.notOk(
    broker.calls.some((call) => call.startsWith("deprovision")),
    "the change is not over",
  );
  gate.open();
  await end(removal);
  await nothingIsLeft(t, broker);
});

story("a binding and the deletion of its instance at once never leave access behind", async (t, start) => {
  const broker = await start();
  const { put, bind, remove, end } = requests(broker);
  for (let round = 0; round < 10; round++) {
    await put();
    const [bound, removal] = await Promise.all([bind(), remove()]);
    t.ok([201, 202, 404, 422].includes(bound.status), `round ${round}: bind ${bound.status}`);
    t.ok([200, 202, 422].includes(removal.status), `round ${round}: delete ${removal.status}`);
    for (const answer of [bound, removal]) if (answer.status === 202) await end(answer);
    if (removal.status === 422) t.equal((await remove()).status, 200);
    await nothingIsLeft(t, broker);
  }
});

story("two identical bindings are one, and another under the same id is a conflict", async (t, start) => {
  const broker = await start();
  const { put, bind, end } = requests(broker);
  await put();
  const gate = holdAt(broker.script.bind, broker.succeed);
  const [first, second] = await Promise.all([bind(), bind()]);
  t.strictSame([first.status, second.status], [202, 202]);
  t.equal(first.body.operation, second.body.operation);
  t.equal((await bind(different)).status, 409);
  await gate.entered;
  gate.open();
  await end(first);
  t.equal(broker.inventory.size, 2);
});

story("two bindings on one instance are made side by side", async (t, start) => {
  const broker = await start();
  const { put, bind, end } = requests(broker);
  await put();
  const gates = [createGate(broker.succeed), createGate(broker.succeed)];
  const hold = () => ({ state: "pending", afterMs: 0 }) as const;
  broker.script.bind.push(hold, hold, ...gates.map(({ act }) => act));
  const answers = await Promise.all([bind(), bind({}, `${instance}/service_bindings/b2`)]);
  for (const gate of gates) await gate.entered;
  t.pass("both are under way at the same time");
  for (const gate of gates) gate.open();
  for (const answer of answers) await end(answer);
  t.equal(broker.inventory.size, 3);
});

story(
  "where bindings are made one at a time, of two at once one waits, and a change waits for both",
  async (t, start) => {
    const broker = await start({ switches: { serializeBindings: true } });
    const { put, patch, bind } = requests(broker);
    await put();
    const gate = holdAt(broker.script.bind, broker.succeed);
    const answers = await Promise.all([bind(), bind({}, `${instance}/service_bindings/b2`)]);
    t.strictSame(answers.map(({ status }) => status).sort(), [202, 422]);
    await gate.entered;
    gate.open();
    const won = answers.find(({ status }) => status === 202);
    await requests(broker).end(won ?? answers[0]);
    const other = holdAt(broker.script.bind, broker.succeed);
    holdAt(broker.script.update, broker.succeed);
    const both = await Promise.all([patch(), bind({}, `${instance}/service_bindings/b3`)]);
    t.strictSame(both.map(({ status }) => status).sort(), [202, 422]);
    other.open();
  },
);

story("from the moment a binding has succeeded its credentials can be fetched", async (t, start) => {
  const broker = await start();
  const { put, bind, poll } = requests(broker);
  await put();
  const gate = holdAt(broker.script.bind, broker.succeed);
  const begun = await bind();
  t.match(await poll(begun.body.operation, `${binding}/last_operation`), { body: { state: "in progress" } });
  t.equal((await broker.ask("GET", binding)).status, 404);
  await gate.entered;
  gate.open();
  for (;;) {
    const { state } = (await poll(begun.body.operation, `${binding}/last_operation`)).body;
    const fetched = await broker.ask("GET", binding);
    if (state === "in progress") {
      await nextTurn();
      continue;
    }
    t.equal(state, "succeeded");
    t.match(fetched, { status: 200, body: { credentials: { password: String } } });
    break;
  }
});

story("a binding that is being taken back cannot be rotated", async (t, start) => {
  const broker = await start();
  const { put, bind, unbind, rotate, end } = requests(broker);
  await put();
  await bind();
  const gate = holdAt(broker.script.unbind, broker.succeed);
  const removal = await unbind();
  await gate.entered;
  t.match(await rotate(`${instance}/service_bindings/b2`), busy);
  gate.open();
  await end(removal);
  t.match(await rotate(`${instance}/service_bindings/b2`), { status: 400 });
});

story("a rotation and the removal of its predecessor at once end in order", async (t, start) => {
  const broker = await start();
  const { put, bind, unbind, rotate, end } = requests(broker);
  const successor = `${instance}/service_bindings/b2`;
  await put();
  for (let round = 0; round < 10; round++) {
    await bind();
    const [fresh, removal] = await Promise.all([rotate(successor), unbind()]);
    for (const answer of [fresh, removal]) if (answer.status === 202) await end(answer);
    const seen = `round ${round}: ${fresh.status} ${removal.status}`;
    t.ok([201, 202, 400, 422].includes(fresh.status) && [200, 202, 422].includes(removal.status), seen);
    if (removal.status === 422) t.equal((await unbind()).status, 200);
    const made = fresh.status === 201 || fresh.status === 202;
    t.equal((await broker.ask("GET", successor)).status, made ? 200 : 404, seen);
    if (made) t.equal((await unbind(successor)).status, 200);
  }
  t.equal(broker.inventory.size, 1);
});

story("a successor works on when its predecessor is taken back right after the rotation", async (t, start) => {
  const broker = await start();
  const { put, bind, unbind, rotate } = requests(broker);
  const successor = `${instance}/service_bindings/b2`;
  await put();
  await bind();
  const fresh = await rotate(successor);
  t.equal((await unbind()).status, 200);
  const { parameters: _parameters, ...fetched } = (await broker.ask("GET", successor)).body;
  t.strictSame(fetched, fresh.body);
  t.strictSame((await rotate(successor)).body, fresh.body);
});

// ---- polls -------------------------------------------------------------------------------------------------------

story("whoever has been told 202 can poll at once", async (t, start) => {
  const broker = await start();
  const { put, remove, poll } = requests(broker);
  for (let round = 0; round < 5; round++) {
    broker.script.provision.push(() => ({ state: "pending", afterMs: 3_600_000 }));
    const begun = await put();
    t.equal(begun.status, 202);
    t.match(await poll(begun.body.operation), { status: 200, body: { state: "in progress" } });
    t.match(await broker.open.store.readOperation(String(begun.body.operation)), { state: "open" });
    const removal = await remove();
    if (removal.status === 202) await requests(broker).end(removal);
  }
});

story("an unknown or foreign operation stands for the newest, a known one for itself", async (t, start) => {
  const broker = await start();
  const { put, patch, poll, end } = requests(broker);
  const gate = holdAt(broker.script.provision, broker.succeed);
  const begun = await put();
  await gate.entered;
  gate.open();
  await end(begun);
  const change = holdAt(broker.script.update, broker.succeed);
  const changing = await patch();
  await change.entered;
  t.match(await poll(begun.body.operation), { body: { state: "succeeded" } }, "the order");
  t.match(await poll(changing.body.operation), { body: { state: "in progress" } }, "the change");
  for (const operation of ["unknown", ""]) t.match(await poll(operation), { body: { state: "in progress" } });
  await broker.ask("PUT", `/service_instances/i2?${accepted}`, order(asyncPlan));
  const foreign = await broker.open.store.readInstance("a", "i2");
  const other = await broker.open.store.readNewestOperation(String(foreign?.uid), undefined);
  t.match(await poll(other?.token), { body: { state: "in progress" } }, "another instance's");
});

story("a finished operation is told the same however often and late, after deletion too", async (t, start) => {
  const broker = await start();
  const { put, remove, poll, end } = requests(broker);
  const gate = holdAt(broker.script.provision, broker.succeed);
  const begun = await put();
  await gate.entered;
  gate.open();
  await end(begun);
  const first = await poll(begun.body.operation);
  const held = holdAt(broker.script.deprovision, broker.succeed);
  const removal = await remove();
  await held.entered;
  t.match(await poll(), { body: { state: "in progress" } }, "without a name: the deletion");
  held.open();
  await end(removal);
  const sevenDays = 7 * 24 * 3600 * 1000;
  await broker.open.knex("operations").update({ finished_at: Date.now() - sevenDays });
  for (let times = 0; times < 3; times++) t.same((await poll(begun.body.operation)).body, first.body);
  t.match(await poll(removal.body.operation), { body: { state: "succeeded" } });
  t.match(await poll(), { body: { state: "succeeded" } });
});

// ---- catalog, restarts and replicas ------------------------------------------------------------------------------

story("instances of a plan that left the catalog live on", async (t, start) => {
  const broker = await start();
  const { put, patch, bind, unbind, remove, poll } = requests(broker, syncPlan);
  await put();
  broker.offer([{ ...offering, plans: [planOf(largerPlan)] }], [{ offering, plan: planOf(syncPlan) }]);
  t.equal((await patch()).status, 200, "changed");
  t.equal((await broker.ask("GET", instance)).status, 200, "fetched");
  t.equal((await bind()).status, 201, "bound");
  t.equal((await unbind()).status, 200, "unbound");
  t.equal((await poll()).status, 200, "polled");
  t.equal((await remove()).status, 200, "deleted");
  t.match(await put(), { status: 400, body: { error: "UnknownPlan" } }, "but not ordered anew");
});

story("a broker that is started again goes on where it was stopped", async (t, start) => {
  const before = await start();
  const first = requests(before);
  const gate = holdAt(before.script.provision, before.succeed);
  const begun = await first.put();
  await gate.entered;
  await before.stop();
  const after = await start();
  const { poll, end } = requests(after);
  await end(begun);
  t.match(await poll(begun.body.operation), { body: { state: "succeeded" } });
  t.strictSame(
    after.calls.map((call) => call.split(" ")[0]),
    ["provision"],
  );
});

const onPostgresql = ["PostgreSQL"] as const;

story(
  "of two replicas one carries an operation out, and both tell of it",
  async (t, start) => {
    const [one, other] = [await start(), await start()];
    const gate = holdAt(one.script.provision, one.succeed);
    const rival = holdAt(other.script.provision, other.succeed);
    const begun = await requests(one).put();
    const taken = await Promise.race([gate.entered.then(() => one), rival.entered.then(() => other)]);
    one.engine.wake();
    other.engine.wake();
    t.match(await requests(other).put(), { status: 202, body: { operation: begun.body.operation } });
    t.match(await requests(other).poll(begun.body.operation), { body: { state: "in progress" } });
    gate.open();
    rival.open();
    await requests(other).end(begun);
    t.equal(one.inventory.size + other.inventory.size, 1);
    t.equal(taken.inventory.size, 1, "the one that had taken it");
    t.match(await requests(one).poll(begun.body.operation), { body: { state: "succeeded" } });
  },
  onPostgresql,
);

story(
  "a deletion at one replica halts the order that another carries out",
  async (t, start) => {
    const [one, other] = [await start(), await start()];
    const gate = createGate(one.succeed);
    one.script.provision.push(gate.act);
    const waiting = one.ask("PUT", instance, order());
    await gate.entered;
    const removal = await requests(other, syncPlan).remove();
    t.ok([200, 202].includes(removal.status));
    await gate.aborted;
    if (removal.status === 202) await requests(other).end(removal);
    t.match(await waiting, { status: 500 });
    t.match(await one.open.store.readInstance("a", "i1"), { state: "deleted" });
    t.equal(one.inventory.size + other.inventory.size, 0);
  },
  onPostgresql,
);

story(
  "identical orders at two replicas make one instance, different ones conflict",
  async (t, start) => {
    const [one, other] = [await start(), await start()];
    for (let round = 0; round < 5; round++) {
      const same = await Promise.all([requests(one, syncPlan).put(), requests(other, syncPlan).put()]);
      t.ok(
        same.every(({ status }) => [200, 201, 202].includes(status)),
        `round ${round}`,
      );
      for (const answer of same) if (answer.status === 202) await requests(one).end(answer);
      t.equal(one.inventory.size + other.inventory.size, 1);
      t.equal((await requests(one, syncPlan).remove()).status, 200);
      one.inventory.clear();
      other.inventory.clear();
      const unlike = await Promise.all([requests(one, syncPlan).put(), requests(other, syncPlan).put(different)]);
      t.strictSame(unlike.map(({ status }) => status).sort(), [201, 409]);
      t.equal((await requests(other, syncPlan).remove()).status, 200);
      one.inventory.clear();
      other.inventory.clear();
    }
  },
  onPostgresql,
);

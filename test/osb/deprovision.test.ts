/** DELETE /v2/service_instances/:instance_id (OSB 2.17, Deprovisioning). */
import { type Test, test } from "tap";
import { type Answer, asyncPlan, hints, offering, offeringId, planOf, syncPlan } from "../support/broker.ts";
import { createGate, holdAt } from "../support/gate.ts";
import {
  accepted,
  answersAsTheTableSays,
  asyncRequired,
  concurrency,
  openWorld,
  type Subject,
} from "../support/states.ts";

const gone = async (s: Subject, _answer: unknown, t: Test) => {
  t.equal((await s.row())?.state, "deleted");
  t.equal(s.inventory.size, 0, "nothing is left at the provider");
};

test("a deletion is answered by the state of its instance (Deprovisioning, Response)", async (t) => {
  const { instance } = await openWorld(t);
  const absent = {
    status: 410,
    body: {},
    afterwards: (_s: Subject, answer: Answer, t: Test) =>
      t.match(answer.headers, { "content-type": /^application\/json/ }),
  } as const;
  const done = { status: 200, begins: true, body: {}, afterwards: gone } as const;
  await answersAsTheTableSays(t, instance, [
    { state: "nothing", ask: (s) => s.remove(), ...absent },
    { state: "deleted", ask: (s) => s.remove(), ...absent },
    { state: "provision failed", ask: (s) => s.remove(), ...done },
    { state: "ready", ask: (s) => s.remove(), ...done },
    { state: "unusable", ask: (s) => s.remove(), ...done },
    { state: "deprovision failed", ask: (s) => s.remove(), ...done },
    { state: "deprovision failed, unusable", ask: (s) => s.remove(), ...done },
    { state: "updating", ask: (s) => s.remove(), status: 422, body: concurrency },
    { state: "deprovisioning", ask: (s) => s.remove(), status: 202, sameOperation: true },
    {
      state: "ready",
      what: "the provider takes longer",
      first: (s) => holdAt(s.script.deprovision, s.succeed),
      ask: (s) => s.remove(),
      status: 202,
      begins: true,
      body: { operation: /^[a-z0-9]{26}$/ },
    },
  ]);
});

test("a deletion that cannot be done at once needs accepts_incomplete=true, there or not (Asynchronous Operations)", async (t) => {
  const { instance } = await openWorld(t);
  const without = (query: string) => ({
    what: query,
    ask: (s: Subject) => s.ask("DELETE", `${s.url}?${hints(asyncPlan)}${query}`),
    status: 422,
    body: asyncRequired,
  });
  const states = [
    "nothing",
    "deleted",
    "provisioning",
    "provision failed",
    "ready",
    "updating",
    "deprovisioning",
  ] as const;
  await answersAsTheTableSays(
    t,
    instance,
    states.flatMap((state) => [
      { state, ...without("") },
      { state, ...without("&accepts_incomplete=false") },
    ]),
  );
  const s = await instance("ready", asyncPlan);
  const named = await s.ask("DELETE", `${s.url}?${hints(syncPlan)}`);
  t.match(named, { status: 422, body: asyncRequired }, "it is the instance's plan that counts, not the one named");
});

test("a deletion needs service_id and plan_id, and nobody compares them (Deprovisioning, Parameters)", async (t) => {
  const { instance } = await openWorld(t);
  const missing = [
    "",
    `service_id=${offeringId}`,
    `plan_id=${asyncPlan}`,
    `service_id=&plan_id=`,
    `service_id=x&plan_id=`,
  ];
  await answersAsTheTableSays(
    t,
    instance,
    (["nothing", "ready", "deprovisioning"] as const).flatMap((state) =>
      missing.map((query) => ({
        state,
        what: query,
        ask: (s: Subject) => s.ask("DELETE", `${s.url}?${accepted}&${query}`),
        status: 400,
        body: { error: "MalformedRequest", description: /service_id and plan_id/ },
      })),
    ),
  );
  for (const query of [hints("of nobody"), "service_id=other&plan_id=other", hints(syncPlan)]) {
    const s = await instance("ready", asyncPlan);
    t.equal((await s.ask("DELETE", `${s.url}?${accepted}&${query}`)).status, 200, query);
    t.equal((await s.ask("DELETE", `${s.url}?${accepted}&${query}`)).status, 410, query);
  }
});

test("a deletion while the order is still carried out halts it, then removes what it made", async (t) => {
  const { instance } = await openWorld(t);
  const s = await instance("provisioning");
  const removal = await s.remove();
  t.equal(removal.status, 202);
  t.not(removal.body.operation, s.operation);
  await s.end(String(removal.body.operation));
  await gone(s, removal, t);
  const ended = (operation: string) => s.ask("GET", `${s.lastOperation}?operation=${operation}`);
  t.match(await ended(s.operation), { status: 200, body: { state: "failed", description: /Cancelled/ } });
  t.match(await ended(String(removal.body.operation)), { status: 200, body: { state: "succeeded" } });
  t.match(
    await s.ask("GET", s.lastOperation),
    { status: 200, body: { state: "succeeded" } },
    "without a name: the deletion",
  );
});

test("a deletion that must be done at once halts the order too, and is done when it is answered", async (t) => {
  const { instance } = await openWorld(t);
  const s = await instance("nothing", syncPlan);
  const gate = createGate(s.succeed);
  s.script.provision.push(gate.act);
  const begun = s.put();
  await gate.entered;
  const removal = await s.ask("DELETE", `${s.url}?${hints(syncPlan)}`);
  t.strictSame([removal.status, removal.body], [200, {}]);
  await gone(s, removal, t);
  t.equal((await begun).status >= 200, true);
});

test("a deletion takes over the broker's own clean-up and does nothing twice", async (t) => {
  const { instance, withBinding } = await openWorld(t);
  const s = await instance("nothing");
  const gate = createGate(s.succeed);
  s.script.provision.push(() => ({ state: "failed", reason: "Half made.", clean: false }));
  s.script.deprovision.push(gate.act);
  await s.put();
  await gate.entered;
  const removal = await s.remove();
  t.equal(removal.status, 202);
  gate.open();
  await s.end(String(removal.body.operation));
  await gone(s, removal, t);
  t.equal(s.calls.filter((call) => call.startsWith("deprovision")).length, 1);
  const b = await withBinding("nothing");
  const held = createGate(b.succeed);
  b.script.bind.push(() => ({ state: "failed", reason: "Half made.", clean: false }));
  b.script.unbind.push(held.act);
  await b.bind();
  await held.entered;
  const unbound = await b.unbind();
  t.equal(unbound.status, 202);
  held.open();
  await b.end(String(unbound.body.operation));
  t.equal((await b.bindingRow())?.state, "deleted");
  t.equal(b.calls.filter((call) => call.startsWith("unbind")).length, 1);
});

test("a deletion that fails says whether the instance still works, and may be asked for again (instance_usable)", async (t) => {
  const { instance } = await openWorld(t);
  for (const usable of [true, false]) {
    const s = await instance("ready", syncPlan);
    s.script.deprovision.push(() => ({ state: "failed", reason: "Still in use.", clean: usable, usable }));
    const body = { error: "DeprovisionFailed", description: "Still in use.", instance_usable: usable };
    const answer = await s.remove();
    t.match(answer, { status: 500, body });
    t.notOk("update_repeatable" in answer.body);
    t.match(await s.row(), { state: "deprovision-failed", usable });
    t.equal((await s.remove()).status, 200);
    const late = await instance("ready");
    late.script.deprovision.push(() => ({ state: "pending", afterMs: 0 }));
    late.script.deprovision.push(() => ({ state: "failed", reason: "Still in use.", clean: usable, usable }));
    const token = String((await late.remove()).body.operation);
    await late.end(token);
    t.strictSame((await late.ask("GET", late.lastOperation)).body, {
      state: "failed",
      description: "Still in use.",
      instance_usable: usable,
    });
  }
});

test("what was never provisioned does not become usable because its removal fails", async (t) => {
  const { instance } = await openWorld(t);
  for (const state of ["provision failed", "provisioning"] as const) {
    const s = await instance(state);
    s.script.deprovision.push(() => ({ state: "failed", reason: "Away.", clean: true }));
    const removal = await s.remove();
    if (removal.status === 202) await s.end(String(removal.body.operation));
    t.match(await s.row(), { state: "deprovision-failed", usable: false }, state);
    t.match(await s.ask("GET", s.lastOperation), { body: { state: "failed", instance_usable: false } }, state);
    t.match(await s.bind(), { status: 400, body: { error: "InstanceUnusable" } }, state);
    t.match(await s.patch({ parameters: { size: 2 } }), { status: 422, body: { instance_usable: false } }, state);
    t.match(await s.put(), { status: 422, body: concurrency }, `${state}: an order is not told that it is there`);
    t.equal((await s.remove()).status, 200, state);
  }
});

test("an instance goes with its bindings, unless one of them is just being made or removed", async (t) => {
  const { withBinding } = await openWorld(t);
  const done = { status: 200, begins: true, body: {}, afterwards: gone } as const;
  await answersAsTheTableSays(t, withBinding, [
    ...(["nothing", "deleted", "bind failed", "bound", "expired", "unbind failed"] as const).map((state) => ({
      state,
      ask: (s: Subject) => s.remove(),
      ...done,
    })),
    { state: "binding", ask: (s) => s.remove(), status: 422, body: concurrency },
    { state: "unbinding", ask: (s) => s.remove(), status: 422, body: concurrency },
  ]);
});

test("bindings that a deletion could not reach stay as they were", async (t) => {
  const { withBinding } = await openWorld(t);
  const s = await withBinding("bound");
  await s.bind({}, "second");
  s.script.unbind.push(() => ({ state: "failed", reason: "Away.", clean: true }));
  t.match(await s.remove(), { status: 500, body: { instance_usable: true } });
  t.match(await s.bindingRow(), { state: "unbind-failed" });
  t.match(await s.bindingRow("second"), { state: "bound" });
  t.equal((await s.ask("GET", s.binding("second"))).status, 200);
  t.equal((await s.remove()).status, 200);
});

test("an instance whose plan left the catalog can still be deleted", async (t) => {
  const { withBinding, broker } = await openWorld(t);
  const s = await withBinding("bound", syncPlan);
  broker.offer([{ ...offering, plans: [planOf(asyncPlan)] }], [{ offering, plan: planOf(syncPlan) }]);
  t.equal((await s.remove()).status, 200);
  t.equal(s.inventory.size, 0);
});

/** DELETE …/service_bindings/:binding_id (OSB 2.17, Unbinding). */
import { type Test, test } from "tap";
import { type Answer, access, asyncPlan, hints, offering, offeringId, planOf, syncPlan } from "../support/broker.ts";
import { createGate, holdAt } from "../support/gate.ts";
import {
  accepted,
  answersAsTheTableSays,
  asyncRequired,
  concurrency,
  openWorld,
  type Subject,
} from "../support/states.ts";

const gone = async (s: Subject, _answer: Answer, t: Test) => {
  const row = await s.bindingRow();
  t.match([row?.state, row?.access], ["deleted", undefined], "the credentials are erased");
  t.notOk(
    [...s.inventory].some((name) => name.includes("/")),
    "nothing is left at the provider",
  );
};
const absent = {
  status: 410,
  body: {},
  afterwards: (_s: Subject, answer: Answer, t: Test) =>
    t.match(answer.headers, { "content-type": /^application\/json/ }),
} as const;

test("taking a binding back is answered by its state (Unbinding, Response)", async (t) => {
  const { withBinding, instance } = await openWorld(t);
  const done = { status: 200, begins: true, body: {}, afterwards: gone } as const;
  await answersAsTheTableSays(t, withBinding, [
    { state: "nothing", ask: (s) => s.unbind(), ...absent },
    { state: "deleted", ask: (s) => s.unbind(), ...absent },
    { state: "bind failed", ask: (s) => s.unbind(), ...done },
    { state: "bound", ask: (s) => s.unbind(), ...done },
    { state: "expired", ask: (s) => s.unbind(), ...done },
    { state: "unbind failed", ask: (s) => s.unbind(), ...done },
    { state: "unbinding", ask: (s) => s.unbind(), status: 202, sameOperation: true },
    {
      state: "bound",
      what: "the provider takes longer",
      first: (s) => holdAt(s.script.unbind, s.succeed),
      ask: (s) => s.unbind(),
      status: 202,
      begins: true,
      body: { operation: /^[a-z0-9]{26}$/ },
    },
    {
      state: "bound",
      what: "while the instance is changed",
      first: async (s) => {
        s.script.update.push(() => ({ state: "pending", afterMs: 3_600_000 }));
        await s.patch({ parameters: { size: 7 } });
      },
      ask: (s) => s.unbind(),
      ...done,
    },
    {
      state: "bound",
      what: "of another instance",
      ask: (s) => s.ask("DELETE", `/service_instances/other/service_bindings/${s.id}-b?${hints()}`),
      ...absent,
    },
  ]);
  await answersAsTheTableSays(t, instance, [
    { state: "nothing", ask: (s) => s.unbind(), ...absent },
    { state: "deleted", ask: (s) => s.unbind(), ...absent },
  ]);
});

test("taking back what cannot be taken back at once needs accepts_incomplete=true, there or not", async (t) => {
  const { withBinding, instance } = await openWorld(t);
  const without = (query: string) => ({
    what: query,
    ask: (s: Subject) => s.ask("DELETE", `${s.binding()}?${hints(asyncPlan)}${query}`),
    status: 422,
    body: asyncRequired,
  });
  const both = [without(""), without("&accepts_incomplete=false")];
  await answersAsTheTableSays(
    t,
    withBinding,
    (["nothing", "binding", "bound", "unbinding"] as const).flatMap((state) => both.map((row) => ({ state, ...row }))),
  );
  await answersAsTheTableSays(
    t,
    instance,
    both.map((row) => ({ state: "nothing" as const, ...row })),
  );
});

test("unbinding needs service_id and plan_id, but not to say that nothing is there", async (t) => {
  const { withBinding } = await openWorld(t);
  const missing = ["", `service_id=${offeringId}`, `plan_id=${asyncPlan}`, "service_id=&plan_id="];
  await answersAsTheTableSays(
    t,
    withBinding,
    missing.flatMap((query) => {
      const ask = (s: Subject) => s.ask("DELETE", `${s.binding()}?${accepted}&${query}`);
      const malformed = { status: 400, body: { error: "MalformedRequest", description: /service_id and plan_id/ } };
      return [
        { state: "bound" as const, what: query, ask, ...malformed },
        { state: "unbinding" as const, what: query, ask, ...malformed },
        { state: "nothing" as const, what: query, ask, ...absent },
      ];
    }),
  );
  const s = await withBinding("bound");
  t.equal(
    (await s.ask("DELETE", `${s.binding()}?${accepted}&service_id=other&plan_id=other`)).status,
    200,
    "not compared",
  );
});

test("unbinding while the binding is still being made halts that, then removes what it made", async (t) => {
  const { withBinding } = await openWorld(t);
  const s = await withBinding("binding");
  const removal = await s.unbind();
  t.equal(removal.status, 202);
  t.not(removal.body.operation, s.operation);
  await s.end(String(removal.body.operation));
  await gone(s, removal, t);
  const poll = (query: string) => s.ask("GET", `${s.binding()}/last_operation${query}`);
  t.match(await poll(`?operation=${s.operation}`), {
    status: 200,
    body: { state: "failed", description: /Cancelled/ },
  });
  t.match(await poll(`?operation=${removal.body.operation}`), { status: 200, body: { state: "succeeded" } });
  t.match(await poll(""), { status: 200, body: { state: "succeeded" } }, "without a name: the removal");
});

test("unbinding that must be done at once halts the making too, and is done when it is answered", async (t) => {
  const { instance } = await openWorld(t);
  const s = await instance("ready", syncPlan);
  const gate = createGate(s.succeed);
  s.script.bind.push(gate.act);
  const begun = s.ask("PUT", s.binding(), access());
  await gate.entered;
  const removal = await s.ask("DELETE", `${s.binding()}?${hints()}`);
  t.strictSame([removal.status, removal.body], [200, {}]);
  await gone(s, removal, t);
  t.match(await begun, { status: 500, body: { error: "BindFailed", description: /Cancelled/ } });
});

test("unbinding that fails is a 500, leaves the binding and may be asked for again", async (t) => {
  const { withBinding } = await openWorld(t);
  const s = await withBinding("bound", syncPlan);
  s.script.unbind.push(() => ({ state: "failed", reason: "Away.", clean: true }));
  const answer = await s.unbind();
  t.match(answer, { status: 500, body: { error: "UnbindFailed", description: "Away." } });
  t.notOk("instance_usable" in answer.body || "update_repeatable" in answer.body);
  t.equal((await s.ask("GET", s.binding())).status, 200);
  t.equal((await s.unbind()).status, 200);
});

test("what was never bound is not fetched because taking it back failed", async (t) => {
  const { withBinding } = await openWorld(t);
  const s = await withBinding("bind failed", syncPlan);
  s.script.unbind.push(() => ({ state: "failed", reason: "Away.", clean: true }));
  t.equal((await s.unbind()).status, 500);
  t.equal((await s.ask("GET", s.binding())).status, 404);
  t.match(await s.bind(), { status: 422, body: concurrency });
  t.equal((await s.unbind()).status, 200);
});

test("while the whole instance is removed its bindings wait for that", async (t) => {
  const { withBinding } = await openWorld(t);
  const s = await withBinding("bound");
  const gate = holdAt(s.script.unbind, s.succeed);
  const removal = await s.remove();
  await gate.entered;
  t.match(await s.unbind(), { status: 422, body: concurrency });
  t.equal((await s.ask("GET", s.binding())).status, 404);
  gate.open();
  await s.end(String(removal.body.operation));
  t.equal((await s.unbind()).status, 410);
});

test("a binding on a plan that left the catalog can still be taken back", async (t) => {
  const { withBinding, broker } = await openWorld(t);
  const s = await withBinding("bound", syncPlan);
  broker.offer([{ ...offering, plans: [planOf(asyncPlan)] }], [{ offering, plan: planOf(syncPlan) }]);
  t.equal((await s.unbind()).status, 200);
});

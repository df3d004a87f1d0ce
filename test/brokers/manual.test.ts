/** Orders that people carry out: the promises, with somebody who works on the tasks over the management API. */
import { randomUUID } from "node:crypto";
import t, { type Test } from "tap";
import manual from "../../brokers/manual/index.ts";
import { schemaCompiler } from "../../src/config/json-schema.ts";
import { newIds } from "../../src/configured-store.ts";
import type { Access, House, Inbox, JsonObject } from "../../src/core/adapter.ts";
import { afterBusiness, businessBetween, businessMs } from "../../src/core/business-time.ts";
import { createHouses } from "../../src/house.ts";
import { openStore } from "../../src/store/open.ts";
import { openSeal } from "../../src/store/seal.ts";
import { keys, temporaryDirectory } from "../support/broker.ts";
import { type InboxBroker, openManual, type Seen, type Staff, staffOf, startInboxBroker } from "../support/inbox.ts";
import { keepsEveryPromise, openStage, type Stage, type Subject } from "./promise.ts";

const backend = { within: { businessDays: 5 }, withinFor: { bind: { businessHours: 4 } } };
const refusedArea = "above the barracks";

// ---- what there really is at the provider --------------------------------------------------------------------------

/** What the provider's people have made: things, and the keys to them. */
interface Shelf {
  readonly things: Map<string, string>;
  readonly keys: Map<string, { readonly token: string; readonly instance: string }>;
}

const newShelf = (): Shelf => ({ things: new Map(), keys: new Map() });

/** Takes tasks on and carries them out, until told to stop; what was withdrawn meanwhile comes back as a removal. */
function workOn(t: Test, staff: Staff, shelf: Shelf): void {
  let working = true;
  const shift = (async () => {
    while (working) {
      const open = await staff.tasks("open");
      for (const { id } of open) await carryOut(staff, shelf, id);
      if (open.length === 0) await new Promise((resolve) => setTimeout(resolve, 15));
    }
  })();
  t.teardown(async () => {
    working = false;
    await shift;
  });
}

async function carryOut(staff: Staff, shelf: Shelf, id: string): Promise<void> {
  const claimed = await staff.step(id, "claim");
  if (claimed.status !== 200) return;
  const { verb, instance, binding = "", wish } = claimed.body as unknown as Seen;
  switch (verb) {
    case "provision":
    case "update":
      if (wish.parameters.area === refusedArea) {
        await staff.step(id, "reject", { reason: "We must not fly there. Choose another area and order again." });
        return;
      }
      shelf.things.set(instance, JSON.stringify(wish.parameters));
      await staff.step(id, "complete", { reference: `A-${instance.slice(-4)}` });
      return;
    case "deprovision":
      shelf.things.delete(instance);
      for (const [key, { instance: of }] of shelf.keys) if (of === instance) shelf.keys.delete(key);
      await staff.step(id, "complete", {});
      return;
    case "bind": {
      const token = randomUUID();
      shelf.keys.set(binding, { token, instance });
      await staff.step(id, "complete", { access: { credentials: { token } } });
      return;
    }
    case "unbind":
      shelf.keys.delete(binding);
      await staff.step(id, "complete", {});
  }
}

// ---- the promises --------------------------------------------------------------------------------------------------

type Calls = { readonly [name in keyof Inbox]: (...args: never[]) => Promise<unknown> };

/** The same inbox, and `around` each of its calls. */
function around({ inbox, ...rest }: House, call: <T>(run: () => Promise<T>) => Promise<T>): House {
  const calls = Object.entries(inbox as Calls).map(([name, run]) => [
    name,
    (...args: never[]) => call(() => run(...args)),
  ]);
  return { ...rest, inbox: Object.fromEntries(calls) as Inbox };
}

async function subjectOn(t: Test, { house }: InboxBroker, shelf: Shelf): Promise<Subject> {
  const directory = temporaryDirectory(t);
  return {
    open: () => openManual(house),
    async losing(nth) {
      let calls = 0;
      const adapter = await openManual(
        around(house, async (run) => {
          calls++;
          const mine = calls;
          const answer = await run();
          if (mine === nth) throw new Error("the connection broke before the answer came");
          return answer;
        }),
      );
      return { adapter, lost: () => calls >= nth };
    },
    async hanging() {
      const reached = Promise.withResolvers<void>();
      const adapter = await openManual(
        around(house, () => {
          reached.resolve();
          return new Promise(() => undefined);
        }),
      );
      return { adapter, reached: reached.promise };
    },
    async broken() {
      const { store, knex } = await openStore({ databaseUrl: "", dataDir: directory }, openSeal(keys));
      await store.close();
      const parts = { knex, seal: openSeal(keys), newId: newIds(), now: Date.now };
      const away = createHouses(parts, () => ({ placements: new Map() }) as never)("scripted");
      return new Map([["its database is away", await openManual(away)]]);
    },
    async inventory() {
      const things = [...shelf.things].map(([id, what]) => `${id} ${what}`);
      return [...things, ...[...shelf.keys].map(([id, { instance }]) => `key ${id} of ${instance}`)].sort();
    },
    works: async ({ credentials }: Access) =>
      [...shelf.keys.values()].some(
        ({ token, instance }) => token === credentials?.token && shelf.things.has(instance),
      ),
    backend,
    largerBackend: { within: { businessDays: 10 } },
    parameters: { area: "Musterstadt" },
    changedParameters: { area: "Musterstadt and around" },
    bindingParameters: {},
    refused: { parameters: { area: refusedArea }, text: refusedArea },
    secrets: [],
  };
}

void t.test("people keep every promise", async (t) => {
  const broker = await startInboxBroker(t);
  const shelf = newShelf();
  workOn(t, await staffOf(broker), shelf);
  await keepsEveryPromise(t, await subjectOn(t, broker, shelf));
});

// ---- what customers and providers see ------------------------------------------------------------------------------

interface Scene {
  readonly broker: InboxBroker;
  readonly staff: Staff;
  readonly stage: Stage;
}

async function scene(t: Test): Promise<Scene> {
  const broker = await startInboxBroker(t);
  const staff = await staffOf(broker);
  return { broker, staff, stage: openStage(await subjectOn(t, broker, newShelf())) };
}

void t.test("an order nobody took on is taken back without bothering anybody", async (t) => {
  const { broker, staff, stage } = await scene(t);
  const adapter = await openManual(broker.house);
  const thing = stage.instance();
  const order = stage.order("provision", thing);
  t.match(await adapter.provision(order, stage.tools(order.token)), { state: "pending" });
  const removal = stage.order("deprovision", thing, { interrupted: { token: order.token } });
  t.match(await adapter.deprovision(removal, stage.tools(removal.token)), { state: "done" });
  t.same(await staff.tasks("open"), []);
  t.match(await staff.tasks("withdrawn"), [{ verb: "provision", reason: "The instance was cancelled." }]);
  await t.rejects(adapter.provision(order, stage.tools(order.token)), /was withdrawn/, "a frozen call knows nothing");
});

void t.test("an order somebody had begun is taken back by a task that says so", async (t) => {
  const { broker, staff, stage } = await scene(t);
  const adapter = await openManual(broker.house);
  const thing = stage.instance();
  const order = stage.order("provision", thing);
  await adapter.provision(order, stage.tools(order.token));
  const [task] = await staff.tasks("open");
  await staff.step(task?.id ?? "", "claim");
  const removal = stage.order("deprovision", thing, { interrupted: { token: order.token } });
  const ask = () => adapter.deprovision(removal, stage.tools(removal.token));
  t.match(await ask(), { state: "pending", note: /has the cancellation in its inbox/ });
  t.match(await staff.step(task?.id ?? "", "complete", {}), { status: 409, body: { code: "TaskOver" } });
  const [cancellation] = await staff.tasks("open");
  t.match(cancellation, { verb: "deprovision", instance: thing.id });
  await staff.step(cancellation?.id ?? "", "claim");
  await staff.step(cancellation?.id ?? "", "complete", {});
  t.match(await ask(), { state: "done" });
});

void t.test("a rejection with something left is no clean one", async (t) => {
  const { broker, staff, stage } = await scene(t);
  const adapter = await openManual(broker.house);
  const thing = stage.instance();
  const order = stage.order("provision", thing);
  const ask = () => adapter.provision(order, stage.tools(order.token));
  await ask();
  const [task] = await staff.tasks("open");
  await staff.step(task?.id ?? "", "claim");
  await staff.step(task?.id ?? "", "reject", { reason: "The images are too old.", leftovers: true });
  t.match(await ask(), {
    state: "failed",
    clean: false,
    reason: "Landes-IT Süd (fiktiv) rejected it: The images are too old.",
  });
  const removal = stage.order("deprovision", thing, { interrupted: { token: order.token } });
  t.match(await adapter.deprovision(removal, stage.tools(removal.token)), { state: "pending" });
});

void t.test("while nothing happens an order is looked at four times a day, and at its deadline", async (t) => {
  const { broker, stage } = await scene(t);
  const adapter = await openManual(broker.house);
  const lookAt = async (deadline: Date) => {
    const order = stage.order("provision", stage.instance(), { deadline });
    return adapter.provision(order, stage.tools(order.token));
  };
  const hour = 3_600_000;
  t.match(await lookAt(new Date(Date.now() + 720 * hour)), { afterMs: 6 * hour });
  t.match(await lookAt(new Date(Number.MAX_SAFE_INTEGER)), { afterMs: 6 * hour }, "an order without an end");
  const soon = await lookAt(new Date(Date.now() + hour));
  t.ok(soon.state === "pending" && (soon.afterMs ?? 0) <= hour);
});

void t.test("a plan that cannot be right is told to whoever orders, and nobody is bothered", async (t) => {
  const { broker, staff, stage } = await scene(t);
  const adapter = await openManual(broker.house);
  const plan = { id: "plan", backend: { within: { businessDays: 1 }, calendar: { opens: "16:00", closes: "08:00" } } };
  const order = stage.order("provision", stage.instance(), { plan });
  const outcome = await adapter.provision(order, stage.tools(order.token));
  t.match(outcome, { state: "failed", clean: true, reason: /end before they begin/ });
  t.same(await staff.tasks("open"), []);
  const check = schemaCompiler().compile(manual.backend);
  t.notOk(check({ within: { businessDays: 1 }, calendar: { zone: "Europe/Atlantis" } }), "a zone that does not exist");
  t.ok(check({ within: { businessDays: 1 }, calendar: { zone: "Europe/Berlin" } }));
});

void t.test("only accounts of lotse.yaml have an inbox", async (t) => {
  await t.rejects(manual.open({ values: { organisation: "x" }, secrets: {} }), /named in lotse\.yaml/);
});

// ---- business time -------------------------------------------------------------------------------------------------

const calendar = {
  zone: "Europe/Berlin",
  opens: "08:00",
  closes: "16:00",
  weekdays: [1, 2, 3, 4, 5],
  holidays: ["2026-12-25"],
};

void t.test("due dates are counted in business time", async (t) => {
  const due = (from: string, level: JsonObject, more: object = {}) => {
    const own = { ...calendar, ...more };
    return new Date(afterBusiness(Date.parse(from), businessMs(level, own), own)).toISOString();
  };
  t.equal(due("2026-11-30T09:00:00Z", { businessDays: 5 }), "2026-12-07T09:00:00.000Z", "over a weekend");
  t.equal(due("2026-11-28T12:00:00Z", { businessDays: 1 }), "2026-11-30T15:00:00.000Z", "ordered on a Saturday");
  t.equal(due("2026-11-30T14:00:00Z", { businessHours: 2 }), "2026-12-01T08:00:00.000Z", "the rest of a day and more");
  t.equal(due("2026-12-24T09:00:00Z", { businessDays: 1 }), "2026-12-28T09:00:00.000Z", "a holiday does not count");
  t.equal(due("2027-03-26T09:00:00Z", { businessDays: 1 }), "2027-03-29T08:00:00.000Z", "the clocks go forward");
  t.equal(due("2026-11-30T09:00:00Z", { businessHours: 2 }, { zone: "America/New_York" }), "2026-11-30T15:00:00.000Z");
  const [from, to] = ["2026-11-27T14:00:00Z", "2026-11-30T08:00:00Z"].map((at) => Date.parse(at)) as [number, number];
  t.equal(businessBetween(from, to, calendar), 2 * 3_600_000, "an hour on Friday and one on Monday");
  t.equal(afterBusiness(from, 5, { ...calendar, weekdays: [] }), from + 5, "who never works is not waited for");
});

/** The engine on a clock turned by hand: when it tries again, when it gives up, and who may write. */
import { createHmac } from "node:crypto";
import t, { type Test } from "tap";
import { buildCatalog } from "../../src/catalog/build-catalog.ts";
import { newIds } from "../../src/configured-store.ts";
import type { Adapter, Outcome, Tools } from "../../src/core/adapter.ts";
import { openOperation } from "../../src/core/decision.ts";
import { decideDeprovision } from "../../src/core/deprovision.ts";
import type { Binding, Instance, Operation, Plan } from "../../src/core/model.ts";
import { Secret } from "../../src/core/secret.ts";
import { defaultSwitches } from "../../src/core/switches.ts";
import { createEngine, type Engine } from "../../src/engine/engine.ts";
import { type OpenStore, openStore } from "../../src/store/open.ts";
import { openSeal } from "../../src/store/seal.ts";
import type { Store } from "../../src/store/store.ts";
import { offering, planOf, syncPlan, temporaryDirectory } from "../support/broker.ts";
import { createHandClock, type HandClock } from "../support/clock.ts";
import { postgresqlForTests } from "../support/postgresql.ts";
import { createScripted, type Scripted } from "../support/scripted.ts";
import { onBothDatabases } from "../support/stories.ts";
import { watchStore } from "../support/watched-store.ts";

const story = onBothDatabases(t, await postgresqlForTests(t));

const second = 1000;
const plan = planOf(syncPlan, { maximumPollingDuration: 600 });
const otherPlan = planOf("20000000-0000-4000-8000-00000000000f", { provider: "other" });

interface Bench extends Scripted {
  readonly clock: HandClock;
  anotherClock(): HandClock;
  readonly store: Store;
  readonly knex: OpenStore["knex"];
  readonly logged: object[];
  /** A further engine on the same rows; its clock is its own unless one is given. */
  engine(clock?: HandClock, store?: Store, adapters?: ReadonlyMap<string, Adapter>): Engine;
  /** Writes an order that nobody has begun to carry out. */
  order(name: string, on?: Plan): Promise<Operation>;
  /** A binding that was made earlier. */
  bound(name: string, bindingId: string): Promise<Binding>;
  /** Writes the removal of a ready instance and its bindings, which nobody has begun to carry out. */
  removal(name: string, bindings: readonly Binding[]): Promise<Operation>;
  operation(token: string): Promise<Operation>;
  instance(name: string): Promise<Instance | undefined>;
}

async function setUp(t: Test, databaseUrl: string): Promise<Bench> {
  const scripted = createScripted();
  const open = await openStore(
    { databaseUrl, dataDir: temporaryDirectory(t) },
    openSeal([{ id: "test", key: Buffer.alloc(32, 7) }]),
  );
  const { knex } = open;
  const { store, underWay } = watchStore(open.store);
  const clock = createHandClock(underWay);
  const engines: Engine[] = [];
  const logged: object[] = [];
  const log = (fields: object) => void logged.push(fields);
  const newId = newIds();
  const everywhere = new Map([
    ["scripted", scripted.adapter],
    ["other", scripted.adapter],
  ]);
  const catalog = buildCatalog([{ ...offering, plans: [plan, otherPlan] }], [], everywhere);
  t.teardown(async () => {
    for (const engine of engines) {
      const stopped = engine.stop();
      await clock.turn(60 * second);
      await stopped;
    }
    await store.close();
  });
  return {
    ...scripted,
    clock,
    anotherClock: () => createHandClock(underWay),
    store,
    knex,
    logged,
    engine(own = clock, through = store, adapters = everywhere) {
      const engine = createEngine({
        store: through,
        adapters,
        planOf: (planId) => catalog.placements.get(planId)?.plan,
        clock: own,
        random: () => 0,
        newId,
        deriveSecret: (token, purpose) => createHmac("sha256", token).update(purpose).digest("base64url"),
        log: { debug: log, info: log, warn: log, error: log },
        settings: {
          leaseMs: 15 * second,
          stepTimeoutMs: 30 * second,
          pollMs: second,
          stopGraceMs: 20 * second,
          slotsOf: () => 2,
          backoff: { firstMs: second, maxMs: 60 * second },
        },
      });
      engines.push(engine);
      engine.start();
      return engine;
    },
    async order(name, on = plan) {
      const instance: Instance = {
        uid: newId(),
        platformId: "p",
        instanceId: name,
        incarnation: 1,
        bindsBegun: 0,
        offeringId: on.offeringId,
        planId: on.id,
        provider: on.provider,
        organization: "org",
        space: "space",
        parameters: new Secret({}),
        context: {},
        facts: new Secret(null),
        labels: {},
        attributes: {},
        usable: true,
        state: "provisioning",
        operation: newId(),
        version: 1,
        createdAt: clock.now(),
        updatedAt: clock.now(),
      };
      const moment = {
        now: clock.now(),
        token: instance.operation ?? "",
        uid: "",
        lease: { owner: "", until: 0 },
        switches: defaultSwitches,
      };
      const { lease: _lease, ...operation } = openOperation(moment, "provision", on, { instance }, {});
      await store.apply([
        { insert: "instance", row: instance },
        { insert: "operation", row: { ...operation, leaseNumber: 0 } },
      ]);
      return operation;
    },
    async bound(name, bindingId) {
      const instance = await store.readInstance("p", name);
      if (instance === undefined) throw new Error("There is no such instance.");
      const { platformId, instanceId, offeringId, planId, context, createdAt, updatedAt } = instance;
      const row: Binding = {
        uid: newId(),
        platformId,
        bindingId,
        incarnation: 1,
        instanceUid: instance.uid,
        instanceId,
        offeringId,
        planId,
        bindResource: {},
        parameters: new Secret({}),
        context,
        facts: new Secret(null),
        access: new Secret({ credentials: {} }),
        state: "bound",
        version: 1,
        createdAt,
        updatedAt,
      };
      await store.apply([{ insert: "binding", row }]);
      scripted.inventory.add(`${instance.uid}/${row.uid}`);
      return row;
    },
    async removal(name, bindings) {
      const instance = await store.readInstance("p", name);
      if (instance === undefined) throw new Error("There is no such instance.");
      const decision = decideDeprovision(
        { placement: catalog.placements.get(instance.planId), instance, operation: undefined, bindings },
        { caller: { platform: { id: "p", name: "p" }, requestId: "r" }, instanceId: name, acceptsIncomplete: true },
        { now: clock.now(), token: newId(), uid: "", lease: { owner: "", until: 0 }, switches: defaultSwitches },
      );
      if (decision.say !== "begin") throw new Error("The removal was refused.");
      await store.apply(decision.changes);
      return decision.operation;
    },
    async operation(token) {
      const operation = await store.readOperation(token);
      if (operation === undefined) throw new Error("There is no such operation.");
      return operation;
    },
    instance: async (name) => store.readInstance("p", name),
  };
}

/** An answer that comes when the test says so. */
function held(): { readonly promise: Promise<Outcome>; readonly answer: (outcome: Outcome) => void } {
  let answer: (outcome: Outcome) => void = () => {};
  const promise = new Promise<Outcome>((resolve) => {
    answer = resolve;
  });
  return { promise, answer };
}

const away = () => Promise.reject(new Error("the provider is away"));

story("a result nobody knows is asked for again, with the same token, ever more slowly", async (t, databaseUrl) => {
  const { engine, order, clock, script, instance } = await setUp(t, databaseUrl);
  const seen: { token: string; attempt: number; at: number }[] = [];
  const begunAt = clock.now();
  for (let failure = 0; failure < 5; failure++)
    script.provision.push(({ token, attempt }) => {
      seen.push({ token, attempt, at: (clock.now() - begunAt) / second });
      return away();
    });
  const { token } = await order("i1");
  engine();
  await clock.turn(40 * second);
  t.same(
    seen,
    [0, 1, 3, 7, 15].map((at, index) => ({ token, attempt: index + 1, at })),
  );
  t.match(await instance("i1"), { state: "ready" }, "the sixth try found the provider back");
});

story("waiting to try again survives the end of the process", async (t, databaseUrl) => {
  const { engine, order, clock, script, operation, calls } = await setUp(t, databaseUrl);
  script.provision.push(away, away, away);
  const { token } = await order("i1");
  const first = engine();
  await clock.turn(3.5 * second);
  t.equal(calls.length, 3);
  await first.stop();
  engine();
  await clock.turn(3 * second);
  t.equal(calls.length, 3, "a new process does not begin anew");
  await clock.turn(second);
  t.match(await operation(token), { state: "succeeded", attempt: 4 });
});

story(
  "an order that is not done by its deadline fails, and what it may have left is removed until nothing is left",
  async (t, databaseUrl) => {
    const { engine, order, clock, script, succeed, operation, instance, inventory } = await setUp(t, databaseUrl);
    script.provision.push((given, tools) => {
      succeed(given, tools);
      return { state: "pending", handle: { job: 1 }, note: "Building." };
    });
    for (let poll = 0; poll < 1000; poll++) script.poll.push(() => ({ state: "pending", handle: { job: 1 } }));
    for (let failure = 0; failure < 20; failure++) script.deprovision.push(away);
    const { token } = await order("i1");
    engine();
    await clock.turn(2 * second);
    t.match(await operation(token), { state: "open", description: "Building." });
    await clock.turn(700 * second);
    t.match(await operation(token), { state: "failed", clean: false, description: /in time/ });
    t.match(await instance("i1"), { state: "provision-failed" });
    t.equal(inventory.size, 1);
    script.poll.length = 0;
    await clock.turn(2000 * second);
    t.equal(inventory.size, 0);
  },
);

story(
  "an answer that says nothing is asked for again until the deadline, and then the order has failed",
  async (t, databaseUrl) => {
    const { engine, order, clock, script, operation, instance } = await setUp(t, databaseUrl);
    const circle: Record<string, unknown> = {};
    circle.self = circle;
    const senseless: unknown[] = [
      undefined,
      { state: "finished" },
      { state: "pending", handle: circle },
      { state: "done", made: { access: { expiresAt: "tomorrow" } } },
    ];
    for (let n = 0; n < 100; n++) script.provision.push(() => senseless[n % 4] as Outcome);
    const { token } = await order("i1");
    engine();
    await clock.turn(20 * second);
    t.match(await operation(token), { state: "open", attempt: 6 });
    await clock.turn(700 * second);
    t.match(await operation(token), { state: "failed", clean: false });
    t.match(await instance("i1"), { state: "provision-failed" });
  },
);

story("an adapter is looked at again when it asked for that", async (t, databaseUrl) => {
  const { engine, order, clock, script, calls, operation } = await setUp(t, databaseUrl);
  script.provision.push(() => ({ state: "pending", handle: { job: 1 }, afterMs: 90 * second }));
  const { token } = await order("i1");
  engine();
  await clock.turn(89 * second);
  t.equal(calls.length, 1);
  await clock.turn(2 * second);
  t.match(calls, [/^provision/, /^poll/]);
  t.match(await operation(token), { state: "succeeded" });
});

story(
  "a handle that says nothing is a handle all the same, and facts stay as they were told",
  async (t, databaseUrl) => {
    const { engine, order, clock, script, calls, instance, operation } = await setUp(t, databaseUrl);
    script.provision.push(() => ({ state: "pending", handle: {}, afterMs: second, made: { facts: {} } }));
    script.poll.push((asked) => ({
      state: "pending",
      handle: "",
      afterMs: second,
      note: JSON.stringify(asked.instance.facts.reveal()),
    }));
    const { token } = await order("i1");
    engine();
    await clock.turn(1.5 * second);
    t.match(await operation(token), { state: "open", description: "{}" });
    await clock.turn(second);
    t.match(calls, [/^provision/, /^poll/, /^poll/]);
    t.match(await instance("i1"), { state: "ready" });
  },
);

story("a call that takes longer than a step may is ended and made again", async (t, databaseUrl) => {
  const { engine, order, clock, script, operation } = await setUp(t, databaseUrl);
  let told: unknown;
  script.provision.push(
    (_order, tools: Tools) =>
      new Promise((_resolve, reject) =>
        tools.signal.addEventListener("abort", () => {
          told = tools.signal.reason;
          reject(new Error("ended"));
        }),
      ),
  );
  const { token } = await order("i1");
  engine();
  await clock.turn(29 * second);
  t.equal(told, undefined);
  await clock.turn(5 * second);
  t.match(told, { message: /too long/ });
  t.match(await operation(token), { state: "succeeded", attempt: 2 });
});

story("an adapter that does not listen holds its operation up, but not for ever", async (t, databaseUrl) => {
  const { engine, order, clock, script, operation } = await setUp(t, databaseUrl);
  script.provision.push(() => new Promise(() => {}));
  const { token } = await order("i1");
  engine();
  await clock.turn(40 * second);
  t.match(await operation(token), { state: "succeeded", attempt: 2 });
});

story("what it makes after all is removed, if by then the order has failed", async (t, databaseUrl) => {
  const { engine, order, clock, script, succeed, instance, inventory } = await setUp(t, databaseUrl);
  const late = held();
  let given: Parameters<typeof succeed> | undefined;
  script.provision.push(
    (...all) => {
      given = all;
      return late.promise;
    },
    () => ({ state: "failed", reason: "No room.", clean: true }),
  );
  await order("i1");
  engine();
  await clock.turn(40 * second);
  t.match(await instance("i1"), { state: "deleted" });
  if (given !== undefined) late.answer(await succeed(...given));
  t.equal(inventory.size, 1);
  await clock.turn(20 * second);
  t.equal(inventory.size, 0);
});

story("a provider that hangs takes nothing from the others", async (t, databaseUrl) => {
  const { engine, order, clock, script, calls, operation } = await setUp(t, databaseUrl);
  script.provision.push(
    () => new Promise(() => {}),
    () => new Promise(() => {}),
  );
  engine();
  for (const name of ["i1", "i2"]) await order(name);
  await clock.turn(2 * second);
  await order("i3");
  const { token } = await order("i4", otherPlan);
  await clock.turn(2 * second);
  t.equal(calls.length, 3, "the third order of the hanging provider waits for a slot");
  t.match(await operation(token), { state: "succeeded" });
});

story("however many orders wait for a provider that hangs, those of the others are found", async (t, databaseUrl) => {
  const { engine, order, clock, script, operation } = await setUp(t, databaseUrl);
  for (let slot = 0; slot < 1000; slot++) script.provision.push(() => new Promise(() => {}));
  // Twice what one look finds: the first look claims as many, the second would find no others.
  for (let n = 0; n < 401; n++) await order(`i${n}`);
  await clock.turn(second);
  const { token } = await order("last", otherPlan);
  engine();
  await clock.turn(5 * second);
  t.not((await operation(token)).lease, undefined, "begun");
});

story("a result that cannot be saved is saved when the database is back", async (t, databaseUrl) => {
  const { engine, order, clock, store, operation, calls } = await setUp(t, databaseUrl);
  let broken = true;
  const fragile: Store = {
    ...store,
    apply: (changes) => (broken ? Promise.reject(new Error("no database")) : store.apply(changes)),
  };
  const { token } = await order("i1");
  engine(clock, fragile);
  await clock.turn(8 * second);
  t.match(await operation(token), { state: "open" });
  broken = false;
  await clock.turn(2 * second);
  t.match(await operation(token), { state: "succeeded" });
  t.equal(calls.length, 1, "the provider was asked once");
});

story("a saved step whose confirmation was lost is not taken for the next one", async (t, databaseUrl) => {
  const { engine, order, bound, removal, clock, store, calls, inventory, instance } = await setUp(t, databaseUrl);
  await order("i1");
  const first = engine();
  await clock.turn(2 * second);
  await first.stop();
  const bindings = [await bound("i1", "b1"), await bound("i1", "b2")];
  const { token } = await removal("i1", bindings);
  let lost = 0;
  const forgetful: Store = {
    ...store,
    // What a connection does that breaks between the commit and its answer.
    async apply(changes) {
      const written = await store.apply(changes);
      if (!written || lost === 2) return written;
      lost++;
      throw new Error("the connection broke");
    },
  };
  engine(clock, forgetful);
  await clock.turn(20 * second);
  t.equal(lost, 2);
  t.match(await store.readOperation(token), { state: "succeeded" });
  t.match(await instance("i1"), { state: "deleted" });
  t.match(
    calls.map((call) => call.split(" ")[0]),
    ["provision", "unbind", "unbind", "deprovision"],
    "each was removed, once",
  );
  t.equal(inventory.size, 0);
});

story(
  "if it is away for too long, whoever claims the operation makes the call again with the same token",
  async (t, databaseUrl) => {
    const { engine, order, clock, store, operation, calls } = await setUp(t, databaseUrl);
    const fragile: Store = {
      ...store,
      apply: () => Promise.reject(new Error("no database")),
      extendLeases: () => Promise.reject(new Error("no database")),
    };
    const { token } = await order("i1");
    engine(clock, fragile);
    await clock.turn(10 * second);
    t.equal(calls.length, 1);
    engine();
    await clock.turn(20 * second);
    t.match(await operation(token), { state: "succeeded" });
    t.match(await operation(token), { leaseNumber: 2 });
  },
);

story("a process that was frozen for longer than its lease writes nothing any more", async (t, databaseUrl) => {
  const { engine, order, clock, anotherClock, script, operation, calls, inventory } = await setUp(t, databaseUrl);
  const frozen = anotherClock();
  const late = held();
  script.provision.push(() => late.promise);
  const { token } = await order("i1");
  engine(frozen);
  await frozen.turn(0);
  t.equal(calls.length, 1);
  engine();
  await clock.turn(14 * second);
  t.equal(calls.length, 1, "the lease is respected while it lasts");
  await clock.turn(3 * second);
  t.match(await operation(token), { state: "succeeded", leaseNumber: 2 });
  late.answer({ state: "failed", reason: "late", clean: true });
  await frozen.turn(0);
  t.match(await operation(token), { state: "succeeded", leaseNumber: 2 });
  t.equal(inventory.size, 1);
});

story("its late answer does not end what another process is still carrying out", async (t, databaseUrl) => {
  const { engine, order, clock, anotherClock, script, operation } = await setUp(t, databaseUrl);
  const frozen = anotherClock();
  const late = held();
  script.provision.push(
    () => late.promise,
    () => ({ state: "pending", handle: { job: 1 }, afterMs: 60 * second }),
  );
  const { token } = await order("i1");
  engine(frozen);
  await frozen.turn(0);
  engine();
  await clock.turn(20 * second);
  late.answer({ state: "failed", reason: "late", clean: true });
  await frozen.turn(0);
  t.match(await operation(token), { state: "open", leaseNumber: 2 });
  await clock.turn(60 * second);
  t.match(await operation(token), { state: "succeeded" });
});

story("what a frozen process made after the thing was removed is removed as well", async (t, databaseUrl) => {
  const { engine, order, clock, anotherClock, script, succeed, instance, inventory, store } = await setUp(
    t,
    databaseUrl,
  );
  const frozen = anotherClock();
  const late = held();
  let given: Parameters<typeof succeed> | undefined;
  script.provision.push((...all) => {
    given = all;
    return late.promise;
  });
  const { token } = await order("i1");
  engine(frozen);
  await frozen.turn(0);
  script.provision.push(() => ({ state: "failed", reason: "No room.", clean: true }));
  engine();
  await clock.turn(20 * second);
  t.match(await instance("i1"), { state: "deleted" });
  if (given !== undefined) late.answer(await succeed(...given));
  t.equal(inventory.size, 1);
  await frozen.turn(0);
  await clock.turn(20 * second);
  t.equal(inventory.size, 0);
  t.match(await store.readOperation(token), { state: "failed" });
});

story("a late answer to an order that another process fulfilled removes nothing", async (t, databaseUrl) => {
  const { engine, order, removal, clock, anotherClock, script, instance, inventory, calls } = await setUp(
    t,
    databaseUrl,
  );
  const frozen = anotherClock();
  const late = held();
  script.provision.push(() => late.promise);
  await order("i1");
  engine(frozen);
  await frozen.turn(0);
  engine();
  await clock.turn(20 * second);
  script.deprovision.push(() => ({ state: "failed", reason: "There are replicas.", clean: true }));
  await removal("i1", []);
  await clock.turn(2 * second);
  t.match(await instance("i1"), { state: "deprovision-failed", usable: true }, "the customer goes on using it");
  late.answer({ state: "done" });
  await frozen.turn(0);
  await clock.turn(20 * second);
  t.equal(inventory.size, 1);
  t.equal(calls.filter((call) => call.startsWith("deprovision")).length, 1);
});

story("an order is tried again only when what came late to its first try is gone", async (t, databaseUrl) => {
  const { engine, order, clock, anotherClock, script, succeed, instance, inventory, store } = await setUp(
    t,
    databaseUrl,
  );
  const frozen = anotherClock();
  const late = held();
  let given: Parameters<typeof succeed> | undefined;
  script.provision.push(
    (...all) => {
      given = all;
      return late.promise;
    },
    () => ({ state: "failed", reason: "No room.", clean: false }),
  );
  await order("i1");
  engine(frozen);
  await frozen.turn(0);
  engine();
  await clock.turn(20 * second);
  t.match(await instance("i1"), { state: "provision-failed", operation: undefined }, "cleaned up");
  script.deprovision.push(away);
  if (given !== undefined) late.answer(await succeed(...given));
  await frozen.turn(0);
  const holder = (await instance("i1"))?.operation;
  t.match(await store.readOperation(holder ?? ""), { kind: "deprovision", purpose: "cleanup", state: "open" });
  await clock.turn(20 * second);
  t.equal(inventory.size, 0);
  t.match(await instance("i1"), { state: "provision-failed", operation: undefined });
});

story("a stop waits for the running step and hands the rest over", async (t, databaseUrl) => {
  const { engine, order, clock, script, operation, knex } = await setUp(t, databaseUrl);
  const step = held();
  script.provision.push(() => step.promise);
  const { token } = await order("i1");
  const first = engine();
  await clock.turn(second);
  let stopped = false;
  const stopping = first.stop().then(() => {
    stopped = true;
  });
  await clock.turn(10 * second);
  const { token: next } = await order("i2");
  await clock.turn(second);
  t.notOk(stopped);
  t.match(await operation(next), { state: "open", leaseNumber: 0 }, "nothing new is begun");
  step.answer({ state: "pending", handle: 1, afterMs: second });
  await stopping;
  t.match(await operation(token), { state: "open" });
  t.same(await knex("operations").whereNotNull("lease_owner"), [], "no lease is left to wait for");
  engine();
  await clock.turn(2 * second);
  t.match([await operation(token), await operation(next)], [{ state: "succeeded" }, { state: "succeeded" }]);
});

story("what is decided while a process stops is left to others at once", async (t, databaseUrl) => {
  const { engine, order, clock, operation, store, instance, calls } = await setUp(t, databaseUrl);
  const first = engine();
  await clock.turn(second);
  await first.stop();
  const { token } = await order("i1");
  const leased = await store.claim(token, first.lease(), clock.now());
  const row = await instance("i1");
  if (leased === undefined || row === undefined) throw new Error("There is nothing to begin.");
  t.equal(await first.begin({ operation: leased, instance: row }), undefined);
  t.equal(calls.length, 0);
  engine();
  await clock.turn(second);
  t.match(await operation(token), { state: "succeeded", leaseNumber: 2 });
});

story(
  "whoever waits for an operation when the process stops is told so, and asks nothing more",
  async (t, databaseUrl) => {
    const { engine, order, clock, script, store } = await setUp(t, databaseUrl);
    script.provision.push(() => ({ state: "pending", handle: 1, afterMs: 300 * second }));
    const { token } = await order("i1");
    let asked = 0;
    const watched: Store = {
      ...store,
      readOperation: (...ask) => {
        asked++;
        return store.readOperation(...ask);
      },
    };
    const first = engine(clock, watched);
    await clock.turn(second);
    const waiting = first.finished(token, 50 * second);
    await clock.turn(2 * second);
    await first.stop();
    t.equal(await waiting, "stopping");
    const before = asked;
    await clock.turn(60 * second);
    t.equal(asked, before, "a store that is closed by now is not asked");
    t.equal(await first.finished(token, 50 * second), "stopping", "nor is anybody kept who comes later");
  },
);

story("a database that does not answer for a while only delays", async (t, databaseUrl) => {
  const { engine, order, clock, store, operation, logged } = await setUp(t, databaseUrl);
  let broken = true;
  const fragile: Store = {
    ...store,
    readDue: (...ask) => (broken ? Promise.reject(new Error("no database")) : store.readDue(...ask)),
  };
  const { token } = await order("i1");
  engine(clock, fragile);
  await clock.turn(5 * second);
  broken = false;
  await clock.turn(2 * second);
  t.match(await operation(token), { state: "succeeded" });
  t.match(logged[0], { err: { message: "no database" } });
});

story(
  "an operation whose provider is not configured waits for it and is not declared failed",
  async (t, databaseUrl) => {
    const { engine, order, clock, operation, logged } = await setUp(t, databaseUrl);
    const { token } = await order("i1");
    const without = engine(clock, undefined, new Map());
    await clock.turn(5 * second);
    t.match(await operation(token), { state: "open" });
    t.match(
      logged.find((line) => "outcome" in line),
      { outcome: "unknown", reason: /is not configured/ },
      "the operator reads why",
    );
    await without.stop();
    engine();
    await clock.turn(60 * second);
    t.match(await operation(token), { state: "succeeded" });
  },
);

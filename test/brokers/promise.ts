/** What every adapter promises, whatever is behind it. One list for all of them: an adapter's test brings the back end. */
import assert from "node:assert/strict";
import { createHmac, randomBytes, randomFillSync } from "node:crypto";
import type { Test } from "tap";
import {
  type Access,
  type Adapter,
  type BindingOrder,
  type Found,
  type Json,
  type JsonObject,
  type Made,
  type Order,
  type Outcome,
  Secret,
  type Tools,
  type UpdateOrder,
  type Verb,
} from "../../src/core/adapter.ts";
import { createIds } from "../../src/core/ids.ts";
import { describeError } from "../../src/http/log-redaction.ts";

/** An adapter and the real back end behind it, as the promises need them. */
export interface Subject {
  /** The adapter as production opens it, on an account that works. */
  open(): Promise<Adapter>;
  /** The same, but the back end's `nth` answer, counted from 1, gets lost after it took effect; `lost` says if it did. */
  losing(nth: number): Promise<{ readonly adapter: Adapter; readonly lost: () => boolean }>;
  /** The same, before a back end that takes calls and never answers; `reached` resolves when one has arrived. */
  hanging(): Promise<{ readonly adapter: Adapter; readonly reached: Promise<unknown> }>;
  /** Accounts that do not work, by what is wrong with them. */
  broken(): Promise<ReadonlyMap<string, Adapter>>;
  /**
   * Everything adapters made that is there now: a text each, showing what an update changes but not passwords. With Lotse's
   * id of an instance or a binding, only what belongs to that; needed where rounds go on side by side.
   */
  inventory(id?: string): Promise<readonly string[]>;
  /** Whether the access opens the door now. */
  works(access: Access): Promise<boolean>;
  readonly backend: Json;
  readonly largerBackend: Json;
  readonly parameters: JsonObject;
  readonly changedParameters: JsonObject;
  readonly bindingParameters: JsonObject;
  /** Parameters that the back end says no to, and the text in them that a reason must not repeat. */
  readonly refused?: { readonly parameters: JsonObject; readonly text: string };
  /** The account's own secrets. */
  readonly secrets: readonly string[];
  /** How long a call that should end may take before it counts as hanging. */
  readonly patienceMs?: number;
  /** The longest to wait before looking again at what is pending; 50 ms if absent. */
  readonly paceMs?: number;
  /** How many rounds with a lost answer go on side by side, where a back end takes its time; 1 if absent. */
  readonly atOnce?: number;
}

export interface AdapterPromise {
  readonly sentence: string;
  readonly keep: (subject: Subject) => Promise<void>;
}

/** Every promise as a test of its own. */
export async function keepsEveryPromise(t: Test, subject: Subject): Promise<void> {
  for (const { sentence, keep } of promises)
    await t.test(sentence, async (t) => {
      await keep(subject);
      t.pass("kept");
    });
}

const newId = createIds(
  () => Date.now(),
  (bytes) => randomFillSync(bytes),
);
/** On a machine that does other things as well. What does not end at all is found after it. */
const defaultPatienceMs = 60_000;
/** More back-end answers than any call needs; a call that never gets through would be tried without end. */
const mostAnswers = 200;

// ---- the stage ---------------------------------------------------------------------------------------------------

/** An instance as the broker would remember it between two orders. */
export interface Thing {
  readonly id: string;
  readonly parameters: JsonObject;
  backend: Json;
  facts: Json;
}

export interface BindingThing extends Thing {
  readonly instance: Thing;
}

export type AnyOrder = Order & BindingOrder & UpdateOrder;

/** Writes orders, hands out tools, and listens to everything that may be shown to people. */
export interface Stage {
  instance(parameters?: JsonObject): Thing;
  binding(instance: Thing, parameters?: JsonObject): BindingThing;
  order(verb: Verb, about: Thing | BindingThing, more?: Partial<Order>): AnyOrder;
  tools(token: string, signal?: AbortSignal): Tools;
  /** Asks as the engine does, until the outcome is not `pending`; remembers facts. Rejects if the adapter throws. */
  carry(adapter: Adapter, order: AnyOrder, about: Thing, signal?: AbortSignal): Promise<Final>;
  /** `carry`, where only `done` will do. */
  done(adapter: Adapter, order: AnyOrder, about: Thing): Promise<Made>;
  /** `done` for a new order about `about`. */
  run(adapter: Adapter, verb: Verb, about: Thing | BindingThing): Promise<Made>;
  /** Names a text that must not be shown. */
  hear(secret: string): void;
  /** Fails if anything that was shown holds a secret. */
  nothingLeaked(): void;
}

export type Final = Exclude<Outcome, { state: "pending" }>;

export function openStage(subject: Subject): Stage {
  const shown: string[] = [];
  const secrets = new Set<string>(subject.secrets);
  const key = randomBytes(32);

  // As the broker's log writes it.
  const show = (fields: object, message: string) => {
    const err = "err" in fields ? { err: describeError(fields.err) } : {};
    shown.push(`${message} ${JSON.stringify({ ...fields, ...err })}`);
  };

  async function call(adapter: Adapter, order: AnyOrder, handle: Json | undefined, signal?: AbortSignal) {
    const tools = stage.tools(order.token, signal);
    try {
      if (handle !== undefined && adapter.poll !== undefined) return await adapter.poll(order, handle, tools);
      return await (adapter[order.verb]?.(order, tools) ?? missing());
    } catch (error) {
      show({ err: error }, error instanceof Error ? error.message : String(error));
      throw error;
    }
  }

  const stage: Stage = {
    instance: (parameters = subject.parameters) => ({ id: newId(), parameters, backend: subject.backend, facts: null }),
    binding: (instance, parameters = subject.bindingParameters) => ({
      id: newId(),
      parameters,
      backend: instance.backend,
      facts: null,
      instance,
    }),
    order(verb, about, more = {}) {
      const instance = "instance" in about ? about.instance : about;
      const order = {
        verb,
        token: newId(),
        attempt: 1,
        deadline: new Date(Date.now() + 60_000),
        plan: { id: "plan", backend: instance.backend },
        instance: {
          id: instance.id,
          platformInstanceId: `i'"; DROP--${instance.id}`,
          organization: "organisation",
          space: "space",
          parameters: new Secret(instance.parameters),
          context: {},
          facts: new Secret(instance.facts),
        },
        ...(verb === "update" && {
          before: { planId: "plan", backend: subject.backend, parameters: new Secret(subject.parameters) },
        }),
        ...("instance" in about && {
          binding: {
            id: about.id,
            platformBindingId: `b'"; DROP--${about.id}`,
            parameters: new Secret(about.parameters),
            bindResource: {},
            facts: new Secret(about.facts),
          },
        }),
        ...more,
      };
      // One literal for three kinds of orders: which parts are there depends on verb and subject, as in production.
      return order as unknown as AnyOrder;
    },
    tools: (token, signal = new AbortController().signal) => ({
      signal,
      now: () => new Date(),
      log: { info: show, warn: show },
      secret(purpose) {
        const secret = createHmac("sha256", key).update(`${token} ${purpose}`).digest("base64url");
        secrets.add(secret);
        return secret;
      },
    }),
    async carry(adapter, order, about, signal) {
      let handle: Json | undefined;
      for (let { attempt } = order; ; attempt++) {
        const facts = new Secret(about.facts);
        const now =
          "binding" in order && order.binding !== undefined
            ? { ...order, attempt, binding: { ...order.binding, facts } }
            : { ...order, attempt, instance: { ...order.instance, facts } };
        const outcome = await call(adapter, now, handle, signal);
        if (outcome.state === "failed") {
          show({}, outcome.reason);
          return outcome;
        }
        if (outcome.made?.facts !== undefined) about.facts = asStored(outcome.made.facts, "facts");
        for (const secret of secretsIn(outcome.made?.access)) secrets.add(secret);
        if (outcome.state === "done") return outcome;
        handle = outcome.handle === undefined ? undefined : asStored(outcome.handle, "a handle");
        show({}, outcome.note ?? "");
        await new Promise((resolve) => setTimeout(resolve, Math.min(outcome.afterMs ?? 10, subject.paceMs ?? 50)));
      }
    },
    async done(adapter, order, about) {
      const outcome = await stage.carry(adapter, order, about).catch((cause: unknown) => {
        if (cause instanceof assert.AssertionError) throw cause;
        return assert.fail(`${order.verb} threw: ${cause instanceof Error ? cause.stack : cause}`);
      });
      if (outcome.state === "failed") assert.fail(`${order.verb} failed: ${outcome.reason}`);
      return outcome.made ?? {};
    },
    run: (adapter, verb, about) => stage.done(adapter, stage.order(verb, about), about),
    hear: (secret) => void secrets.add(secret),
    nothingLeaked() {
      for (const line of shown)
        for (const secret of secrets)
          assert.ok(!line.includes(secret), `a secret was shown: ${line.replaceAll(secret, "<here>")}`);
    },
  };
  return stage;
}

const missing = (): Promise<Outcome> => assert.fail("The adapter cannot do this.");

/** What comes back after it was stored; anything that JSON loses would be missing in the next order. */
function asStored(value: Json, what: string): Json {
  const stored = JSON.parse(JSON.stringify(value)) as Json;
  assert.deepEqual(stored, value, `${what} must survive being stored as JSON`);
  return stored;
}

/** Texts of credentials whose name says that they are secret. */
function secretsIn(access: Access | undefined): string[] {
  return Object.entries(access?.credentials ?? {})
    .filter(([name, value]) => /pass|secret|token|private|ur[il]/i.test(name) && typeof value === "string")
    .map(([, value]) => String(value));
}

/** The promise's value; fails when it takes so long that it must be hanging. */
async function ended<T>(subject: Subject, what: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const hangs = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new assert.AssertionError({ message: `${what} did not end` })),
      subject.patienceMs ?? defaultPatienceMs,
    );
  });
  try {
    return await Promise.race([promise, hangs]);
  } finally {
    clearTimeout(timer);
  }
}

// ---- the promises ------------------------------------------------------------------------------------------------

const list: AdapterPromise[] = [];

/** `tell` starts and must end with the back end as it was. */
function promise(sentence: string, tell: (subject: Subject, adapter: Adapter, stage: Stage) => Promise<void>): void {
  list.push({
    sentence,
    async keep(subject) {
      const stage = openStage(subject);
      const adapter = await subject.open();
      try {
        const before = await subject.inventory();
        await tell(subject, adapter, stage);
        assert.deepEqual(await subject.inventory(), before, "something was left behind, or something else was removed");
        stage.nothingLeaked();
      } finally {
        await adapter.close?.();
      }
    },
  });
}

/** An instance, and how many things its order made, to compare with. */
async function makeOne(
  subject: Subject,
  adapter: Adapter,
  stage: Stage,
): Promise<{ readonly size: number; readonly thing: Thing }> {
  const before = (await subject.inventory()).length;
  const thing = stage.instance();
  await stage.run(adapter, "provision", thing);
  const size = (await subject.inventory()).length - before;
  assert.ok(size > 0, "an instance shows in the inventory");
  return { size, thing };
}

const changed = (subject: Subject, about: Thing): Thing => ({
  ...about,
  parameters: subject.changedParameters,
  backend: subject.largerBackend,
});

/** The same of all instances. */
const shapeOf = (lines: readonly string[], id: string) => lines.map((line) => line.replaceAll(id, "ID")).sort();

async function sizeIs(subject: Subject, { id }: Thing, before: number, size: number, when: string): Promise<void> {
  assert.equal((await subject.inventory(id)).length - before, size, `more or less than one was made ${when}`);
}

/**
 * Rounds in which the back end's first answer gets lost, then the second and so on, until in one of them nothing got lost.
 * `round` tells whether something did, and leaves the world good for the others.
 */
async function losingEachAnswer(subject: Subject, round: (nth: number) => Promise<boolean>): Promise<void> {
  const { atOnce = 1 } = subject;
  for (let first = 1; first <= mostAnswers; first += atOnce) {
    const rounds = await Promise.allSettled(Array.from({ length: atOnce }, (_, index) => round(first + index)));
    for (const ended of rounds) if (ended.status === "rejected") throw ended.reason;
    const lost = rounds.map((ended) => ended.status === "fulfilled" && ended.value);
    assert.ok(lost[0] || first > 1, "no answer was lost");
    if (!lost.every(Boolean)) return;
  }
  assert.fail(`${mostAnswers} answers were not enough`);
}

/** Whether the call made so many calls of the back end that its `nth` answer got lost. */
async function loseAnswer(
  subject: Subject,
  stage: Stage,
  order: AnyOrder,
  about: Thing | BindingThing,
  nth: number,
): Promise<boolean> {
  const { adapter, lost } = await subject.losing(nth);
  try {
    const call = stage.carry(adapter, order, about);
    const outcome = await ended(subject, `${order.verb} without its answer ${nth}`, call).catch((error: unknown) => {
      if (error instanceof assert.AssertionError) throw error;
      return undefined;
    });
    if (outcome?.state === "failed") assert.fail(`a lost answer is not known to be a "no": ${outcome.reason}`);
  } finally {
    await adapter.close?.();
  }
  return lost();
}

promise("an order given twice under one token makes one instance", async (subject, adapter, stage) => {
  const thing = stage.instance();
  const order = stage.order("provision", thing);
  await stage.done(adapter, order, thing);
  const once = await subject.inventory();
  await stage.done(adapter, { ...order, attempt: 2 }, thing);
  assert.deepEqual(await subject.inventory(), once, "the second call made or changed something");
  await stage.run(adapter, "deprovision", thing);
});

promise("two calls at once for one order make one instance", async (subject, adapter, stage) => {
  const { size, thing: first } = await makeOne(subject, adapter, stage);
  const thing = stage.instance();
  const before = (await subject.inventory(thing.id)).length;
  const order = stage.order("provision", thing);
  // The one that loses may say that it does not know; the engine would repeat it.
  await Promise.allSettled([stage.done(adapter, order, thing), stage.done(adapter, order, thing)]);
  await stage.done(adapter, order, thing);
  await sizeIs(subject, thing, before, size, "by two calls at once");
  for (const one of [first, thing]) await stage.run(adapter, "deprovision", one);
});

promise(
  "whichever answers get lost, an order, a change and a removal made again come to the same",
  async (subject, adapter, stage) => {
    const changes = adapter.update !== undefined;
    const { size, thing } = await makeOne(subject, adapter, stage);
    const other = changed(subject, thing);
    if (changes) await stage.run(adapter, "update", other);
    const shape = shapeOf(await subject.inventory(thing.id), thing.id);
    await stage.run(adapter, "deprovision", other);
    await losingEachAnswer(subject, async (nth) => {
      const about = stage.instance();
      const before = await subject.inventory(about.id);
      let anyLost = false;
      const cutOff = async (order: AnyOrder, what: Thing) => {
        anyLost = (await loseAnswer(subject, stage, order, what, nth)) || anyLost;
        await stage.done(adapter, { ...order, attempt: 2 }, what);
      };
      await cutOff(stage.order("provision", about), about);
      await sizeIs(subject, about, before.length, size, `after answer ${nth} was lost`);
      const after = changes ? changed(subject, about) : about;
      if (changes) {
        await cutOff(stage.order("update", after), after);
        const there = shapeOf(await subject.inventory(about.id), about.id);
        assert.deepEqual(there, shape, `another change after answer ${nth} was lost`);
        await sizeIs(subject, about, before.length, size, `after answer ${nth} of a change was lost`);
      }
      if (adapter.bind !== undefined) await stage.run(adapter, "bind", stage.binding(after));
      await cutOff(stage.order("deprovision", after), after);
      const left = await subject.inventory(about.id);
      assert.deepEqual(left, before, `something was left after answer ${nth} was lost`);
      return anyLost;
    });
  },
);

promise("whatever an interrupted order left half made, removing takes it away", async (subject, adapter, stage) => {
  await losingEachAnswer(subject, async (nth) => {
    const about = stage.instance();
    const before = await subject.inventory(about.id);
    const order = stage.order("provision", about);
    const lost = await loseAnswer(subject, stage, order, about, nth);
    await stage.done(adapter, stage.order("deprovision", about, { interrupted: { token: order.token } }), about);
    assert.deepEqual(await subject.inventory(about.id), before, `a half was left after answer ${nth} was lost`);
    return lost;
  });
});

promise("removing what is not there is done, also twice", async (_subject, adapter, stage) => {
  const thing = stage.instance();
  await stage.run(adapter, "deprovision", thing);
  await stage.run(adapter, "provision", thing);
  const order = stage.order("deprovision", thing);
  await stage.done(adapter, order, thing);
  await stage.done(adapter, { ...order, attempt: 2 }, thing);
});

promise("removing an instance leaves its neighbour alone", async (subject, adapter, stage) => {
  const [leaving, staying] = [stage.instance(), stage.instance()];
  await stage.run(adapter, "provision", staying);
  const alone = await subject.inventory();
  await stage.run(adapter, "provision", leaving);
  await stage.run(adapter, "deprovision", leaving);
  assert.deepEqual(await subject.inventory(), alone, "the neighbour was touched");
  await stage.run(adapter, "deprovision", staying);
});

promise("access given twice under one token is the same access, and works", async (subject, adapter, stage) => {
  if (adapter.bind === undefined) return;
  const thing = stage.instance();
  await stage.run(adapter, "provision", thing);
  const binding = stage.binding(thing);
  const order = stage.order("bind", binding);
  const first = await stage.done(adapter, order, binding);
  const once = await subject.inventory();
  const second = await stage.done(adapter, { ...order, attempt: 2 }, binding);
  assert.ok(second.access !== undefined && (await subject.works(second.access)), "the second answer's access works");
  assert.ok(first.access !== undefined && (await subject.works(first.access)), "so does the first one's");
  assert.deepEqual(await subject.inventory(), once, "the second call made something");
  const other = stage.binding(thing);
  const otherOrder = stage.order("bind", other);
  await Promise.allSettled([stage.done(adapter, otherOrder, other), stage.done(adapter, otherOrder, other)]);
  const { access } = await stage.done(adapter, otherOrder, other);
  assert.ok(access !== undefined && (await subject.works(access)), "access given by two calls at once works");
  await stage.run(adapter, "deprovision", thing);
});

promise("whichever answer gets lost, access asked for again works, and goes", async (subject, adapter, stage) => {
  if (adapter.bind === undefined) return;
  const thing = stage.instance();
  await stage.run(adapter, "provision", thing);
  await losingEachAnswer(subject, async (nth) => {
    const about = stage.binding(thing);
    const before = await subject.inventory(about.id);
    const [giving, taking] = [stage.order("bind", about), stage.order("unbind", about)];
    const lostGiving = await loseAnswer(subject, stage, giving, about, nth);
    const { access } = await stage.done(adapter, { ...giving, attempt: 2 }, about);
    assert.ok(access !== undefined && (await subject.works(access)), `no access after answer ${nth} was lost`);
    const lostTaking = await loseAnswer(subject, stage, taking, about, nth);
    await stage.done(adapter, { ...taking, attempt: 2 }, about);
    assert.deepEqual(await subject.inventory(about.id), before, `access was left after answer ${nth} was lost`);
    return lostGiving || lostTaking;
  });
  await losingEachAnswer(subject, async (nth) => {
    const about = stage.binding(thing);
    const before = await subject.inventory(about.id);
    const order = stage.order("bind", about);
    const lost = await loseAnswer(subject, stage, order, about, nth);
    await stage.done(adapter, stage.order("unbind", about, { interrupted: { token: order.token } }), about);
    assert.deepEqual(await subject.inventory(about.id), before, `half a binding was left after answer ${nth} was lost`);
    return lost;
  });
  await stage.run(adapter, "deprovision", thing);
});

promise("access works until it is taken back, and another's goes on working", async (subject, adapter, stage) => {
  if (adapter.bind === undefined) return;
  const thing = stage.instance();
  await stage.run(adapter, "provision", thing);
  const [leaving, staying] = [stage.binding(thing), stage.binding(thing)];
  const kept = (await stage.run(adapter, "bind", staying)).access;
  const alone = await subject.inventory();
  const taken = (await stage.run(adapter, "bind", leaving)).access;
  assert.ok(kept !== undefined && taken !== undefined, "bind answers with access");
  assert.ok((await subject.works(kept)) && (await subject.works(taken)), "both work side by side");
  await stage.run(adapter, "unbind", leaving);
  assert.equal(await subject.works(taken), false, "access that was taken back still works");
  assert.ok(await subject.works(kept), "the other's access was taken, too");
  assert.deepEqual(await subject.inventory(), alone);
  await stage.run(adapter, "deprovision", thing);
  assert.equal(await subject.works(kept), false, "access outlives its instance");
});

promise("taking back access that is not there is done", async (_subject, adapter, stage) => {
  if (adapter.bind === undefined) return;
  const thing = stage.instance();
  await stage.run(adapter, "unbind", stage.binding(thing));
  await stage.run(adapter, "provision", thing);
  const binding = stage.binding(thing);
  await stage.run(adapter, "unbind", binding);
  await stage.run(adapter, "bind", binding);
  const order = stage.order("unbind", binding);
  await stage.done(adapter, order, binding);
  await stage.done(adapter, { ...order, attempt: 2 }, binding);
  await stage.run(adapter, "deprovision", thing);
  await stage.run(adapter, "unbind", binding);
});

promise("a change made twice is the same change", async (subject, adapter, stage) => {
  if (adapter.update === undefined) return;
  const about = stage.instance();
  await stage.run(adapter, "provision", about);
  const after = changed(subject, about);
  const order = stage.order("update", after);
  await stage.done(adapter, order, after);
  const once = await subject.inventory(about.id);
  await stage.done(adapter, { ...order, attempt: 2 }, after);
  assert.deepEqual(await subject.inventory(about.id), once, "the second call changed something");
  await stage.run(adapter, "deprovision", after);
});

promise("a call that is told to end does so, and changes nothing more", async (subject, adapter, stage) => {
  const verbs = verbsOf(adapter);
  const thing = stage.instance();
  for (const verb of verbs) {
    const about = verb === "bind" || verb === "unbind" ? stage.binding(thing) : thing;
    const order = stage.order(verb, about);
    const early = stage.carry(adapter, order, about, AbortSignal.abort(new Error("told to end")));
    await assert.rejects(ended(subject, `${verb} told to end before it began`, early), `${verb} went on`);
    const hanging = await subject.hanging();
    const controller = new AbortController();
    const call = stage.carry(hanging.adapter, order, about, controller.signal);
    // Handled below; until then nobody listens to it.
    call.catch(() => undefined);
    await ended(subject, `${verb} on its way to a back end that hangs`, hanging.reached);
    controller.abort(new Error("told to end"));
    await assert.rejects(ended(subject, `${verb} told to end`, call), `${verb} knows what it cannot know`);
    await hanging.adapter.close?.();
  }
});

promise("fetch tells what is there, and nothing where nothing is", async (subject, adapter, stage) => {
  const { fetch } = adapter;
  if (fetch === undefined) return;
  const thing = stage.instance();
  const look = (about: Thing | BindingThing) => {
    const order = stage.order("instance" in about ? "bind" : "provision", about);
    return fetch.call(adapter, order, stage.tools(order.token));
  };
  assert.equal(await look(thing), undefined, "nothing was ordered yet");
  await stage.run(adapter, "provision", thing);
  const there = await subject.inventory();
  const seen = await look(thing);
  assert.notEqual(seen, undefined, "what is there was not seen");
  assert.deepEqual(JSON.parse(JSON.stringify(seen)), seen, "what fetch tells must survive JSON");
  if (adapter.bind !== undefined) {
    const binding = stage.binding(thing);
    assert.equal(await look(binding), undefined, "nothing was bound yet");
    await stage.run(adapter, "bind", binding);
    assert.notEqual(await look(binding), undefined, "the binding was not seen");
    await stage.run(adapter, "unbind", binding);
    assert.equal(await look(binding), undefined, "the binding is gone");
  }
  assert.deepEqual(await subject.inventory(), there, "looking changed something");
  await stage.run(adapter, "deprovision", thing);
  assert.equal(await look(thing), undefined, "the instance is gone");
  for (const [fault, broken] of await subject.broken()) {
    const order = stage.order("provision", thing);
    const call = broken.fetch?.(order, stage.tools(order.token)) ?? Promise.reject(new Error("cannot fetch"));
    await assert.rejects(ended(subject, "fetch", call), `with an account that does not work (${fault}) nobody knows`);
    await broken.close?.();
  }
});

promise(
  "an inventory lists what was made under its id, and nothing that was removed",
  async (subject, adapter, stage) => {
    const { inventory } = adapter;
    if (inventory === undefined) return;
    const { signal } = new AbortController();
    const list = () => inventory.call(adapter, signal);
    const about = (found: readonly Found[], { id }: Thing) => found.filter((one) => one.id === id);
    const before = await list();
    const thing = stage.instance();
    const order = stage.order("provision", thing);
    await stage.done(adapter, order, thing);
    const binding = adapter.bind === undefined ? undefined : stage.binding(thing);
    if (binding !== undefined) await stage.run(adapter, "bind", binding);
    const there = await subject.inventory();
    const found = await list();
    const [instance, ...twice] = about(found, thing);
    assert.equal(instance?.thing, "instance", "the instance is listed under its id");
    assert.ok(twice.length === 0 && (instance?.name ?? "") !== "", "once, with a name to look for");
    assert.equal(instance?.remains ?? false, false, "it is whole");
    if (instance?.operation !== undefined) assert.equal(instance.operation, order.token, "the operation that made it");
    if (binding !== undefined) {
      const [access, ...more] = about(found, binding);
      assert.equal(access?.thing, "binding", "the binding is listed under its id");
      assert.equal(more.length, 0, "once");
      assert.ok(access?.instance === undefined || access.instance === thing.id, "with its instance");
    }
    assert.deepEqual(await subject.inventory(), there, "an inventory changed something");
    if (binding !== undefined) await stage.run(adapter, "unbind", binding);
    if (binding !== undefined) assert.deepEqual(about(await list(), binding), [], "the binding is gone");
    await stage.run(adapter, "deprovision", thing);
    assert.deepEqual(await list(), before, "what was removed is not listed");
    await assert.rejects(ended(subject, "inventory", Promise.resolve(inventory.call(adapter, AbortSignal.abort()))));
    for (const [fault, broken] of await subject.broken()) {
      const call = broken.inventory?.(signal) ?? Promise.reject(new Error("cannot list"));
      await assert.rejects(
        ended(subject, "inventory", call),
        `with an account that does not work (${fault}) nobody knows`,
      );
      await broken.close?.();
    }
  },
);

promise("an account that does not work makes no outcome at all", async (subject, adapter, stage) => {
  const thing = stage.instance();
  for (const [fault, broken] of await subject.broken()) {
    for (const verb of verbsOf(adapter)) {
      const about = verb === "bind" || verb === "unbind" ? stage.binding(thing) : thing;
      const call = stage.carry(broken, stage.order(verb, about), about);
      await assert.rejects(ended(subject, verb, call), `${verb} with an account that does not work (${fault})`);
    }
    await broken.close?.();
  }
});

promise("a check tells what is wrong with the account and changes nothing", async (subject, adapter) => {
  if (adapter.check === undefined) return;
  const { signal } = new AbortController();
  assert.equal(await adapter.check(signal), undefined, "nothing is wrong with this account");
  for (const [fault, broken] of await subject.broken()) {
    const said = await ended(subject, "check", Promise.resolve(broken.check?.(signal)));
    assert.ok(typeof said === "string" && said.length > 20, `it says what is wrong (${fault})`);
    for (const secret of subject.secrets) assert.ok(!said.includes(secret), "it says a secret");
    await broken.close?.();
  }
});

promise("a refusal says what to do, repeats no parameter and leaves nothing", async (subject, adapter, stage) => {
  if (subject.refused === undefined) return;
  const { parameters, text } = subject.refused;
  stage.hear(text);
  const thing = stage.instance(parameters);
  const order = stage.order("provision", thing);
  const outcome = await stage.carry(adapter, order, thing);
  if (outcome.state !== "failed") assert.fail("the back end says no to these parameters");
  assert.ok(outcome.reason.length > 20, "the reason explains");
  if (!outcome.clean)
    await stage.done(adapter, stage.order("deprovision", thing, { interrupted: { token: order.token } }), thing);
});

/** What every adapter promises; each is kept by one that is right, and noticed where one is not. */
export const promises: readonly AdapterPromise[] = list;

function verbsOf(adapter: Adapter): Verb[] {
  const all: Verb[] = ["provision", "update", "deprovision", "bind", "unbind"];
  return all.filter((verb) => adapter[verb] !== undefined);
}

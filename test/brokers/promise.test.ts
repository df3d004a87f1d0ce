/** The promises themselves: a right adapter keeps all, and of each kind of wrong one it is noticed. */
import t from "tap";
import type { Access, Adapter, BindingOrder, Order, Outcome, Tools, Verb } from "../../src/core/adapter.ts";
import { createScripted, type Scripted } from "../support/scripted.ts";
import { keepsEveryPromise, promises, type Subject } from "./promise.ts";

type AnyOrder = Order | BindingOrder;
type Around = (call: () => Promise<Outcome>, order: AnyOrder, tools: Tools) => Promise<Outcome>;

const verbs: readonly Verb[] = ["provision", "update", "deprovision", "bind", "unbind"];

/** The adapter with something around each of its calls. */
function wrapped(adapter: Adapter, around: Around): Adapter {
  const calls = verbs.map((verb) => [
    verb,
    (order: AnyOrder, tools: Tools) =>
      around(async () => (await adapter[verb]?.(order as never, tools)) ?? { state: "done" }, order, tools),
  ]);
  return { ...adapter, ...(Object.fromEntries(calls) as Pick<Adapter, Verb>) };
}

const nameOf = (order: AnyOrder) =>
  "binding" in order ? `${order.instance.id}/${order.binding.id}` : order.instance.id;
const unreachable = async (): Promise<never> => {
  throw new Error("connect ECONNREFUSED");
};

/** A subject on the scripted back end; `wrong` makes its adapter a wrong one. */
function scriptedSubject(wrong: (scripted: Scripted, right: Adapter) => Partial<Adapter> = () => ({})): Subject {
  const scripted = createScripted();
  const { inventory } = scripted;
  const honest: Adapter = {
    ...wrapped(scripted.adapter, async (call, order, tools) => {
      tools.signal.throwIfAborted();
      const bad = JSON.stringify(order.instance.parameters.reveal()).includes("unheard-of");
      return bad
        ? { state: "failed", reason: "Parameter size must be a number that is for sale.", clean: true }
        : call();
    }),
    fetch: async (order) => (inventory.has(nameOf(order)) ? { metadata: { attributes: { size: 1 } } } : undefined),
    check: async () => undefined,
    async inventory(signal) {
      signal.throwIfAborted();
      return [...inventory].map((name) => {
        const [instance = "", binding] = name.split("/");
        return binding === undefined
          ? { thing: "instance", id: instance, name }
          : { thing: "binding", id: binding, instance, name };
      });
    },
  };
  const adapter = { ...honest, ...wrong(scripted, honest) };
  const passwords = new Map<string, string>();
  const remembering = wrapped(adapter, async (call, order) => {
    const outcome = await call();
    const password = outcome.state === "done" ? outcome.made?.access?.credentials?.password : undefined;
    if (typeof password === "string") passwords.set(nameOf(order), password);
    return outcome;
  });
  return {
    open: async () => remembering,
    async losing(nth) {
      let lost = false;
      const losing = wrapped(remembering, async (call) => {
        const outcome = await call();
        if (nth > 1) return outcome;
        lost = true;
        throw new Error("socket hang up");
      });
      return { adapter: losing, lost: () => lost };
    },
    async hanging() {
      let arrived = () => {};
      const reached = new Promise<void>((resolve) => {
        arrived = resolve;
      });
      const untilTold: Around = (_call, _order, { signal }) =>
        new Promise((_, reject) => {
          signal.addEventListener("abort", () => reject(signal.reason));
          arrived();
        });
      return { adapter: { ...wrapped(adapter, untilTold), ...("deaf" in adapter ? adapter : {}) }, reached };
    },
    broken: async () =>
      new Map([
        [
          "unreachable",
          {
            ...wrapped(adapter, unreachable),
            fetch: unreachable,
            inventory: unreachable,
            check: async () => "Nothing answers at this address; is it right?",
            ...("hopeful" in adapter && adapter),
          },
        ],
      ]),
    inventory: async () => [...inventory].sort(),
    works: async ({ credentials }: Access) =>
      [...passwords].some(([name, password]) => inventory.has(name) && password === credentials?.password),
    backend: {},
    largerBackend: { size: 2 },
    parameters: { note: "only-for-us" },
    changedParameters: { note: "only-for-us, too" },
    bindingParameters: {},
    refused: { parameters: { size: "unheard-of" }, text: "unheard-of" },
    secrets: ["only-for-us"],
    patienceMs: 300,
  };
}

t.test("an adapter that is right", (t) => keepsEveryPromise(t, scriptedSubject()));

let made = 0;
const wrongAdapters: readonly [string, RegExp, Parameters<typeof scriptedSubject>[0]][] = [
  [
    "makes a second instance when asked again",
    /given twice under one token makes one instance/,
    ({ inventory }, right) => ({
      async provision(order, tools) {
        inventory.add(`${order.instance.id}/${made++}`);
        return right.provision(order, tools);
      },
    }),
  ],
  [
    "names what it makes after the attempt",
    /an order, a change and a removal made again/,
    ({ inventory }) => ({
      async provision(order) {
        inventory.add(`${order.instance.id}/${order.attempt}`);
        return { state: "done" };
      },
    }),
  ],
  [
    "makes two when asked twice at once",
    /two calls at once/,
    ({ inventory }) => ({
      async provision(order) {
        const there = [...inventory].some((name) => name.startsWith(order.instance.id));
        await new Promise((resolve) => setImmediate(resolve));
        if (!there) inventory.add(`${order.instance.id}/${made++}`);
        return { state: "done" };
      },
    }),
  ],
  [
    "complains that there is nothing to remove",
    /removing what is not there is done/,
    ({ inventory }, right) => ({
      async deprovision(order, tools) {
        if (inventory.has(order.instance.id)) return right.deprovision(order, tools);
        return { state: "failed", reason: "not found", clean: false };
      },
    }),
  ],
  [
    "leaves what was interrupted",
    /interrupted order left half made/,
    (_, right) => ({
      deprovision: async (order, tools) => (order.interrupted ? { state: "done" } : right.deprovision(order, tools)),
    }),
  ],
  [
    "removes the neighbour, too",
    /leaves its neighbour alone/,
    ({ inventory }) => ({
      async deprovision() {
        inventory.clear();
        return { state: "done" };
      },
    }),
  ],
  [
    "makes another password on every call",
    /access given twice under one token/,
    ({ succeed }) => ({
      async bind(order, tools) {
        await succeed(order, tools);
        return { state: "done", made: { access: { credentials: { password: `nobody-knows-${made++}` } } } };
      },
    }),
  ],
  [
    "forgets to take access back",
    /access works until it is taken back/,
    () => ({ unbind: async () => ({ state: "done" }) }),
  ],
  [
    "complains that there is no access to take back",
    /taking back access that is not there/,
    ({ inventory }, right) => ({
      async unbind(order, tools) {
        if (inventory.has(nameOf(order))) return (await right.unbind?.(order, tools)) ?? { state: "done" };
        throw new Error("no such role");
      },
    }),
  ],
  [
    "adds something with every change",
    /a change made twice/,
    ({ inventory }) => ({
      async update(order) {
        inventory.add(`${order.instance.id}/changed-${made++}`);
        return { state: "done" };
      },
    }),
  ],
  [
    "changes in another way when asked again",
    /an order, a change and a removal made again/,
    ({ inventory }) => ({
      async update(order) {
        inventory.add(`${order.instance.id}/changed-${order.attempt}`);
        return { state: "done" };
      },
    }),
  ],
  [
    "does not listen when told to end",
    /told to end does so/,
    () => ({ deaf: true, provision: () => new Promise(() => {}) }) as Partial<Adapter>,
  ],
  ["sees what is not there", /fetch tells what is there/, () => ({ fetch: async () => ({}) })],
  [
    "remembers what cannot be stored",
    /given twice under one token makes one instance/,
    ({ inventory }) => ({
      async provision(order) {
        inventory.add(order.instance.id);
        return { state: "done", made: { facts: { since: new Date() } as never } };
      },
    }),
  ],
  [
    "logs parameters",
    /removing what is not there/,
    (_, right) => ({
      async provision(order, tools) {
        tools.log.info({ parameters: order.instance.parameters.reveal() }, "making");
        return right.provision(order, tools);
      },
    }),
  ],
  [
    "lists under a name what it should list under an id",
    /an inventory lists/,
    ({ inventory }) => ({
      inventory: async () => [...inventory].map((name) => ({ thing: "instance", id: `x${name}`, name })),
    }),
  ],
  [
    "takes an account that does not work for an empty provider",
    /an inventory lists/,
    (_, right) => ({ hopeful: true, inventory: right.inventory }) as Partial<Adapter>,
  ],
  [
    "tidies up while it lists",
    /an inventory lists/,
    ({ inventory }, right) => ({
      async inventory(signal) {
        const found = (await right.inventory?.(signal)) ?? [];
        for (const { thing, name } of found) if (thing === "binding") inventory.delete(name);
        return found;
      },
    }),
  ],
  [
    "puts the account's secret into an error",
    /account that does not work/,
    () =>
      ({
        hopeful: true,
        provision: () => Promise.reject(new Error("login only-for-us was refused")),
      }) as Partial<Adapter>,
  ],
  [
    "takes an account that does not work for a no",
    /account that does not work/,
    () =>
      ({
        hopeful: true,
        provision: async () => ({ state: "failed", reason: "no connection", clean: true }),
      }) as Partial<Adapter>,
  ],
  [
    "changes something while it checks",
    /a check tells/,
    ({ inventory }) => ({
      async check() {
        inventory.add("checked");
        return undefined;
      },
    }),
  ],
  [
    "repeats a parameter in its refusal",
    /a refusal says what to do/,
    (_, right) => ({
      async provision(order, tools) {
        const outcome = await right.provision(order, tools);
        return outcome.state === "failed" ? { ...outcome, reason: "The size unheard-of is not for sale." } : outcome;
      },
    }),
  ],
];

for (const [what, sentence, wrong] of wrongAdapters)
  t.test(`an adapter that ${what} is noticed`, async (t) => {
    const promise = promises.find((promise) => sentence.test(promise.sentence));
    await t.rejects(promise?.keep(scriptedSubject(wrong)) ?? Promise.resolve(), { name: "AssertionError" });
  });

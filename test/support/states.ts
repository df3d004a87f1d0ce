/** Brings instances and bindings into every state the broker knows, and holds them there while a test asks. */
import type { Test } from "tap";
import type { Adapter, BindingOrder, Order } from "../../src/core/adapter.ts";
import type { Binding, Instance } from "../../src/core/model.ts";
import {
  type Answer,
  access,
  asyncPlan,
  hints,
  order,
  startTestBroker,
  type TestBroker,
  type Wanted,
} from "./broker.ts";
import { holdAt } from "./gate.ts";
import { type Act, createScripted, type Scripted } from "./scripted.ts";

export const accepted = "accepts_incomplete=true";

export type InstanceState =
  | "nothing"
  | "deleted"
  | "provisioning"
  | "provision failed"
  | "ready"
  | "unusable"
  | "updating"
  | "deprovisioning"
  | "deprovision failed"
  | "deprovision failed, unusable";

export type BindingState =
  | "nothing"
  | "deleted"
  | "binding"
  | "bind failed"
  | "bound"
  | "expired"
  | "unbinding"
  | "unbind failed";

/** One instance under test, with a back end of its own that can be told what to do. */
export interface Subject extends Scripted {
  readonly id: string;
  readonly plan: string;
  readonly url: string;
  readonly lastOperation: string;
  /** URL of a binding; without a name that of the one in the state asked for. */
  binding(name?: string): string;
  /** Token of the operation that is under way. */
  operation: string;
  /** Lets it go on. */
  open: (instead?: Act) => void;
  ask: TestBroker["ask"];
  /** The usual requests for this instance; all accept 202. */
  put(more?: object): Promise<Answer>;
  patch(more?: object): Promise<Answer>;
  remove(): Promise<Answer>;
  bind(more?: object, name?: string): Promise<Answer>;
  unbind(name?: string): Promise<Answer>;
  row(): Promise<Instance | undefined>;
  bindingRow(name?: string): Promise<Binding | undefined>;
  /** Waits for the end of the operation that is under way, or of another one. */
  end(token?: string): Promise<void>;
}

export interface World {
  readonly broker: TestBroker;
  /** A fresh instance id in that state. */
  instance(state?: InstanceState, plan?: string): Promise<Subject>;
  /** A fresh instance with its first binding in that state. */
  withBinding(state: BindingState, plan?: string): Promise<Subject>;
}

export const longAgo = "2020-01-01T00:00:00Z";
const refusal = { state: "failed", reason: "The provider said no." } as const;

export async function openWorld(t: Test, wanted: Partial<Wanted> = {}): Promise<World> {
  const backEnds = new Map<string, Scripted>();
  const broker = await startTestBroker(t, { adapter: byInstance(backEnds), ...wanted });
  let count = 0;

  function subject(plan: string): Subject {
    const id = `i-${++count}`;
    const scripted = createScripted();
    backEnds.set(id, scripted);
    const url = `/service_instances/${id}`;
    const { ask, engine, open } = broker;
    const query = `${hints(plan)}&${accepted}`;
    const s: Subject = {
      ...scripted,
      id,
      plan,
      url,
      lastOperation: `${url}/last_operation`,
      binding: (name = "b") => `${url}/service_bindings/${id}-${name}`,
      operation: "",
      open: () => {},
      ask,
      put: (more = {}) => ask("PUT", `${url}?${accepted}`, order(plan, more)),
      patch: (more = {}) => ask("PATCH", `${url}?${accepted}`, access(plan, more)),
      remove: () => ask("DELETE", `${url}?${query}`),
      bind: (more = {}, name = "b") => ask("PUT", `${s.binding(name)}?${accepted}`, access(plan, more)),
      unbind: (name = "b") => ask("DELETE", `${s.binding(name)}?${query}`),
      row: async () => open.store.readInstance("a", id),
      bindingRow: async (name = "b") => open.store.readBinding("a", `${id}-${name}`),
      end: async (token = s.operation) => void (await engine.finished(token, 10_000)),
    };
    return s;
  }

  return {
    broker,
    async instance(state = "ready", plan = asyncPlan) {
      const s = subject(plan);
      await bringInstance[state](s);
      return s;
    },
    async withBinding(state, plan = asyncPlan) {
      const s = subject(plan);
      await s.put();
      await bringBinding[state](s);
      return s;
    },
  };
}

/** Each instance talks to a back end of its own, so that what one row of a table scripts cannot reach another. */
function byInstance(backEnds: ReadonlyMap<string, Scripted>): Adapter {
  const of = (given: Order | BindingOrder) => {
    const adapter = backEnds.get(given.instance.platformInstanceId)?.adapter;
    if (adapter === undefined) throw new Error(`No back end for ${given.instance.platformInstanceId}.`);
    return adapter as Required<Adapter>;
  };
  return {
    provision: async (given, tools) => of(given).provision(given, tools),
    update: async (given, tools) => of(given).update(given, tools),
    deprovision: async (given, tools) => of(given).deprovision(given, tools),
    bind: async (given, tools) => of(given).bind(given, tools),
    unbind: async (given, tools) => of(given).unbind(given, tools),
    poll: async (given, handle, tools) => of(given).poll(given, handle, tools),
  };
}

/** Starts what `ask` asks for and leaves it at the gate of that verb. */
async function hold(
  s: Subject,
  verb: "provision" | "update" | "deprovision" | "bind" | "unbind",
  ask: () => Promise<Answer>,
): Promise<void> {
  const gate = holdAt(s.script[verb], s.succeed);
  const { body } = await ask();
  s.operation = String(body.operation);
  s.open = gate.open;
  await gate.entered;
}

const bringInstance: { readonly [S in InstanceState]: (s: Subject) => Promise<void> } = {
  nothing: async () => {},
  deleted: async (s) => {
    await s.put();
    await s.remove();
  },
  provisioning: (s) => hold(s, "provision", () => s.put()),
  "provision failed": async (s) => {
    s.script.provision.push(() => ({ ...refusal, clean: false }));
    await s.put();
    const cleanup = (await s.row())?.operation;
    if (cleanup !== undefined) await s.end(cleanup);
  },
  ready: async (s) => void (await s.put()),
  unusable: async (s) => {
    await s.put();
    s.script.update.push(() => ({ ...refusal, clean: true, usable: false }));
    await s.patch({ parameters: { size: 9 } });
  },
  updating: async (s) => {
    await s.put();
    await hold(s, "update", () => s.patch({ parameters: { size: 9 } }));
  },
  deprovisioning: async (s) => {
    await s.put();
    await hold(s, "deprovision", () => s.remove());
  },
  "deprovision failed": async (s) => {
    await s.put();
    s.script.deprovision.push(() => ({ ...refusal, clean: true, usable: true }));
    await s.remove();
  },
  "deprovision failed, unusable": async (s) => {
    await s.put();
    s.script.deprovision.push(() => ({ ...refusal, clean: false, usable: false }));
    await s.remove();
  },
};

const bringBinding: { readonly [S in BindingState]: (s: Subject) => Promise<void> } = {
  nothing: async () => {},
  deleted: async (s) => {
    await s.bind();
    await s.unbind();
  },
  binding: (s) => hold(s, "bind", () => s.bind()),
  "bind failed": async (s) => {
    s.script.bind.push(() => ({ ...refusal, clean: false }));
    await s.bind();
    const cleanup = (await s.bindingRow())?.operation;
    if (cleanup !== undefined) await s.end(cleanup);
  },
  bound: async (s) => void (await s.bind()),
  expired: async (s) => {
    s.script.bind.push(() => ({ state: "done", made: { access: { credentials: { user: "u" }, expiresAt: longAgo } } }));
    await s.bind();
  },
  unbinding: async (s) => {
    await s.bind();
    await hold(s, "unbind", () => s.unbind());
  },
  "unbind failed": async (s) => {
    await s.bind();
    s.script.unbind.push(() => ({ ...refusal, clean: true }));
    await s.unbind();
  },
};

export interface Row<S> {
  readonly state: S;
  readonly what?: string;
  readonly ask: (s: Subject) => Promise<Answer>;
  readonly status: number;
  /** What the body must hold. */
  readonly body?: object;
  /** The answer names the operation that is under way already. */
  readonly sameOperation?: boolean;
  /** The request changes something; all others must leave rows and back end alone. */
  readonly begins?: boolean;
  readonly plan?: string;
  /** Done before the request, when the state is reached. */
  readonly first?: (s: Subject) => unknown;
  /** Checked afterwards. */
  readonly afterwards?: (s: Subject, answer: Answer, t: Test) => unknown;
}

/** Asks each row's question in its state, and sees that a request which begins nothing changes nothing. */
export async function answersAsTheTableSays<S extends string>(
  t: Test,
  bring: (state: S, plan?: string) => Promise<Subject>,
  rows: readonly Row<S>[],
): Promise<void> {
  for (const row of rows) {
    const name = `${row.state}${row.what === undefined ? "" : `, ${row.what}`}: ${row.status}`;
    const s = await bring(row.state, row.plan);
    await row.first?.(s);
    const before = await picture(s);
    const answer = await row.ask(s);
    t.equal(answer.status, row.status, name);
    // An empty pattern would match anything.
    if (row.body !== undefined && Object.keys(row.body).length === 0) t.strictSame(answer.body, {}, `${name}, body`);
    else if (row.body !== undefined) t.match(answer.body, row.body, `${name}, body`);
    if (row.sameOperation) t.equal(answer.body.operation, s.operation, `${name}, the same operation`);
    if (!row.begins) t.strictSame(await picture(s), before, `${name}, nothing changed`);
    if (answer.status >= 400 && answer.status !== 410)
      t.match(answer.body, { error: /^[A-Z][A-Za-z]+$/, description: /./ }, `${name}, error body`);
    await row.afterwards?.(s, answer, t);
    s.open();
  }
}

async function picture(s: Subject): Promise<object> {
  const [instance, binding] = [await s.row(), await s.bindingRow()];
  return {
    calls: [...s.calls],
    inventory: [...s.inventory],
    instance: [instance?.state, instance?.version, instance?.operation],
    binding: [binding?.state, binding?.version, binding?.operation],
  };
}

/** Status and body, to be compared as a whole. */
export const told = ({ status, body }: Answer): readonly [number, object] => [status, body];

export const concurrency = { error: "ConcurrencyError" };
export const asyncRequired = { error: "AsyncRequired" };

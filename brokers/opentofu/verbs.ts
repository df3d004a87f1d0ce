/** The verbs: which module an order is about, and what of its outputs becomes of it. */
import type { Access, BindingOrder, JsonObject, Made, Order, Outcome, StateOwner, Tools, UpdateOrder } from "#adapter";
import { carry, type Task, within } from "./carry.ts";
import type { Desk } from "./desk.ts";
import { type PlanBackend, readBackend } from "./plan.ts";
import { type Result, resultOf } from "./result.ts";
import { outputsOf, readState, type State } from "./state.ts";
import { type Work, workOf } from "./work.ts";

/** Provision and update are the same to OpenTofu: it compares what is there with what shall be there. */
export function apply(desk: Desk, order: Order | UpdateOrder, tools: Tools): Promise<Outcome> {
  const plan = readBackend(order.plan.backend);
  const work = { ...workOf(order, plan, {}), bindingsWithin: plan.binding === undefined };
  return carry(
    desk,
    {
      token: order.token,
      owner: { id: order.instance.id, instanceId: order.instance.id },
      removal: false,
      work: () => work,
      outcome: (state) => ({ state: "done", made: madeOf(plan, work, state) }),
      clean: changedNothing(order),
    },
    tools,
  );
}

/** Nothing is left of a creation, or nothing changed by an update. A call that was repeated may have begun something. */
const changedNothing = (order: Order) => (result: Result, state: State) =>
  !result.touched && ("before" in order || state.resources.length === 0);

/** Bindings first: they stand on the instance. */
export async function remove(desk: Desk, order: Order, tools: Tools): Promise<Outcome> {
  tools.signal.throwIfAborted();
  const { instance } = order;
  const all = await within(tools, desk.states.about(instance.id));
  for (const kept of all.filter(({ bindingId }) => bindingId !== undefined)) {
    const outcome = await carry(desk, removalOf(order, kept, undefined), tools, kept);
    if (outcome.state !== "done") return outcome;
  }
  const kept = all.find(({ bindingId }) => bindingId === undefined);
  if (kept === undefined) return { state: "done" };
  return carry(desk, removalOf(order, kept, workOf(order, readBackend(order.plan.backend), {})), tools, kept);
}

export async function bind(desk: Desk, order: BindingOrder, tools: Tools): Promise<Outcome> {
  tools.signal.throwIfAborted();
  const { instance } = order;
  const plan = readBackend(order.plan.backend);
  if (plan.credentials === undefined)
    return {
      state: "failed",
      reason: "The plan names no outputs that are access. Tell whoever offers it.",
      clean: true,
    };
  const kept = await within(tools, desk.states.read(instance.id));
  if (kept?.body === undefined) throw new Error("The instance has no state.");
  const outer = readState(kept.body.reveal());
  const access = (state: State): Outcome => ({ state: "done", made: { access: accessOf(plan, outer, state) } });
  if (plan.binding === undefined) return access(outer);
  const work = workOf(order, plan.binding, outputsOf(outer));
  return carry(
    desk,
    {
      token: order.token,
      owner: ownerOf(order),
      removal: false,
      work: () => work,
      outcome: access,
      clean: (result, state) => !result.touched && state.resources.length === 0,
    },
    tools,
  );
}

/** Without a module for bindings there is nothing of its own to take away: no state, so nothing to remove. */
export async function unbind(desk: Desk, order: BindingOrder, tools: Tools): Promise<Outcome> {
  const { binding } = readBackend(order.plan.backend);
  const work = binding === undefined ? undefined : workOf(order, binding, {});
  return carry(desk, removalOf(order, ownerOf(order), work), tools);
}

/** What the documents say. Whether reality still agrees is what the inventory compares. */
export async function fetchThing(desk: Desk, order: Order | BindingOrder, tools: Tools): Promise<Made | undefined> {
  tools.signal.throwIfAborted();
  const plan = readBackend(order.plan.backend);
  const ownState = !("binding" in order) || plan.binding !== undefined;
  const kept = await within(
    tools,
    desk.states.read("binding" in order && ownState ? order.binding.id : order.instance.id),
  );
  if (kept === undefined) return undefined;
  const state = readState(kept.body?.reveal());
  // A run may be making it just now, or may have been lost while it did.
  const result = resultOf(kept);
  const known = kept.lock === undefined && result?.state !== "lost";
  if (known && (state.resources.length === 0 || result?.gone === true)) return undefined;
  if ("binding" in order) return {};
  const made = madeOf(plan, result?.work, state);
  const { drift = [] } = result ?? {};
  if (drift.length === 0) return made;
  return { ...made, metadata: { attributes: { ...made.metadata?.attributes, changedOutsideOfLotse: [...drift] } } };
}

function ownerOf({ instance, binding }: BindingOrder): StateOwner {
  return { id: binding.id, instanceId: instance.id, bindingId: binding.id };
}

/** By the module, its version and its values that made it; `otherwise` where no run ever told. */
function removalOf({ token }: Order, { id, instanceId, bindingId }: StateOwner, otherwise: Work | undefined): Task {
  return {
    token,
    owner: { id, instanceId, ...(bindingId !== undefined && { bindingId }) },
    removal: true,
    work(known) {
      const work = known?.work ?? otherwise;
      if (work === undefined) throw new Error("Nobody knows any more which module made this.");
      return work;
    },
    outcome: () => ({ state: "done" }),
    clean: () => false,
  };
}

function madeOf(plan: PlanBackend, work: Work | undefined, { outputs }: State): Made {
  const text = (name: string) => {
    const output = outputs.get(name);
    return output === undefined || output.sensitive ? undefined : output.value;
  };
  const dashboardUrl = plan.dashboardUrl === undefined ? undefined : text(plan.dashboardUrl);
  const attributes = Object.fromEntries(
    (plan.attributes ?? []).flatMap((name) => {
      const value = text(name);
      return value === undefined ? [] : [[name, value]];
    }),
  );
  return {
    ...(work !== undefined && {
      facts: { module: work.module, ...(work.version !== undefined && { version: work.version }) },
    }),
    ...(typeof dashboardUrl === "string" && { dashboardUrl }),
    ...(plan.attributes !== undefined && { metadata: { attributes } }),
  };
}

/** Outputs of the binding's own module go before those of the instance's. Throws if the modules lack one. */
function accessOf({ credentials = [], endpoint }: PlanBackend, outer: State, inner: State): Access {
  const output = (name: string) => {
    const found = inner.outputs.get(name) ?? outer.outputs.get(name);
    if (found === undefined) throw new Error(`The module has no output "${name}", which the plan says is access.`);
    return found.value;
  };
  const values: JsonObject = Object.fromEntries(credentials.map((name) => [name, output(name)]));
  if (endpoint === undefined) return { credentials: values };
  const { host, port, protocol } = endpoint;
  const place = { host: String(output(host)), ports: [String(output(port))] };
  return { credentials: values, endpoints: [{ ...place, ...(protocol !== undefined && { protocol }) }] };
}

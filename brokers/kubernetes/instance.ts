/** The verbs of instances. */
import type { BindingOrder, Made, Order, Outcome, Tools, UpdateOrder } from "#adapter";
import { stateOf } from "./conditions.ts";
import { make, outdated, rehearse, type Wanted } from "./make.ts";
import { instanceOwner, isOf } from "./marks.ts";
import { nameOf, type Objects, type Ref } from "./objects.ts";
import { type Plan, readPlan } from "./plan.ts";
import { findRecord, listRecords, type Record } from "./record.ts";
import { outcomeOf } from "./refusal.ts";
import { removeAll, removeRefs } from "./remove.ts";
import { given, instanceRoots } from "./scope.ts";
import { fill } from "./template.ts";

/** Known "no"s and a busy server as outcomes. `clean()`: whether surely nothing was made yet. */
export async function answered(clean: () => boolean, work: () => Promise<Outcome>): Promise<Outcome> {
  try {
    return await work();
  } catch (error) {
    const outcome = outcomeOf(error, clean());
    if (outcome === undefined) throw error;
    return outcome;
  }
}

/** A call before this one may have left something. */
export const mayHaveBegun = ({ attempt, repeated }: Order): boolean => attempt > 1 || repeated;

export async function provision(objects: Objects, order: Order, tools: Tools): Promise<Outcome> {
  let traces = mayHaveBegun(order);
  return answered(
    () => !traces,
    async () => {
      const plan = readPlan(order.plan.backend);
      const wanted = wantedBy(order, plan);
      const record = await findRecord(objects, order.instance.id, tools.signal);
      const begun = () => {
        traces = true;
      };
      await make(objects, wanted, record, begun, tools.signal);
      return readiness(objects, order, plan, tools);
    },
  );
}

export async function update(objects: Objects, order: UpdateOrder, tools: Tools): Promise<Outcome> {
  let changed = mayHaveBegun(order);
  return answered(
    () => !changed,
    async () => {
      const { signal } = tools;
      const plan = readPlan(order.plan.backend);
      const wanted = wantedBy(order, plan);
      const record = await findRecord(objects, order.instance.id, signal);
      if (record === undefined)
        return {
          state: "failed",
          reason: "The instance does not exist at the provider any more.",
          clean: !changed,
          usable: false,
        };
      // A change that the cluster refuses in part would leave the instance between two plans.
      if (!changed) await rehearse(objects, wanted, signal);
      const begun = () => {
        changed = true;
      };
      await make(objects, wanted, record, begun, signal);
      const past = [...outdated(record, wanted.manifests)].reverse();
      const note = await removeRefs(objects, wanted.owner, past, signal);
      if (note !== undefined) return waiting(objects, note);
      return readiness(objects, order, plan, tools);
    },
  );
}

export async function deprovision(objects: Objects, order: Order, tools: Tools): Promise<Outcome> {
  return answered(
    () => false,
    async () => {
      const records = await listRecords(objects, order.instance.id, tools.signal);
      const note = await removeAll(objects, records, tools.signal);
      return note === undefined ? { state: "done" } : waiting(objects, note);
    },
  );
}

/** Looks again whether what was applied is ready. */
export async function readiness(
  objects: Objects,
  order: Order | BindingOrder,
  plan: Plan,
  { signal }: Tools,
): Promise<Outcome> {
  const roots = instanceRoots(order, plan);
  const conditions = { ready: filled(plan.ready, roots), failed: filled(plan.failed, roots) };
  const look = (ref: Ref) => objects.find(ref, signal);
  const state = await stateOf(objects, conditions, look, given(order), signal);
  if (state.is === "failed") return { state: "failed", reason: state.reason, clean: false };
  if (state.is === "waiting") return { ...waiting(objects, state.note), handle: { waitsFor: "ready" } };
  return { state: "done" };
}

const filled = (conditions: Plan["ready"], roots: Parameters<typeof fill>[1]): Plan["ready"] =>
  conditions.map((condition) => ({ ...condition, of: fill({ ...condition.of }, roots) }));

export const waiting = ({ api }: Objects, note: string): Extract<Outcome, { state: "pending" }> => ({
  state: "pending",
  afterMs: api.account.pollMs,
  note,
});

function wantedBy(order: Order, plan: Plan): Wanted {
  return {
    owner: instanceOwner(order),
    manifests: fill(plan.manifests, instanceRoots(order, plan)),
    parameters: given(order),
  };
}

export async function fetchInstance(objects: Objects, order: Order, { signal }: Tools): Promise<Made | undefined> {
  const record = await findRecord(objects, order.instance.id, signal);
  return record && whatIsThere(objects, record, instanceOwner(order), signal);
}

/** Undefined: the record names things, and none of them is there. */
export async function whatIsThere(
  objects: Objects,
  { refs }: Record,
  owner: Parameters<typeof isOf>[1],
  signal: AbortSignal,
): Promise<Made | undefined> {
  const found = await Promise.all(refs.map((ref) => objects.find(ref, signal)));
  const missing = refs.filter((_, index) => {
    const object = found[index];
    return object === undefined || !isOf(object, owner);
  });
  if (refs.length > 0 && missing.length === refs.length) return undefined;
  return missing.length === 0 ? {} : { metadata: { attributes: { missing: missing.map(nameOf) } } };
}

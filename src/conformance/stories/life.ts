/** The life of one instance: ordered, looked at, changed, bound, moved and removed, with every repeat on the way. */
import { NotReached, type PlanContext } from "../check.ts";
import type { Exchange } from "../client.ts";
import type { Ending } from "../poll.ts";
import { achieved, incomplete, otherOrganization, renamed, requestsFor, unknownField } from "../requests.ts";
import { canary } from "./refusals.ts";

/** Seen while an operation was under way; only if it still was afterwards. */
export interface Meanwhile {
  readonly repeat: Exchange;
  readonly different: Exchange | undefined;
  readonly fetched: Exchange;
  readonly bound: Exchange | undefined;
}

export interface Birth {
  readonly path: string;
  readonly order: Exchange;
  readonly firstPoll: Exchange | undefined;
  readonly meanwhile: Meanwhile | undefined;
  readonly ending: Ending | undefined;
  /** There is an instance to go on with. */
  readonly there: boolean;
  readonly polledAgain?: Exchange;
  readonly fetched?: Exchange;
  readonly repeat?: Exchange;
  readonly repeatWithMore?: Exchange;
  readonly conflict?: Exchange;
  readonly conflictingParameters?: Exchange;
}

export async function birth(context: PlanContext): Promise<Birth> {
  const { plan, target } = context;
  const { instance, binding, order, access, put, get, poll, follow } = requestsFor(context);
  const path = instance();
  const ordered = await put(path, order());
  let firstPoll: Exchange | undefined;
  let meanwhile: Meanwhile | undefined;
  let ending: Ending | undefined;
  if (ordered.answer?.status === 202) {
    firstPoll = await poll(path, ordered);
    const seen = {
      repeat: await put(path, order()),
      different: await put(path, order({ organization_guid: otherOrganization })),
      fetched: await get(path),
      bound: plan.claims.has("bindable") ? await put(binding(path), access()) : undefined,
    };
    ending = await follow(path, ordered);
    // The state only moves forward: what was in progress after the look was so during it.
    if (ending.polls[0]?.answer?.body?.state === "in progress") meanwhile = seen;
  }
  const there = achieved(ordered, ending);
  const born = { path, order: ordered, firstPoll, meanwhile, ending, there };
  if (!there) return born;
  return {
    ...born,
    polledAgain: await poll(path, ordered),
    fetched: await get(path),
    repeat: await put(path, order()),
    repeatWithMore: await put(
      path,
      order({ [unknownField]: { a: 1 }, context: { ...renamed(), [unknownField]: true } }),
    ),
    conflict: await put(
      path,
      plan.other === undefined ? order({ organization_guid: otherOrganization }) : order({ plan_id: plan.other }),
    ),
    conflictingParameters: await put(path, order({ parameters: { ...target.parameters, lotse_conformance: canary } })),
  };
}

/** The birth, if there is an instance to go on with. */
export async function living(context: PlanContext): Promise<Birth> {
  const born = await context.story(birth);
  if (!born.there) throw new NotReached("the plan could not be ordered (see provision-works)");
  return born;
}

export interface Changes {
  readonly nothing: Exchange;
  readonly withoutService: Exchange;
  readonly unknownPlan: Exchange;
  readonly unclaimedPlan: Exchange | undefined;
  readonly maintenance: Exchange | undefined;
  readonly contextOnly: Exchange | undefined;
  readonly contextEnding: Ending | undefined;
  /** With the parameters that were given to the kit, if any were. */
  readonly sameParameters: Exchange | undefined;
  readonly sameParametersEnding: Ending | undefined;
  /** The instance after all that was refused. */
  readonly fetched: Exchange;
}

export async function changes(context: PlanContext): Promise<Changes> {
  const { path } = await living(context);
  const { plan, newId, target } = context;
  const { patch, follow, get } = requestsFor(context);
  const service = { service_id: plan.serviceId };
  const settled = async (asked: Exchange) => {
    if (asked.answer?.status === 202) await follow(path, asked);
    return asked;
  };
  const nothing = await settled(await patch(path, { ...service, plan_id: plan.id, parameters: {} }));
  const withoutService = await settled(await patch(path, { plan_id: plan.id }));
  const unknownPlan = await settled(await patch(path, { ...service, plan_id: newId() }));
  const unclaimed = !plan.claims.has("plan_updateable") && plan.other !== undefined;
  const unclaimedPlan = unclaimed
    ? await settled(await patch(path, { ...service, plan_id: plan.other ?? "" }))
    : undefined;
  const maintenance = plan.claims.has("maintenance_info")
    ? await settled(await patch(path, { ...service, maintenance_info: { version: "999.0.0-other" } }))
    : undefined;
  const fetched = await get(path);
  const contextOnly = plan.claims.has("allow_context_updates")
    ? await patch(path, { ...service, context: renamed() })
    : undefined;
  const contextEnding = contextOnly?.answer?.status === 202 ? await follow(path, contextOnly) : undefined;
  const sameParameters =
    target.parameters === undefined ? undefined : await patch(path, { ...service, parameters: target.parameters });
  const sameParametersEnding = sameParameters?.answer?.status === 202 ? await follow(path, sameParameters) : undefined;
  return {
    nothing,
    withoutService,
    unknownPlan,
    unclaimedPlan,
    maintenance,
    contextOnly,
    contextEnding,
    sameParameters,
    sameParametersEnding,
    fetched,
  };
}

export interface Bound {
  readonly path: string;
  readonly asked: Exchange;
  readonly ending: Ending | undefined;
  readonly there: boolean;
  readonly fetched: Exchange | undefined;
}

export interface Access {
  readonly missingFields: readonly { readonly what: string; readonly asked: Exchange }[];
  readonly first: Bound;
  readonly running: { readonly repeat: Exchange } | undefined;
  readonly repeat?: Exchange;
  readonly conflict?: Exchange;
  readonly second?: Bound;
  readonly rotated?: Bound;
  readonly predecessor?: Exchange;
  readonly rotatedFromNowhere?: Exchange;
  readonly unbindWithoutHints?: Exchange;
  readonly stillThere?: Exchange;
  readonly unbind?: Exchange;
  readonly unbindRepeat?: Exchange;
  readonly unbindRunning?: boolean;
  readonly unbindEnding?: Ending | undefined;
  readonly unbindAgain?: Exchange;
  readonly fetchedAfter?: Exchange;
  /** The successor, after its predecessor was taken back. */
  readonly successorAfter?: Exchange;
}

export async function bindings(context: PlanContext): Promise<Access> {
  const { path: instance } = await living(context);
  await context.story(changes);
  const { plan, newId, target } = context;
  const requests = requestsFor(context);
  const { access, binding, put, get, remove, poll, follow } = requests;
  const retrievable = plan.claims.has("bindings_retrievable");

  async function finish(path: string, asked: Exchange): Promise<Bound> {
    const ending = asked.answer?.status === 202 ? await follow(path, asked) : undefined;
    const there = achieved(asked, ending);
    return { path, asked, ending, there, fetched: there && retrievable ? await get(path) : undefined };
  }

  const missingFields: { what: string; asked: Exchange }[] = [];
  for (const field of ["service_id", "plan_id"]) {
    const { [field]: _left, ...body } = access();
    missingFields.push({ what: `binding without ${field}`, asked: await put(binding(instance), body) });
  }

  const path = binding(instance);
  const asked = await put(path, access());
  let running: Access["running"];
  if (asked.answer?.status === 202) {
    const repeat = await put(path, access());
    const state = (await poll(path, asked)).answer?.body?.state;
    if (state === "in progress") running = { repeat };
  }
  const first = await finish(path, asked);
  if (!first.there) return { missingFields, first, running };

  const repeat = await put(path, access());
  const conflict = await put(path, access({ parameters: { ...target.bindParameters, lotse_conformance: canary } }));
  const secondPath = binding(instance);
  const second = await finish(secondPath, await put(secondPath, access()));

  let rotated: Bound | undefined;
  let predecessor: Exchange | undefined;
  let rotatedFromNowhere: Exchange | undefined;
  if (plan.claims.has("binding_rotatable")) {
    rotatedFromNowhere = await put(binding(instance), { predecessor_binding_id: newId() });
    const successor = binding(instance);
    const predecessorId = decodeURIComponent(path.split("/").at(-1) ?? "");
    rotated = await finish(successor, await put(successor, { predecessor_binding_id: predecessorId }));
    if (rotated.there && retrievable) predecessor = await get(path);
  }

  const unbindWithoutHints = await remove(path, incomplete);
  const stillThere = await put(path, access());
  const unbind = await remove(path);
  let unbindRepeat: Exchange | undefined;
  let unbindRunning = false;
  let unbindEnding: Ending | undefined;
  if (unbind.answer?.status === 202) {
    unbindRepeat = await remove(path);
    unbindEnding = await follow(path, unbind);
    unbindRunning = unbindEnding.polls[0]?.answer?.body?.state === "in progress";
  }
  const unbindAgain = await remove(path);
  const fetchedAfter = retrievable ? await get(path) : undefined;
  const successorAfter = rotated?.there && retrievable ? await get(rotated.path) : undefined;
  for (const rest of [second.path, ...(rotated?.there ? [rotated.path] : [])]) {
    const removed = await remove(rest);
    if (removed.answer?.status === 202) await follow(rest, removed);
  }
  return {
    missingFields,
    first,
    running,
    repeat,
    conflict,
    second,
    ...(rotated !== undefined && { rotated }),
    ...(predecessor !== undefined && { predecessor }),
    ...(rotatedFromNowhere !== undefined && { rotatedFromNowhere }),
    unbindWithoutHints,
    stillThere,
    unbind,
    ...(unbindRepeat !== undefined && { unbindRepeat }),
    unbindRunning,
    unbindEnding,
    unbindAgain,
    ...(fetchedAfter !== undefined && { fetchedAfter }),
    ...(successorAfter !== undefined && { successorAfter }),
  };
}

/** A binding of a plan that claims to have none. */
export async function unbindable(context: PlanContext): Promise<Exchange> {
  const { path } = await living(context);
  const { put, binding, access } = requestsFor(context);
  return put(binding(path), access());
}

export interface Move {
  readonly asked: Exchange;
  readonly repeat: Exchange | undefined;
  readonly ending: Ending | undefined;
  readonly fetched: Exchange;
}

/** To the plan named for it. */
export async function move(context: PlanContext): Promise<Move | undefined> {
  const { path } = await living(context);
  const { plan } = context;
  if (plan.claims.has("bindable")) await context.story(bindings);
  else await context.story(changes);
  if (plan.updateTo === undefined || !plan.claims.has("plan_updateable")) return undefined;
  const { patch, follow, get, poll } = requestsFor(context);
  const body = { service_id: plan.serviceId, plan_id: plan.updateTo, previous_values: { plan_id: plan.id } };
  const asked = await patch(path, body);
  let repeat: Exchange | undefined;
  let ending: Ending | undefined;
  if (asked.answer?.status === 202) {
    const repeated = await patch(path, body);
    if ((await poll(path, asked)).answer?.body?.state === "in progress") repeat = repeated;
    ending = await follow(path, asked);
  }
  return { asked, repeat, ending, fetched: await get(path, {}) };
}

export interface Farewell {
  readonly withoutHints: Exchange;
  readonly stillThere: Exchange;
  readonly asked: Exchange;
  readonly repeat: Exchange | undefined;
  readonly ending: Ending | undefined;
  readonly again: Exchange;
  readonly fetched: Exchange;
  readonly polled: Exchange | undefined;
  readonly bound: Exchange | undefined;
}

export async function farewell(context: PlanContext): Promise<Farewell> {
  const { path } = await living(context);
  // Whatever became of the chapters before, the instance is removed.
  await context.story(changes).catch(() => undefined);
  if (context.plan.claims.has("bindable")) await context.story(bindings).catch(() => undefined);
  else await context.story(unbindable).catch(() => undefined);
  const moved = await context.story(move).catch(() => undefined);
  const { remove, get, put, poll, follow, order, access, binding, hints } = requestsFor(context);
  const now = achieved(moved?.asked, moved?.ending) ? { ...hints, plan_id: context.plan.updateTo ?? "" } : hints;
  const withoutHints = await remove(path, incomplete);
  const stillThere = await put(path, order(now));
  const asked = await remove(path, { ...now, ...incomplete });
  let repeat: Exchange | undefined;
  let ending: Ending | undefined;
  if (asked.answer?.status === 202) {
    const repeated = await remove(path, { ...now, ...incomplete });
    ending = await follow(path, asked);
    if (ending.polls[0]?.answer?.body?.state === "in progress") repeat = repeated;
  }
  return {
    withoutHints,
    stillThere,
    asked,
    repeat,
    ending,
    again: await remove(path),
    fetched: await get(path, {}),
    polled: asked.answer?.status === 202 ? await poll(path, asked) : undefined,
    bound: context.plan.claims.has("bindable") ? await put(binding(path), access()) : undefined,
  };
}

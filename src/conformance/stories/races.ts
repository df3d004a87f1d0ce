/**
 * Requests that meet. Each race has an instance of its own, which is removed at its end. There is none on plans that
 * cannot be ordered even in peace: it would show nothing more, and may take as long again.
 */
import type { PlanContext } from "../check.ts";
import type { Exchange } from "../client.ts";
import type { Ending } from "../poll.ts";
import { achieved, otherOrganization, requestsFor } from "../requests.ts";
import { bindings, living } from "./life.ts";

const atOnce = 4;

export interface Twins {
  readonly path: string;
  readonly orders: readonly Exchange[];
  readonly there: boolean;
  readonly binds: readonly Exchange[];
  readonly bindEndings: readonly Ending[];
  readonly removals: readonly Exchange[];
  readonly again: Exchange;
  readonly fetched: Exchange;
}

/** One order, one binding and one deletion, each sent several times at once. */
export async function twins(context: PlanContext): Promise<Twins> {
  await living(context);
  const { instance, binding, order, access, put, remove, get, follow } = requestsFor(context);
  const path = instance();
  const together = (ask: () => Promise<Exchange>) => Promise.all(Array.from({ length: atOnce }, ask));

  const orders = await together(() => put(path, order()));
  const accepted = orders.find(({ answer }) => answer?.status === 202);
  const ending = accepted === undefined ? undefined : await follow(path, accepted);
  const there = orders.some((asked) => achieved(asked, ending));

  let binds: readonly Exchange[] = [];
  const bindEndings: Ending[] = [];
  if (there && context.plan.claims.has("bindable")) {
    const bound = binding(path);
    binds = await together(() => put(bound, access()));
    const begun = binds.find(({ answer }) => answer?.status === 202);
    if (begun !== undefined) bindEndings.push(await follow(bound, begun));
    const unbound = await remove(bound);
    if (unbound.answer?.status === 202) await follow(bound, unbound);
  }

  const removals = await together(() => remove(path));
  const removing = removals.find(({ answer }) => answer?.status === 202);
  if (removing !== undefined) await follow(path, removing);
  return { path, orders, there, binds, bindEndings, removals, again: await remove(path), fetched: await get(path) };
}

export interface Rivals {
  readonly orders: readonly Exchange[];
}

/** Two different orders on one id. */
export async function rivals(context: PlanContext): Promise<Rivals> {
  await living(context);
  const { instance, order, put, remove, follow } = requestsFor(context);
  const path = instance();
  const orders = await Promise.all([put(path, order()), put(path, order({ organization_guid: otherOrganization }))]);
  for (const asked of orders) if (asked.answer?.status === 202) await follow(path, asked);
  const removed = await remove(path);
  if (removed.answer?.status === 202) await follow(path, removed);
  return { orders };
}

export interface Interrupted {
  readonly begun: Exchange;
  /** The deletion, sent as soon as the creation was accepted. */
  readonly removal: Exchange;
  readonly removalEnding: Ending | undefined;
  /** The creation's own operation, polled after the deletion's end. */
  readonly begunAfterwards: Exchange | undefined;
  readonly again: Exchange | undefined;
  readonly fetched: Exchange | undefined;
}

/** A deletion while the order is carried out; undefined for plans that are provisioned at once. */
export async function changeOfMind(context: PlanContext): Promise<Interrupted | undefined> {
  const { order: known } = await living(context);
  if (known.answer?.status !== 202) return undefined;
  const { instance, order, put } = requestsFor(context);
  const path = instance();
  return interrupt(context, path, await put(path, order()));
}

/** The same for a binding; undefined for plans that are bound at once. */
export async function changeOfBinding(context: PlanContext): Promise<Interrupted | undefined> {
  const { first } = await context.story(bindings);
  if (first.asked.answer?.status !== 202) return undefined;
  const { instance, binding, order, access, put, remove, follow } = requestsFor(context);
  const path = instance();
  const ordered = await put(path, order());
  const ending = ordered.answer?.status === 202 ? await follow(path, ordered) : undefined;
  if (!achieved(ordered, ending)) return undefined;
  const bound = binding(path);
  const asked = await put(bound, access());
  const seen = asked.answer?.status === 202 ? await interrupt(context, bound, asked) : undefined;
  const removed = await remove(path);
  if (removed.answer?.status === 202) await follow(path, removed);
  return seen;
}

async function interrupt(context: PlanContext, path: string, begun: Exchange): Promise<Interrupted> {
  const { remove, follow, poll, get } = requestsFor(context);
  const removal = await remove(path);
  const status = removal.answer?.status;
  const removalEnding = status === 202 ? await follow(path, removal) : undefined;
  if (status === 200 || status === 202) {
    const begunAfterwards = await poll(path, begun);
    return { begun, removal, removalEnding, begunAfterwards, again: await remove(path), fetched: await get(path) };
  }
  // Refused: the creation goes on, and is removed when it is done.
  await follow(path, begun);
  const later = await remove(path);
  if (later.answer?.status === 202) await follow(path, later);
  return { begun, removal, removalEnding, begunAfterwards: undefined, again: undefined, fetched: undefined };
}

/** A platform that waits for nothing: every request without accepts_incomplete. */
import { isCoded, type PlanContext } from "../check.ts";
import type { Exchange } from "../client.ts";
import { requestsFor } from "../requests.ts";

export interface Impatience {
  /** Without the word, and with it saying `false`. */
  readonly orders: readonly Exchange[];
  readonly bind: Exchange | undefined;
  readonly unbind: Exchange | undefined;
  readonly remove: Exchange | undefined;
}

export async function impatience(context: PlanContext): Promise<Impatience> {
  const { instance, binding, order, access, hints, put, remove, follow } = requestsFor(context);
  const path = instance();
  const first = await put(path, order(), {});
  if (first.answer?.status === 202) await follow(path, first);
  const orders = [first];
  if (first.answer !== undefined && isCoded(first.answer, "AsyncRequired"))
    orders.push(await put(instance(), order(), { accepts_incomplete: "false" }));
  let bind: Exchange | undefined;
  let unbind: Exchange | undefined;
  let removed: Exchange | undefined;
  if (first.answer?.status === 201) {
    if (context.plan.claims.has("bindable")) {
      const bound = binding(path);
      bind = await put(bound, access(), {});
      if (bind.answer?.status === 202) await follow(bound, bind);
      if (bind.answer?.status === 201) unbind = await remove(bound, hints);
      if (unbind?.answer?.status === 202) await follow(bound, unbind);
    }
    removed = await remove(path, hints);
    if (removed.answer?.status === 202) await follow(path, removed);
  }
  return { orders, bind, unbind, remove: removed };
}

/** Makes, changes and removes buckets. Every step says the same when it is repeated. */
import type { Json, Order, Outcome, Tools, UpdateOrder } from "#adapter";
import { refusalOf } from "./errors.ts";
import { bucketName, tagsFor } from "./names.ts";
import type { Provider } from "./provider.ts";
import { wishesOf } from "./wishes.ts";

export async function provision({ buckets }: Provider, order: Order, tools: Tools): Promise<Outcome> {
  const wishes = wishesOf(order);
  if (typeof wishes === "string") return { state: "failed", reason: wishes, clean: !order.repeated };
  const name = bucketName(order.instance.id);
  let made = order.repeated;
  try {
    await buckets.create(name, tools.signal);
    made = true;
    await buckets.shape(name, wishes, tagsFor(order), tools.signal);
    return { state: "done" };
  } catch (error) {
    return refusalOf(error, tools, !made) ?? Promise.reject(error);
  }
}

/** Older versions, life cycle, encryption and public access, as the new plan and parameters say. */
export async function update({ buckets }: Provider, order: UpdateOrder, tools: Tools): Promise<Outcome> {
  const wishes = wishesOf(order);
  if (typeof wishes === "string") return { state: "failed", reason: wishes, clean: !order.repeated, repeatable: false };
  const name = bucketName(order.instance.id);
  if (!(await buckets.exists(name, tools.signal))) return vanished(true);
  try {
    await buckets.shape(name, wishes, tagsFor(order), tools.signal);
    return { state: "done" };
  } catch (error) {
    return refusalOf(error, tools, false) ?? Promise.reject(error);
  }
}

export function vanished(clean: boolean): Outcome {
  const reason = "The bucket does not exist at the provider any more. Delete the instance, or ask the provider.";
  return { state: "failed", reason, clean, usable: false, repeatable: false };
}

/** `removed`: how many objects are gone so far, for the note only. */
interface Handle {
  readonly removed: number;
}

/** Takes the users first, so that nobody puts anything in any more; then a batch of objects with every call. */
export async function deprovision(provider: Provider, order: Order, handle: Json, tools: Tools): Promise<Outcome> {
  const { account, buckets, keys } = provider;
  const { removed = 0 } = (handle ?? {}) as unknown as Partial<Handle>;
  const { id } = order.instance;
  const name = bucketName(id);
  const { signal } = tools;
  for (const user of (await keys?.list(id, signal)) ?? []) await keys?.take(user, signal);
  const contents = await buckets.contents(name, signal);
  if (contents === undefined) return { state: "done" };
  const { objects, uploads } = contents;
  await buckets.empty(name, contents, signal);
  const all = removed + objects.length;
  // A call is over after one batch, so that it takes seconds and its progress is seen.
  const isLast = objects.length < mostAtOnce && uploads.length < mostAtOnce;
  if (isLast && (await buckets.remove(name, signal))) return { state: "done" };
  const note =
    all === 0
      ? "The bucket is being emptied."
      : `The bucket is being emptied: ${all} objects, older versions included, are removed.`;
  // Where there was nothing to remove, the provider's listings lag behind and want time.
  return { state: "pending", handle: { removed: all }, afterMs: isLast ? account.pollMs : 0, note };
}

/** What S3 lists, and removes, with one request. */
const mostAtOnce = 1000;

/** Makes what a plan's manifests say, or brings it to that. Every call may be the first or a repeat. */
import type { JsonObject } from "#adapter";
import { isOf, marked, type Owner, objectName } from "./marks.ts";
import { nameOf, type Objects, type Ref, refOf, sameRef } from "./objects.ts";
import { type Record, writeRecord } from "./record.ts";
import { judge, Refused } from "./refusal.ts";
import { walk } from "./template.ts";

export interface Wanted {
  readonly owner: Owner;
  /** Filled in, in the order to make them. */
  readonly manifests: readonly JsonObject[];
  /** Texts that reasons must not repeat. */
  readonly parameters: JsonObject;
}

/** Writes the record, then applies one object after the other; `begun` is called before the first trace. Throws `Refused` where the cluster says no. */
export async function make(
  objects: Objects,
  { owner, manifests, parameters }: Wanted,
  before: Record | undefined,
  begun: () => void,
  signal: AbortSignal,
): Promise<void> {
  await nobodyElses(objects, owner, manifests, signal);
  begun();
  await writeRecord(objects, owner, before, manifests.map(refOf), signal);
  for (const manifest of manifests) {
    const object = marked(manifest, owner);
    await objects.apply(object, objectName(owner.id), signal).catch((error: unknown) => {
      throw judge(error, refOf(object), parameters);
    });
  }
}

/** Whether the cluster would take all of it, without changing anything. Throws `Refused` if not. */
export async function rehearse(
  objects: Objects,
  { owner, manifests, parameters }: Wanted,
  signal: AbortSignal,
): Promise<void> {
  await nobodyElses(objects, owner, manifests, signal);
  for (const manifest of manifests) {
    const object = marked(manifest, owner);
    await objects.apply(object, objectName(owner.id), signal, true).catch((error: unknown) => {
      const judged = judge(error, refOf(object), parameters);
      // Its namespace may be one that is yet to be made.
      if (judged instanceof Refused || !isAbsent(error)) throw judged;
    });
  }
}

const isAbsent = (error: unknown): boolean => error instanceof Error && "code" in error && error.code === 404;

/** Looked at before it is touched: applying would join an object that others made, and removing would take it along. */
async function nobodyElses(
  objects: Objects,
  owner: Owner,
  manifests: readonly JsonObject[],
  signal: AbortSignal,
): Promise<void> {
  const refs = manifests.map(refOf);
  for (const ref of refs) await objects.expect(ref, signal);
  const found = await Promise.all(refs.map((ref) => objects.find(ref, signal)));
  for (const [index, object] of found.entries()) {
    if (object === undefined) continue;
    const name = nameOf(refs[index] as Ref);
    if (!isOf(object, owner))
      throw new Refused(`${name} exists already and is not this order's. The provider has to correct the plan.`);
    if (walk(object, ["metadata", "deletionTimestamp"]) !== undefined)
      throw new Refused(`${name} is being removed at the provider. Order again when it is gone.`);
  }
}

/** Refs on record that the manifests do not name any more. */
export function outdated(record: Record | undefined, manifests: readonly JsonObject[]): readonly Ref[] {
  const wanted = manifests.map(refOf);
  return (record?.refs ?? []).filter((ref) => !wanted.some((one) => sameRef(one, ref)));
}

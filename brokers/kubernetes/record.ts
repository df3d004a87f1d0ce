/**
 * What was made for an instance or a binding, written down at the cluster before it is made: a ConfigMap in Lotse's own
 * namespace. By it a removal finds everything, whatever the plan says by then, and an inventory lists what there is.
 */
import type { Json, JsonObject } from "#adapter";
import { labels, marked, type Owner, objectName } from "./marks.ts";
import { type Objects, type Ref, sameRef } from "./objects.ts";
import { walk } from "./template.ts";

export interface Record {
  readonly id: string;
  readonly of: "instance" | "binding";
  readonly instance: string;
  /** In the order they were made. */
  readonly refs: readonly Ref[];
  readonly object: JsonObject;
}

const kind = { apiVersion: "v1", kind: "ConfigMap" } as const;

export async function findRecord(objects: Objects, id: string, signal: AbortSignal): Promise<Record | undefined> {
  const { namespace } = objects.api.account;
  const object = await objects.find({ ...kind, namespace, name: objectName(id) }, signal);
  return object && readRecord(object);
}

/** Of one instance with its bindings, or of all. */
export async function listRecords(
  objects: Objects,
  instance: string | undefined,
  signal: AbortSignal,
): Promise<readonly Record[]> {
  const { namespace } = objects.api.account;
  const labelSelector = instance === undefined ? labels.record : `${labels.record},${labels.instance}=${instance}`;
  const found = await objects.list({ ...kind, namespace }, { labelSelector, fieldSelector: undefined }, signal);
  return found.map(readRecord).filter((record) => record !== undefined);
}

/** Adds the refs to what is on record already. Throws (409) if another call wrote in between: it is tried again. */
export async function writeRecord(
  objects: Objects,
  owner: Owner,
  before: Record | undefined,
  refs: readonly Ref[],
  signal: AbortSignal,
): Promise<void> {
  const old = before?.refs ?? [];
  const all = [...old, ...refs.filter((ref) => !old.some((one) => sameRef(one, ref)))];
  const version = walk(before?.object, ["metadata", "resourceVersion"]);
  const of = labels.binding in owner.labels ? "binding" : "instance";
  const object = marked(
    {
      ...kind,
      metadata: {
        name: objectName(owner.id),
        namespace: objects.api.account.namespace,
        labels: { [labels.record]: of },
        ...(version !== undefined && { resourceVersion: version }),
      },
      data: { objects: JSON.stringify(all) },
    },
    owner,
  );
  await objects.apply(object, objectName(owner.id), signal);
}

/** The record goes last, when nothing that it names is there any more. */
export async function removeRecord(objects: Objects, record: Record, signal: AbortSignal): Promise<void> {
  const { namespace } = objects.api.account;
  const uid = String(walk(record.object, ["metadata", "uid"]));
  await objects.remove({ ...kind, namespace, name: objectName(record.id) }, uid, signal);
}

/** Undefined: somebody else's ConfigMap. Throws on one that carries Lotse's labels and cannot be read. */
function readRecord(object: JsonObject): Record | undefined {
  const of = walk(object, ["metadata", "labels", labels.record]);
  const instance = walk(object, ["metadata", "labels", labels.instance]);
  const id = of === "binding" ? walk(object, ["metadata", "labels", labels.binding]) : instance;
  if ((of !== "instance" && of !== "binding") || typeof id !== "string" || typeof instance !== "string")
    return undefined;
  const refs = JSON.parse(String(walk(object, ["data", "objects"]))) as Json;
  if (!Array.isArray(refs)) throw new Error(`The record ${objectName(id)} holds no list of objects.`);
  return { id, of, instance, refs: refs as unknown as readonly Ref[], object };
}

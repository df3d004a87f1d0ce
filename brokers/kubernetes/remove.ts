/** Takes away what was made, the last first, waiting for each to be gone. Finalizers are never touched. */
import { whatHolds } from "./conditions.ts";
import { isOf, labels, type Owner } from "./marks.ts";
import type { Objects, Ref } from "./objects.ts";
import { type Record, removeRecord } from "./record.ts";
import { walk } from "./template.ts";

/** Undefined: all of it is gone; else what is still there and why. */
export async function removeAll(
  objects: Objects,
  records: readonly Record[],
  signal: AbortSignal,
): Promise<string | undefined> {
  // Access goes before what it is access to.
  const inOrder = [...records].sort((a, b) => (a.of === b.of ? 0 : a.of === "binding" ? -1 : 1));
  for (const record of inOrder) {
    const note = await removeRefs(objects, ownerOf(record), lastFirst(record), signal);
    if (note !== undefined) return note;
    await removeRecord(objects, record, signal);
  }
  return undefined;
}

/** Those of the refs that carry the owner's labels; what others made, or made since, stays. */
export async function removeRefs(
  objects: Objects,
  owner: Pick<Owner, "labels">,
  refs: readonly Ref[],
  signal: AbortSignal,
): Promise<string | undefined> {
  for (const ref of refs) {
    const object = await objects.find(ref, signal);
    if (object === undefined || !isOf(object, owner)) continue;
    if (walk(object, ["metadata", "deletionTimestamp"]) !== undefined) return whatHolds(ref, object);
    const uid = String(walk(object, ["metadata", "uid"]));
    if (!(await objects.remove(ref, uid, signal))) {
      const now = await objects.find(ref, signal);
      if (now !== undefined && isOf(now, owner)) return whatHolds(ref, now);
    }
  }
  return undefined;
}

/**
 * What Kubernetes itself serves goes with its namespace, all at once: a quota or a network policy that went first would
 * leave its namespace without. What an operator serves is taken away before, as its controller may need what is around it.
 */
function lastFirst({ refs }: Record): readonly Ref[] {
  const going = new Set(
    refs.filter(({ kind, apiVersion }) => kind === "Namespace" && apiVersion === "v1").map(({ name }) => name),
  );
  return refs.filter((ref) => !(ref.namespace !== undefined && going.has(ref.namespace) && isBuiltIn(ref))).reverse();
}

function isBuiltIn({ apiVersion }: Ref): boolean {
  const [group = "", version] = apiVersion.split("/");
  return version === undefined || !group.includes(".") || (/\.k8s\.io$/.test(group) && builtIn.has(group));
}

const builtIn = new Set([
  "networking.k8s.io",
  "rbac.authorization.k8s.io",
  "coordination.k8s.io",
  "discovery.k8s.io",
  "events.k8s.io",
]);

function ownerOf({ id, of, instance }: Record): Pick<Owner, "labels"> {
  return { labels: { [labels.instance]: instance, ...(of === "binding" && { [labels.binding]: id }) } };
}

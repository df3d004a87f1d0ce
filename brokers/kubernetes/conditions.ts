/** Whether objects are as a plan wants them, and what hinders those that are not. */
import type { Json, JsonObject } from "#adapter";
import { nameOf, type Objects, type Ref } from "./objects.ts";
import type { Condition } from "./plan.ts";
import { withoutValues } from "./refusal.ts";
import { walk } from "./template.ts";

export type Look = (ref: Ref) => Promise<JsonObject | undefined>;

export type State =
  | { readonly is: "ready" }
  | { readonly is: "waiting"; readonly note: string }
  | { readonly is: "failed"; readonly reason: string };

/** `parameters`: texts the notes must not repeat. */
export async function stateOf(
  objects: Objects,
  stage: { readonly ready: readonly Condition[]; readonly failed: readonly Condition[] },
  look: Look,
  parameters: Json,
  signal: AbortSignal,
): Promise<State> {
  for (const condition of stage.failed) {
    const object = await look(condition.of);
    if (object === undefined || !holds(object, condition)) continue;
    const said = withoutValues(await hindrance(objects, condition.of, object, signal), parameters);
    return { is: "failed", reason: `${nameOf(condition.of)} has failed. ${said}`.trim() };
  }
  for (const condition of stage.ready) {
    const object = await look(condition.of);
    if (object === undefined) return { is: "waiting", note: `${nameOf(condition.of)} is not there yet.` };
    if (holds(object, condition)) continue;
    const said = withoutValues(await hindrance(objects, condition.of, object, signal), parameters);
    return { is: "waiting", note: `${nameOf(condition.of)} is not ready yet. ${said}`.trim() };
  }
  return { is: "ready" };
}

function holds(object: JsonObject, wanted: Condition): boolean {
  const generation = walk(object, ["metadata", "generation"]);
  // What its controller says of an older state is no word on this one.
  const isStale = (seen: Json | undefined) =>
    typeof seen === "number" && typeof generation === "number" && seen < generation;
  if (isStale(walk(object, ["status", "observedGeneration"]))) return false;
  if (wanted.condition !== undefined) {
    const found = conditionsOf(object).find(({ type }) => type === wanted.condition);
    return found !== undefined && !isStale(found.observedGeneration) && found.status === (wanted.status ?? "True");
  }
  const value = walk(object, wanted.path ?? []);
  return wanted.equals === undefined ? value !== undefined && value !== null && value !== "" : value === wanted.equals;
}

function conditionsOf(object: JsonObject): readonly JsonObject[] {
  const conditions = walk(object, ["status", "conditions"]);
  return Array.isArray(conditions) ? (conditions as readonly JsonObject[]) : [];
}

/** What the object's own status says, and the last warning about it. */
async function hindrance(objects: Objects, ref: Ref, object: JsonObject, signal: AbortSignal): Promise<string> {
  const said = conditionsOf(object)
    .filter(({ status, message }) => status !== "True" && typeof message === "string" && message !== "")
    .map(({ type, message }) => `${type}: ${message}`);
  const phase = walk(object, ["status", "phase"]);
  if (said.length === 0 && typeof phase === "string") said.push(`Its phase is "${phase}".`);
  const warning = await lastWarning(objects, ref, object, signal);
  return [...said, ...(warning === undefined ? [] : [warning])].join(" ");
}

/** Events are kept for an hour or so; reading them is a help, so the account may lack the right. */
async function lastWarning(
  objects: Objects,
  ref: Ref,
  object: JsonObject,
  signal: AbortSignal,
): Promise<string | undefined> {
  const fieldSelector = `involvedObject.uid=${walk(object, ["metadata", "uid"])},type=Warning`;
  // Events about what has no namespace are in "default".
  const of = { apiVersion: "v1", kind: "Event", namespace: ref.namespace ?? "default" };
  const found = await objects.list(of, { fieldSelector, labelSelector: undefined }, signal).catch(() => {
    signal.throwIfAborted();
    return [];
  });
  const when = (event: JsonObject) => String(event.lastTimestamp ?? event.eventTime ?? "");
  const last = [...found].sort((a, b) => (when(a) < when(b) ? 1 : -1))[0];
  return last && `Last warning: ${last.reason}: ${last.message}`;
}

/** Why an object that was asked to go is still there. */
export function whatHolds(ref: Ref, object: JsonObject): string {
  const finalizers = walk(object, ["metadata", "finalizers"]) ?? walk(object, ["spec", "finalizers"]);
  const said = conditionsOf(object)
    // A namespace says so by conditions that are true (Kubernetes: NamespaceCondition).
    .filter(({ type, status }) => /Remaining$|Failure$/.test(String(type)) && status === "True")
    .map(({ message }) => String(message));
  const waits = Array.isArray(finalizers) && finalizers.length > 0 ? ` It waits for ${finalizers.join(", ")}.` : "";
  return `${nameOf(ref)} is being removed.${waits}${said.length === 0 ? "" : ` ${said.join(" ")}`}`.slice(0, 500);
}

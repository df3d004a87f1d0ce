/** What the API server's "no" means, in words for whoever ordered. Values of parameters are not repeated. */
import type { Json, JsonObject, Outcome } from "#adapter";
import { Busy, Told } from "./api.ts";
import { nameOf, type Ref, UnknownKind } from "./objects.ts";
import { MissingParameter, PlanMistake, walk } from "./template.ts";

/** A "no" that a repeat would not change; the message is for the person ordering. */
export class Refused extends Error {}

/** A "no" of the moment: the same is to be tried again soon; the message says what is waited for. */
export class NotNow extends Error {}

// Controllers see to such things within moments.
const soonMs = 1000;

/** A failed outcome where the error is a known "no", `pending` where the server is busy; undefined: nothing is known. */
export function outcomeOf(error: unknown, clean: boolean): Outcome | undefined {
  if (error instanceof Busy)
    return {
      state: "pending",
      afterMs: error.afterMs,
      note: "The provider's cluster is busy; Lotse asks again in a moment.",
    };
  if (error instanceof NotNow) return { state: "pending", afterMs: soonMs, note: error.message };
  if (error instanceof MissingParameter)
    return { state: "failed", reason: `The parameter "${error.message}" is missing. Order again with it.`, clean };
  if (error instanceof PlanMistake)
    return {
      state: "failed",
      reason: `The plan is written wrongly; the provider has to correct it. ${error.message}`,
      clean,
    };
  if (error instanceof UnknownKind)
    return {
      state: "failed",
      reason: `${error.message} The provider has to install what serves it, or correct the plan.`,
      clean,
    };
  if (error instanceof Refused) return { state: "failed", reason: error.message, clean };
  return undefined;
}

/** Turns what an apply threw into `Refused` where the server considered the object and said no; else gives it back. */
export function judge(error: unknown, ref: Ref, parameters: JsonObject): unknown {
  if (!(error instanceof Told)) return error;
  const name = nameOf(ref);
  const say = (text: string) => new Refused(`${name}: ${text}`);
  const { code } = error;
  const text = error.text();
  if (code === 409) {
    const conflicts = causesOf(error).filter(({ reason }) => reason === "FieldManagerConflict");
    if (conflicts.length === 0) return error;
    const fields = conflicts.map(({ field }) => field).join(", ");
    const managers = [
      ...new Set(conflicts.map(({ message }) => /conflict with "([^"]+)"/.exec(message)?.[1] ?? "somebody")),
    ];
    return say(
      `${fields} was set by ${managers.join(", ")} since, and Lotse does not take it away. Have the provider settle who sets it, then try again.`,
    );
  }
  if (code === 422) {
    const fields = causesOf(error).map(({ field, reason }) => `${field} (${reason})`);
    return say(`The cluster does not accept ${fields.join(", ") || "it"}. Change the parameters and order again.`);
  }
  if (code === 403) {
    if (causesOf(error).some(({ reason }) => reason === "NamespaceTerminating"))
      return say("Its namespace is being removed. Order again when it is gone.");
    const quota = /exceeded quota: ([^,]+), requested: (.+), used: (.+), limited: (.+)$/.exec(text);
    if (quota !== null) {
      const [, which, requested, used, limited] = quota;
      return say(
        `The quota ${which} is used up: ${requested} more was asked for, ${used} of ${limited} is in use. Order less, or have the provider raise the quota.`,
      );
    }
    // A quota that was made a moment ago counts nothing before its controller has looked (Kubernetes: resource quotas).
    if (text.includes("status unknown for quota")) return new NotNow(`${name}: The quota is being counted.`);
    // RBAC: the account lacks a right, which is no word on this order.
    if (/ cannot \w+ resource | attempting to grant RBAC permissions not currently held/.test(text))
      return new Error(`The provider's account lacks a right. ${text}`);
    return say(`The cluster's rules do not admit it: ${withoutValues(saidAfter(text, "is forbidden: "), parameters)}`);
  }
  // A typed patch that does not fit the schema is answered as 500 (Kubernetes: server-side apply).
  if (code === 400 || (code === 500 && text.includes("failed to create typed patch object")))
    return say(`The cluster does not understand it: ${withoutValues(text, parameters)}`);
  return error;
}

interface Cause {
  readonly field: string;
  readonly reason: string;
  readonly message: string;
}

function causesOf(told: Told): readonly Cause[] {
  const causes = walk(told.status(), ["details", "causes"]);
  const text = (value: Json | undefined) => (typeof value === "string" ? value : "");
  return ((Array.isArray(causes) ? causes : []) as readonly JsonObject[]).map(({ field, reason, message }) => ({
    field: text(field),
    reason: text(reason),
    message: text(message),
  }));
}

const saidAfter = (text: string, start: string): string =>
  text.slice(Math.max(text.indexOf(start), 0)).replace(start, "");

// Shorter ones are in every message; longer notes are not read.
const shortestValue = 3;
const longestText = 300;

/** The text without anything the customer gave, in whatever way it is quoted. */
export function withoutValues(text: string, parameters: Json): string {
  let clean = text;
  for (const value of textsIn(parameters).sort((a, b) => b.length - a.length))
    for (const form of [value, JSON.stringify(value).slice(1, -1)]) clean = clean.replaceAll(form, "…");
  return clean.length > longestText ? `${clean.slice(0, longestText)}…` : clean;
}

function textsIn(value: Json): string[] {
  if (typeof value === "string") return value.length >= shortestValue ? [value] : [];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(textsIn) : [];
}

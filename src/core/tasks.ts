/** What people may do with a task of the inbox, and what becomes of it. */
import type { Calendar, TaskState, Verb } from "./adapter.ts";
import { afterBusiness, businessBetween } from "./business-time.ts";
import type { JsonObject, JsonSchema } from "./json.ts";
import type { Millis } from "./model.ts";
import type { Secret } from "./secret.ts";

export const taskStates = ["open", "claimed", "asked", "completed", "rejected", "withdrawn"] as const;
export const livingTaskStates: readonly TaskState[] = ["open", "claimed", "asked"];

/** An order that people carry out. */
export interface Task {
  readonly id: string;
  /** Account whose inbox it lies in. */
  readonly provider: string;
  readonly key: string;
  /** Operation it was put for. */
  readonly token: string;
  readonly verb: Verb;
  readonly instanceUid: string;
  readonly bindingUid?: string;
  readonly platformInstanceId: string;
  readonly platformBindingId?: string;
  readonly organization?: string;
  readonly space?: string;
  readonly planId: string;
  /** Offering and plan, as they were called when it was ordered. */
  readonly title: string;
  readonly state: TaskState;
  /** Who took it on last. */
  readonly owner?: string;
  /** Schema of the parameters, as the plan had it. */
  readonly form?: JsonSchema;
  readonly calendar: Calendar;
  /** `parameters`; of an update `before` with `planId` and `parameters`, of a rotation `replaces`. */
  readonly wish: Secret<JsonObject>;
  readonly result?: Secret<JsonObject>;
  /** While `asked`. */
  readonly question?: Secret<string>;
  readonly remark?: Secret<string>;
  readonly reason?: string;
  readonly leftovers: boolean;
  readonly createdAt: Millis;
  readonly dueAt: Millis;
  /** Then the order ends, done or not; absent: it does not. */
  readonly deadlineAt?: Millis;
  readonly claimedAt?: Millis;
  readonly askedAt?: Millis;
  /** How long it waited for the customer. */
  readonly waitedMs: number;
  readonly endedAt?: Millis;
  readonly version: number;
}

export type TaskPatch = {
  readonly [K in "owner" | "claimedAt" | "question" | "remark" | "reason" | "askedAt" | "endedAt" | "result"]?:
    | Task[K]
    | null;
} & Partial<Pick<Task, "state" | "leftovers" | "dueAt" | "waitedMs">>;

export type EntryKind = "comment" | "question" | "answer";

export type Move =
  | { readonly do: "claim" }
  | { readonly do: "release" }
  | { readonly do: "complete"; readonly result: Secret<JsonObject> }
  | { readonly do: "reject"; readonly reason: string; readonly leftovers: boolean }
  | { readonly do: "ask"; readonly question: Secret<string> }
  | { readonly do: "answer"; readonly answer: Secret<string> }
  | { readonly do: "comment"; readonly text: Secret<string>; readonly toCustomer: boolean };

export type TaskObstacle = "TaskOver" | "NotClaimed" | "NotAsked" | "NotRejectable";

export interface Moved {
  readonly patch: TaskPatch;
  /** What is added to what was written about it. */
  readonly entry?: { readonly kind: EntryKind; readonly text: Secret<string>; readonly toCustomer: boolean };
}

/**
 * What a move by `who` makes of the task. `cleanup`: Lotse itself wants something removed, and wants it until it is.
 *
 * open -> claimed -> completed or rejected; claimed -> asked -> claimed. Who claims what another has claimed takes it over.
 */
export function decideMove(
  task: Task,
  move: Move,
  who: string,
  now: Millis,
  cleanup: boolean,
): Moved | { readonly obstacle: TaskObstacle } {
  if (!livingTaskStates.includes(task.state)) return { obstacle: "TaskOver" };
  const mine = task.state !== "open" && task.owner === who;
  switch (move.do) {
    case "claim":
      return {
        patch: {
          owner: who,
          claimedAt: task.claimedAt ?? now,
          ...(task.state === "open" && { state: "claimed" as const }),
        },
      };
    case "release":
      return mine ? { patch: { state: "open", owner: null } } : { obstacle: "NotClaimed" };
    case "complete":
      if (!mine) return { obstacle: "NotClaimed" };
      return { patch: { ...over(task, "completed", now), result: move.result } };
    case "reject":
      if (!mine) return { obstacle: "NotClaimed" };
      if (cleanup) return { obstacle: "NotRejectable" };
      return { patch: { ...over(task, "rejected", now), reason: move.reason, leftovers: move.leftovers } };
    case "ask":
      if (!mine) return { obstacle: "NotClaimed" };
      return {
        patch: { state: "asked", question: move.question, askedAt: task.askedAt ?? now },
        entry: { kind: "question", text: move.question, toCustomer: true },
      };
    case "answer":
      if (task.state !== "asked") return { obstacle: "NotAsked" };
      return {
        patch: { state: "claimed", ...waitedUntil(task, now) },
        entry: { kind: "answer", text: move.answer, toCustomer: true },
      };
    case "comment":
      return {
        patch: move.toCustomer ? { remark: move.text } : {},
        entry: { kind: "comment", text: move.text, toCustomer: move.toCustomer },
      };
  }
}

const over = (task: Task, state: "completed" | "rejected", now: Millis): TaskPatch => ({
  state,
  endedAt: now,
  ...(task.state === "asked" && waitedUntil(task, now)),
});

/** While the customer is waited for, the provider's time stands still. */
function waitedUntil({ askedAt, dueAt, waitedMs, calendar }: Task, now: Millis): TaskPatch {
  if (askedAt === undefined) return { question: null };
  const left = businessBetween(askedAt, dueAt, calendar);
  return {
    question: null,
    askedAt: null,
    waitedMs: waitedMs + (now - askedAt),
    // What was late before it was asked stays late.
    dueAt: left > 0 ? afterBusiness(now, left, calendar) : dueAt,
  };
}

/** What is gone for good with a removal that was completed: what gave access, and what was wished. */
export function erasedBy({
  verb,
  instanceUid,
  bindingUid,
}: Task): { readonly instanceUid: string } | { readonly bindingUid: string } | undefined {
  if (verb === "deprovision") return { instanceUid };
  return verb === "unbind" && bindingUid !== undefined ? { bindingUid } : undefined;
}

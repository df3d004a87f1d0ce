/**
 * Carries one order out downstream, step by step. How far it is stands in the handle, so that any process can go on.
 *
 * | stage | asks                | until                                             |
 * | ----- | ------------------- | ------------------------------------------------- |
 * | send  | the request itself  | it is answered; repeats are safe, the ids are ours |
 * | wait  | last_operation      | it says succeeded or failed; unreadable means wait |
 * | read  | GET of the binding  | its credentials are handed out                     |
 */
import type { Json, JsonObject, Made, Outcome, Tools } from "#adapter";
import { type Answer, type Downstream, type Question, Unanswered } from "./client.ts";
import { type Deed, judge, judgeProgress } from "./judge.ts";
import { bindingMade, instanceMade } from "./made.ts";
import { type AnyOrder, fetchOf, isBinding, lastOperationOf, requestFor } from "./requests.ts";
import { type Account, readBackend } from "./settings.ts";
import { clean, describe, secretTexts } from "./words.ts";

interface Handle {
  readonly stage: "send" | "wait" | "read";
  /** The downstream's own, to be named when asking for progress. */
  readonly operation?: string;
  /** Requests in a row that nobody knows the result of. */
  readonly failures: number;
  /** What the first of them said: later ones tend to be about its consequences. */
  readonly first?: string;
  /** The downstream knew nothing of what a lost request may still be making; it is asked once more. */
  readonly goneOnce?: boolean;
}

const fresh: Handle = { stage: "send", failures: 0 };

const deeds = {
  provision: "create",
  bind: "create",
  update: "change",
  deprovision: "remove",
  unbind: "remove",
} as const;

// Repeats do not become rarer than this.
const longestRepeatMs = 60_000;

export interface Carrier {
  carry(order: AnyOrder, handle: Json | undefined, tools: Tools): Promise<Outcome>;
  fetch(order: AnyOrder, tools: Tools): Promise<Made | undefined>;
}

export function createCarrier(account: Account, downstream: Downstream): Carrier {
  const secretsOf = (order: AnyOrder): string[] => [
    ...account.secretTexts,
    ...secretTexts(order.instance.parameters.reveal()),
    ...(isBinding(order) ? secretTexts(order.binding.parameters.reveal()) : []),
  ];

  const repeatAfter = (failures: number) => Math.min(account.pace.repeatMs * 2 ** (failures - 1), longestRepeatMs);

  async function send(order: AnyOrder, handle: Handle, tools: Tools): Promise<Outcome> {
    const deed = deeds[order.verb];
    const answer = await ask(requestFor(order, account), tools);
    if (answer instanceof Unanswered) return unclear(order, handle, answer.message, false, tools);
    const meaning = judge(deed, answer);
    switch (meaning.is) {
      case "done":
        return deed === "remove" ? { state: "done" } : { state: "done", made: made(order, meaning.body) };
      case "accepted": {
        const { operation } = meaning;
        const waiting: Handle = { stage: "wait", failures: 0, ...(operation !== undefined && { operation }) };
        const shown = order.verb === "provision" || order.verb === "update" ? { made: instanceMade(meaning.body) } : {};
        return { ...pending(waiting, answer.retryAfterMs), ...shown };
      }
      case "absent":
        if (!(await answersAsBroker(downstream, tools.signal)))
          throw new Error("The downstream answered 404, and its address does not answer like a broker's.");
        if (deed === "remove") return gone(order, handle);
        return refused(order, handle, answer, { usable: true, repeatable: true });
      case "gone":
        return gone(order, handle);
      case "busy":
        return {
          ...pending(handle, answer.retryAfterMs ?? account.pace.busyMs),
          note: "The provider is busy; trying again.",
        };
      case "exists":
        return readBack(order, handle, answer, tools);
      case "misconfigured":
        throw new Error(`The downstream does not take this account or address: it answered ${answer.status}.`);
      case "refused":
        return refused(order, handle, answer, meaning);
      case "unclear":
        return unclear(order, handle, describe(answer, secretsOf(order)), meaning.considered, tools);
    }
  }

  /** A request that was given up may arrive after its removal; then there is something after all. */
  function gone(order: AnyOrder, handle: Handle): Outcome {
    if (order.interrupted === undefined || handle.goneOnce === true) return { state: "done" };
    return pending({ ...handle, goneOnce: true }, account.pace.settleMs);
  }

  /** A lost answer's work may be there although this answer says no: then it is not known to be clean. */
  function refused(
    order: AnyOrder,
    handle: Handle,
    answer: Answer,
    hints: { readonly usable: boolean; readonly repeatable: boolean },
  ): Outcome {
    const { usable, repeatable } = hints;
    const surely = !order.repeated && handle.failures === 0;
    const reason = handle.first ?? describe(answer, secretsOf(order));
    return { state: "failed", reason, clean: surely, usable, repeatable };
  }

  /** Nobody knows whether it took effect: asked again a few times, then given up, to be cleaned up. */
  function unclear(order: AnyOrder, handle: Handle, reason: string, considered: boolean, tools: Tools): Outcome {
    const failures = handle.failures + 1;
    const first = handle.first ?? clean(reason, secretsOf(order));
    tools.log.warn({ failures, reason: clean(reason, secretsOf(order)) }, "the downstream's answer is not clear");
    if (considered || failures > account.retries) return { state: "failed", reason: first, clean: false };
    return pending({ ...handle, stage: "send", failures, first }, repeatAfter(failures));
  }

  /** Only this order knows the id: what exists under it, an earlier call made, whose answer was lost. */
  async function readBack(order: AnyOrder, handle: Handle, conflict: Answer, tools: Tools): Promise<Outcome> {
    const backend = readBackend(order.plan.backend);
    const retrievable = isBinding(order) ? backend.bindingsRetrievable : backend.instancesRetrievable;
    if (retrievable) {
      const found = await ask(fetchOf(order, account), tools);
      if (!(found instanceof Unanswered) && found.status === 200 && found.body !== undefined)
        return { state: "done", made: made(order, found.body) };
    }
    const progress = await ask(lastOperationOf(order, account, undefined), tools);
    const state = progress instanceof Unanswered ? "unreadable" : judgeProgress("create", progress).state;
    if (state === "in progress") return pending({ ...handle, stage: "wait" });
    const ours = order.repeated || handle.failures > 0;
    if (!ours) return refused(order, handle, conflict, { usable: true, repeatable: true });
    if (!isBinding(order) && state !== "failed" && state !== "unreadable") return { state: "done" };
    return unclear(order, handle, describe(conflict, secretsOf(order)), isBinding(order), tools);
  }

  async function wait(order: AnyOrder, handle: Handle, tools: Tools): Promise<Outcome> {
    const deed: Deed = deeds[order.verb];
    const answer = await ask(lastOperationOf(order, account, handle.operation), tools);
    if (answer instanceof Unanswered) return pending(handle);
    const progress = judgeProgress(deed, answer);
    switch (progress.state) {
      case "in progress": {
        const { note } = progress;
        const told = note === undefined ? {} : { note: clean(note, secretsOf(order)) };
        return { ...pending(handle, answer.retryAfterMs), ...told };
      }
      case "unreadable":
        return pending(handle, answer.retryAfterMs);
      case "gone":
        return { state: "done" };
      case "lost":
        // Not there, or not there yet: the request itself, said again, tells which.
        return unclear(order, { ...handle, stage: "send" }, describe(answer, secretsOf(order)), false, tools);
      case "failed": {
        const reason = describe(answer, secretsOf(order));
        const { usable, repeatable } = progress;
        return { state: "failed", reason, clean: deed === "change", usable, repeatable };
      }
      case "succeeded":
        return deed === "remove" || deed === "change"
          ? { state: "done" }
          : read(order, { ...handle, stage: "read" }, tools);
    }
  }

  /** After an asynchronous create: a binding is worth nothing without its credentials; an instance is, without its details. */
  async function read(order: AnyOrder, handle: Handle, tools: Tools): Promise<Outcome> {
    const retrievable = readBackend(order.plan.backend).instancesRetrievable;
    if (!isBinding(order) && !retrievable) return { state: "done" };
    const answer = await ask(fetchOf(order, account), tools);
    const readable = !(answer instanceof Unanswered) && answer.status === 200 && answer.body !== undefined;
    if (readable) return { state: "done", made: made(order, answer.body ?? {}) };
    if (!isBinding(order)) return { state: "done" };
    const failures = handle.failures + 1;
    const reason = "The provider's broker made the binding but does not hand out its credentials.";
    if (failures > account.retries) return { state: "failed", reason, clean: false };
    return pending({ ...handle, failures }, repeatAfter(failures));
  }

  /** What was surely not delivered is thrown, so that the engine repeats it without it counting. */
  async function ask(question: Question, tools: Tools): Promise<Answer | Unanswered> {
    try {
      return await downstream.ask(question, tools.signal);
    } catch (error) {
      if (!(error instanceof Unanswered) || !error.delivered || tools.signal.aborted) throw error;
      return error;
    }
  }

  return {
    carry(order, handle, tools) {
      const known = readHandle(handle);
      const stages = { send, wait, read };
      return stages[known.stage](order, known, tools);
    },
    async fetch(order, tools) {
      const backend = readBackend(order.plan.backend);
      if (!(isBinding(order) ? backend.bindingsRetrievable : backend.instancesRetrievable))
        throw new Error("The downstream does not let this be fetched.");
      const answer = await downstream.ask(fetchOf(order, account), tools.signal);
      const absent = answer.status === 404 || answer.status === 410;
      if (absent && (await answersAsBroker(downstream, tools.signal))) return undefined;
      if (answer.status !== 200 || answer.body === undefined)
        throw new Error(`The downstream answered ${answer.status} when it was asked what is there.`);
      return made(order, answer.body);
    },
  };
}

/** An address where nothing is says 404 to everything; believing it would mean to forget what is there. */
export async function answersAsBroker(downstream: Downstream, signal: AbortSignal): Promise<boolean> {
  const { status, body } = await downstream.ask({ method: "GET", path: ["v2", "catalog"] }, signal);
  return status === 200 && Array.isArray(body?.services);
}

function made(order: AnyOrder, body: JsonObject): Made {
  return isBinding(order) ? bindingMade(body) : instanceMade(body);
}

function pending(handle: Handle, afterMs?: number): Extract<Outcome, { state: "pending" }> {
  return { state: "pending", handle: { ...handle }, ...(afterMs !== undefined && { afterMs }) };
}

function readHandle(handle: Json | undefined): Handle {
  return handle === undefined || handle === null ? fresh : (handle as unknown as Handle);
}

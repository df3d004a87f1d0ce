/** The half that all changing requests share: decide, write, run, answer; and decide anew when somebody was faster. */
import { type Answer, answerDone, answerPending, refusalOf } from "../core/answer.ts";
import type { Decision } from "../core/decision.ts";
import { decideGiveUp, patienceText } from "../core/give-up.ts";
import type { Operation } from "../core/model.ts";
import type { Rows } from "../core/patched.ts";
import { type Refusal, refuse } from "../core/refusal.ts";
import { type LifecycleParts, requiresOf } from "./parts.ts";

export type Reply = { readonly answer: Answer } | { readonly refusal: Refusal };

// Each lost race means that another request won one, so this is reached only if something writes without end.
const triesToDecide = 25;

/**
 * `lookAndDecide` reads the world afresh and decides; `kind` is what was asked for.
 * Throws only when the database fails: then nobody knows whether the intent was written, and the caller gets a 500.
 */
export async function carryOut(
  parts: LifecycleParts,
  kind: Operation["kind"],
  acceptsIncomplete: boolean,
  lookAndDecide: () => Promise<Decision>,
): Promise<Reply> {
  for (let attempt = 1; attempt <= triesToDecide; attempt++) {
    const decision = await lookAndDecide();
    switch (decision.say) {
      case "refuse":
        return { refusal: decision.refusal };
      case "repeat":
        return { answer: repeated(parts, kind, decision) };
      case "same":
        if (!(await parts.store.apply(decision.changes))) continue;
        return { answer: { status: 200, body: {} } };
      case "begin":
        if (!(await parts.store.apply(decision.changes))) continue;
        return run(parts, decision, acceptsIncomplete);
    }
  }
  return { refusal: refuse(503, "Unavailable") };
}

function repeated(
  parts: LifecycleParts,
  kind: Operation["kind"],
  decision: Extract<Decision, { say: "repeat" }>,
): Answer {
  const { instance, binding, operation } = decision;
  if (instance === undefined) return { status: 200, body: {} };
  if (operation !== undefined) return answerPending(operation, instance, parts.switches);
  return answerDone(kind, instance, binding, false, parts.switches, requiresOf(parts, instance));
}

async function run(
  parts: LifecycleParts,
  begun: Extract<Decision, { say: "begin" }>,
  acceptsIncomplete: boolean,
): Promise<Reply> {
  const { engine, switches } = parts;
  const { operation } = begun;
  const rows: Rows = begun;
  if (operation.lease === undefined && operation.interrupts !== undefined) engine.cancel(operation.interrupts);
  const first = operation.lease === undefined ? unleased(parts) : engine.begin(rows);
  if (acceptsIncomplete) {
    const seen = await within(parts, first, parts.patience.quickMs);
    if (seen !== undefined && seen.operation.state !== "open") return over(parts, seen);
    return { answer: answerPending(operation, (seen ?? rows).instance, switches) };
  }
  const seen = await within(parts, first, parts.patience.syncMs);
  if (seen !== undefined && seen.operation.state !== "open") return over(parts, seen);
  return waitForEnd(parts, rows);
}

async function unleased(parts: LifecycleParts): Promise<undefined> {
  parts.engine.wake();
}

/** The promise's value, or undefined when it takes longer; it goes on in the background. */
function within<T>(parts: LifecycleParts, promise: Promise<T>, ms: number): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const stopTimer = parts.clock.after(ms, () => resolve(undefined));
    promise.then(resolve, reject).finally(stopTimer);
  });
}

function over(parts: LifecycleParts, rows: Rows): Reply {
  const { operation, instance, binding } = rows;
  if (operation.state === "failed") return { refusal: refusalOf(operation) };
  return { answer: answerDone(operation.kind, instance, binding, true, parts.switches, requiresOf(parts, instance)) };
}

/** A request that must have its answer now, although the first step did not finish the operation. */
async function waitForEnd(parts: LifecycleParts, rows: Rows): Promise<Reply> {
  const { operation } = rows;
  const left = operation.startedAt + parts.patience.syncMs - parts.clock.now();
  const ended = await parts.engine.finished(operation.token, Math.max(left, 0));
  if (ended === "stopping") return { refusal: refuse(503, "Unavailable", stoppingText) };
  if (ended === undefined) return giveUp(parts, operation);
  return over(parts, { ...(await readRows(parts, rows)), operation: ended });
}

async function readRows(parts: LifecycleParts, rows: Rows): Promise<Rows> {
  const instance = (await parts.store.readInstanceByUid(rows.instance.uid)) ?? rows.instance;
  const binding = rows.binding === undefined ? undefined : await parts.store.readBindingByUid(rows.binding.uid);
  return { operation: rows.operation, instance, ...(binding !== undefined && { binding }) };
}

async function giveUp(parts: LifecycleParts, begun: Operation): Promise<Reply> {
  for (let attempt = 1; attempt <= triesToDecide; attempt++) {
    const operation = await parts.store.readOperation(begun.token);
    const instance = await parts.store.readInstanceByUid(begun.instanceUid);
    if (operation === undefined || instance === undefined) break;
    const binding = begun.bindingUid === undefined ? undefined : await parts.store.readBindingByUid(begun.bindingUid);
    const rows: Rows = { operation, instance, ...(binding !== undefined && { binding }) };
    if (operation.state !== "open") return over(parts, rows);
    const moment = { now: parts.clock.now(), token: parts.newId() };
    const changes = decideGiveUp(operation, instance, binding, moment);
    if (!(await parts.store.apply(changes))) continue;
    if (changes.length > 0) parts.engine.cancel(operation.token);
    parts.engine.wake();
    const goesOn = operation.kind === "update" ? changeGoesOnText : goingOnText;
    return { refusal: refuse(500, "TimedOut", changes.length === 0 ? goesOn : patienceText, hintsOf(operation)) };
  }
  return { refusal: refuse(500, "TimedOut") };
}

const stoppingText = "The broker is stopping. The operation goes on elsewhere or at its next start; ask again then.";
const goingOnText = "The provider did not finish in time. The removal goes on; ask again to see whether it is done.";
const changeGoesOnText =
  "The provider did not finish in time. The change goes on; ask again to see whether it is done.";

function hintsOf(operation: Operation): { usable?: boolean; repeatable?: boolean } {
  if (operation.kind === "update") return { usable: true, repeatable: true };
  return operation.kind === "deprovision" ? { usable: false } : {};
}

/**
 * Decides what to write after a step of an operation.
 *
 * | operation            | done                  | failed, clean        | failed, not clean                | deadline passed   |
 * | -------------------- | --------------------- | -------------------- | -------------------------------- | ----------------- |
 * | provision            | instance ready        | instance deleted     | provision-failed + our removal   | as not clean      |
 * | update               | ready, new values     | ready, old values    | ready, old values + our revert   | as not clean      |
 * | deprovision          | deleted               | deprovision-failed   | deprovision-failed               | deprovision-failed, not usable |
 * | bind                 | bound                 | binding deleted      | bind-failed + our unbind         | as not clean      |
 * | unbind               | deleted               | unbind-failed        | unbind-failed                    | unbind-failed     |
 * | our own clean-up     | nothing is left       | tried again          | tried again                      | has none          |
 *
 * pending and unknown leave the operation open and name the time of the next step.
 */
import type { Made, Outcome } from "./adapter.ts";
import { auditOf, type Change, type InstancePatch, type OperationPatch } from "./change.ts";
import type { Binding, Instance, Millis, Operation } from "./model.ts";
import { type Backoff, backoffMs, pollMs } from "./retry.ts";
import { Secret } from "./secret.ts";

export type Result = Outcome | { readonly state: "unknown"; readonly reason: string };

export interface Subject {
  readonly instance: Instance;
  readonly binding?: Binding;
}

export interface SettleMoment {
  readonly now: Millis;
  /** In [0, 1), for jitter. */
  readonly random: number;
  /** Token for a clean-up that may be queued. */
  readonly token: string;
  readonly backoff: Backoff;
}

export interface Settled {
  readonly changes: readonly Change[];
  /** The operation is over. */
  readonly finished: boolean;
  /** It goes on at once, under the lease it has. */
  readonly keepsLease: boolean;
  /** Otherwise: when its next step is due. */
  readonly dueAt: Millis;
}

/** An operation without an end: our own clean-up is tried until nothing is left. */
export const noDeadline: Millis = Number.MAX_SAFE_INTEGER;

/** The latest moment a date can hold; `noDeadline` lies beyond it, and must not be made a date. */
export const endOfTime: Millis = 8.64e15;

export function settle(operation: Operation, subject: Subject, result: Result, moment: SettleMoment): Settled {
  const overdue = moment.now >= operation.deadlineAt;
  switch (result.state) {
    case "done":
      return operation.again ? onceMore(operation, moment) : succeed(operation, subject, result.made, moment);
    case "failed":
      if (operation.purpose === "cleanup") return waitAfterFailure(operation, moment);
      return fail(operation, subject, result, moment);
    case "pending":
      if (overdue) return fail(operation, subject, tooLate, moment);
      return waitForProvider(operation, subject, result, moment);
    case "unknown":
      if (overdue) return fail(operation, subject, tooLate, moment);
      return waitAfterFailure(operation, moment);
  }
}

const tooLate: Extract<Outcome, { state: "failed" }> = {
  state: "failed",
  reason: "The provider did not finish in time.",
  clean: false,
};

// ---- still open --------------------------------------------------------------------------------------------------

function waitForProvider(
  operation: Operation,
  subject: Subject,
  outcome: Extract<Outcome, { state: "pending" }>,
  moment: SettleMoment,
): Settled {
  const pace = outcome.afterMs ?? pollMs(moment.backoff, operation.startedAt, moment.now);
  return leaveOpen(operation, moment.now + pace, [...keepMade(subject, outcome.made, moment)], {
    failures: 0,
    handle: outcome.handle === undefined ? null : new Secret(outcome.handle),
    ...(outcome.note !== undefined && { description: outcome.note }),
  });
}

/** Why it failed stays with the log: a user cannot do anything about it, and it may name the back end's insides. */
function waitAfterFailure(operation: Operation, moment: SettleMoment): Settled {
  const failures = operation.failures + 1;
  const dueAt = moment.now + backoffMs(moment.backoff, failures, moment.random);
  const set = { failures, description: notKnownText };
  return leaveOpen(operation, Math.min(dueAt, Math.max(operation.deadlineAt, moment.now)), [], set);
}

const notKnownText = "The provider does not answer as it should. The broker goes on trying.";

function onceMore(operation: Operation, moment: SettleMoment): Settled {
  return leaveOpen(operation, moment.now, [], { again: false, handle: null });
}

function leaveOpen(operation: Operation, dueAt: Millis, changes: readonly Change[], set: OperationPatch): Settled {
  const patch = { ...set, attempt: operation.attempt + 1, dueAt, lease: null };
  return { changes: [guarded(operation, patch), ...changes], finished: false, keepsLease: false, dueAt };
}

/**
 * Every write of a step is turned away if the lease went to somebody else, the operation was cancelled, or a platform
 * made our own clean-up its operation: then what it settles to has changed.
 */
function guarded(operation: Operation, set: OperationPatch): Change {
  const { leaseNumber, again, purpose } = operation;
  const only = { state: "open", leaseNumber, again, purpose } as const;
  return { update: "operation", token: operation.token, only, set };
}

function keepMade(subject: Subject, made: Made | undefined, moment: SettleMoment): Change[] {
  if (made === undefined) return [];
  const { binding } = subject;
  if (binding === undefined) return [instanceChange(subject, patchFromMade(made), moment)];
  if (made.facts === undefined) return [];
  return [bindingChange(binding, { facts: new Secret(made.facts) }, moment)];
}

/** Labels and attributes replace those told before, each kind whole, as platforms do it: else none could ever be taken away. */
function patchFromMade(made: Made | undefined): InstancePatch {
  if (made === undefined) return {};
  const { labels, attributes } = made.metadata ?? {};
  return {
    ...(made.facts !== undefined && { facts: new Secret(made.facts) }),
    ...(made.dashboardUrl !== undefined && { dashboardUrl: made.dashboardUrl }),
    ...(labels !== undefined && { labels }),
    ...(attributes !== undefined && { attributes }),
  };
}

function instanceChange(subject: Subject, set: InstancePatch, moment: SettleMoment): Change {
  const { uid, version } = subject.instance;
  return { update: "instance", uid, version, set, at: moment.now };
}

function bindingChange(
  binding: Binding,
  set: Extract<Change, { update: "binding" }>["set"],
  moment: SettleMoment,
): Change {
  return { update: "binding", uid: binding.uid, version: binding.version, set, at: moment.now };
}

// ---- over --------------------------------------------------------------------------------------------------------

function succeed(operation: Operation, subject: Subject, made: Made | undefined, moment: SettleMoment): Settled {
  const set: OperationPatch = { state: "succeeded", description: null, handle: null, ...ended(operation, moment) };
  const changes = [guarded(operation, set), ...fulfilled(operation, subject, made, moment)];
  return over([...changes, auditOf(operation, moment.now, "succeeded")], moment);
}

/** The handle of a finished operation is of no more use; a failed one's stays for the clean-up to read. */
function ended(operation: Operation, moment: SettleMoment): OperationPatch {
  return { finishedAt: moment.now, lease: null, attempt: operation.attempt };
}

function over(changes: readonly Change[], moment: SettleMoment): Settled {
  return { changes, finished: true, keepsLease: false, dueAt: moment.now };
}

function fulfilled(operation: Operation, subject: Subject, made: Made | undefined, moment: SettleMoment): Change[] {
  const { instance, binding } = subject;
  const fromMade = patchFromMade(made);
  switch (operation.kind) {
    case "provision":
      return [instanceChange(subject, { ...fromMade, state: "ready", operation: null, usable: true }, moment)];
    case "update":
      return [instanceChange(subject, { ...fromMade, ...reached(operation, instance), operation: null }, moment)];
    case "deprovision":
      return instance.state === "deleted" ? [] : [instanceChange(subject, removed(operation), moment)];
    case "bind":
      if (binding === undefined) return [];
      return [bindingChange(binding, boundBy(made), moment), ...provenBy(subject, moment)];
    case "unbind":
      if (binding === undefined || binding.state === "deleted") return [];
      return [bindingChange(binding, unbound(operation), moment)];
  }
}

/** The first success on an adopted instance shows that what is on record leads to it. */
function provenBy(subject: Subject, moment: SettleMoment): Change[] {
  return subject.instance.adopted === "unproven" ? [instanceChange(subject, { adopted: "proven" }, moment)] : [];
}

/** A revert reaches what the row holds already; a requested update reaches its target. */
function reached(operation: Operation, instance: Instance): InstancePatch {
  const { target } = operation;
  if (operation.purpose === "cleanup" || target === undefined) return { state: instance.state };
  return {
    state: "ready",
    usable: true,
    ...(instance.adopted === "unproven" && { adopted: "proven" as const }),
    planId: target.planId,
    parameters: target.parameters,
    context: target.context,
    maintenanceVersion: target.maintenanceVersion ?? null,
  };
}

function removed(operation: Operation): InstancePatch {
  const erased: InstancePatch = { operation: null, facts: null };
  // After our own clean-up the failed order stays on record until the platform deletes it or orders again.
  return operation.purpose === "cleanup"
    ? erased
    : { ...erased, state: "deleted", parameters: null, dashboardUrl: null };
}

function boundBy(made: Made | undefined): Extract<Change, { update: "binding" }>["set"] {
  const access = made?.access ?? {};
  const expiresAt = access.expiresAt === undefined ? null : Date.parse(access.expiresAt);
  return {
    state: "bound",
    operation: null,
    access: new Secret(JSON.parse(JSON.stringify(access))),
    expiresAt,
    ...(made?.facts !== undefined && { facts: new Secret(made.facts) }),
  };
}

function unbound(operation: Operation): Extract<Change, { update: "binding" }>["set"] {
  const erased = { operation: null, facts: null, access: null } as const;
  return operation.purpose === "cleanup" ? erased : { ...erased, state: "deleted" };
}

function fail(
  operation: Operation,
  subject: Subject,
  outcome: Extract<Outcome, { state: "failed" }>,
  moment: SettleMoment,
): Settled {
  const usable = stillUsable(operation, subject.instance, outcome);
  const set: OperationPatch = {
    state: "failed",
    description: outcome.reason,
    clean: outcome.clean,
    usable,
    repeatable: outcome.repeatable ?? true,
    ...ended(operation, moment),
  };
  const cleanup = outcome.clean ? undefined : cleanupAfter(operation, subject.instance, moment);
  return over(
    [
      guarded(operation, set),
      ...unfulfilled(operation, subject, { clean: outcome.clean, usable, cleanup: cleanup?.token ?? null }, moment),
      ...(cleanup === undefined ? [] : [{ insert: "operation", row: cleanup } as const]),
      auditOf(operation, moment.now, "failed", { clean: outcome.clean }),
    ],
    moment,
  );
}

/** Whether the instance works after a failure. Failing repairs nothing, and a removal least of all. */
function stillUsable(
  operation: Operation,
  instance: Instance,
  outcome: Extract<Outcome, { state: "failed" }>,
): boolean {
  if (operation.kind !== "deprovision") return outcome.usable ?? instance.usable;
  return instance.usable && (outcome.usable ?? outcome !== tooLate);
}

function unfulfilled(
  operation: Operation,
  subject: Subject,
  failure: { readonly clean: boolean; readonly usable: boolean; readonly cleanup: string | null },
  moment: SettleMoment,
): Change[] {
  const { binding } = subject;
  const held = { operation: failure.cleanup };
  switch (operation.kind) {
    case "provision":
      // Surely nothing is left, so nothing exists: the id is free for a corrected order.
      return [
        instanceChange(
          subject,
          { ...held, state: failure.clean ? "deleted" : "provision-failed", usable: false },
          moment,
        ),
      ];
    case "update":
      return [instanceChange(subject, { ...held, state: "ready", usable: failure.usable }, moment)];
    case "deprovision":
      return [
        instanceChange(subject, { operation: null, state: "deprovision-failed", usable: failure.usable }, moment),
      ];
    case "bind":
      if (binding === undefined) return [];
      return [bindingChange(binding, { ...held, state: failure.clean ? "deleted" : "bind-failed" }, moment)];
    case "unbind":
      if (binding === undefined) return [];
      return [bindingChange(binding, { operation: null, state: "unbind-failed" }, moment)];
  }
}

/**
 * What Lotse does on its own after a failure that may have left something behind. Of an adopted instance nobody has shown
 * yet that what is on record is how it was, so nothing is "reverted" to that: people are told instead (see orphans.ts).
 */
export function cleanupAfter(
  operation: Operation,
  instance: Instance,
  moment: Pick<SettleMoment, "now" | "token">,
): Operation | undefined {
  const kinds = {
    provision: "deprovision",
    bind: "unbind",
    update: "update",
    deprovision: undefined,
    unbind: undefined,
  } as const;
  const kind = kinds[operation.kind];
  if (kind === undefined || (kind === "update" && instance.adopted === "unproven")) return undefined;
  const {
    lease: _lease,
    handle: _handle,
    target: _target,
    description: _description,
    requester: _requester,
    ...rest
  } = operation;
  return {
    ...rest,
    token: moment.token,
    kind,
    purpose: "cleanup",
    state: "open",
    interrupts: operation.token,
    attempt: 1,
    failures: 0,
    dueAt: moment.now,
    deadlineAt: noDeadline,
    leaseNumber: 0,
    again: false,
    startedAt: moment.now,
    ...(kind === "update" && { target: asItWas(instance) }),
  };
}

function asItWas(instance: Instance): NonNullable<Operation["target"]> {
  return {
    planId: instance.planId,
    parameters: instance.parameters,
    context: instance.context,
    asked: new Secret({}),
    ...(instance.maintenanceVersion !== undefined && { maintenanceVersion: instance.maintenanceVersion }),
  };
}

// ---- removing an instance takes its bindings first ---------------------------------------------------------------

/**
 * After a step that removed one of the bindings of an instance that is being deprovisioned. `done` goes on at once under
 * the same lease; a failure ends the deprovision, and the bindings not reached yet are as they were.
 */
export function settleCascade(
  operation: Operation,
  instance: Instance,
  bindings: readonly Binding[],
  result: Result,
  moment: SettleMoment,
): Settled {
  const [binding, ...others] = bindings;
  if (binding === undefined) return over([], moment);
  const overdue = moment.now >= operation.deadlineAt;
  if (result.state === "done") {
    // Access may have been made while this binding was being removed.
    if (operation.again) return onceMore(operation, moment);
    const set = { failures: 0, handle: null, attempt: operation.attempt + 1, dueAt: moment.now };
    const gone = { state: "deleted", operation: null, facts: null, access: null } as const;
    const log = auditOf({ ...operation, kind: "unbind", bindingId: binding.bindingId }, moment.now, "succeeded");
    return {
      changes: [guarded(operation, set), bindingChange(binding, gone, moment), log],
      finished: false,
      keepsLease: true,
      dueAt: moment.now,
    };
  }
  if (result.state === "failed" || overdue) {
    const outcome = result.state === "failed" ? result : tooLate;
    const failed = fail(operation, { instance }, outcome, moment);
    const stuck = bindingChange(binding, { state: "unbind-failed", operation: null }, moment);
    const untouched = others.map((other) =>
      bindingChange(other, { state: other.access === undefined ? "unbind-failed" : "bound", operation: null }, moment),
    );
    return { ...failed, changes: [...failed.changes, stuck, ...untouched] };
  }
  if (result.state === "unknown") return waitAfterFailure(operation, moment);
  return waitForProvider(operation, { instance, binding }, result, moment);
}

/** Decides what a result is still good for when its operation was closed before it arrived. */
import type { Made } from "./adapter.ts";
import type { Change } from "./change.ts";
import type { Binding, Instance, Millis, Operation } from "./model.ts";
import { Secret } from "./secret.ts";
import { cleanupAfter, type Result, type Subject } from "./settle.ts";

/**
 * The removal that follows a cancelled operation waits for its lease; so what the last step made is written down for it
 * and the lease is given back. Facts are merged into the row as it is now (`subject`), not as the step saw it.
 */
export function decideCancelled(
  operation: Operation,
  subject: Subject,
  result: Result,
  now: Millis,
): readonly Change[] {
  const handle = result.state === "pending" && result.handle !== undefined ? new Secret(result.handle) : undefined;
  const made = result.state === "done" || result.state === "pending" ? result.made : undefined;
  return [
    {
      update: "operation",
      token: operation.token,
      only: { leaseNumber: operation.leaseNumber },
      set: { lease: null, ...(handle !== undefined && { handle }) },
    },
    ...rememberFacts(subject, made, now),
  ];
}

function rememberFacts(subject: Subject, made: Made | undefined, now: Millis): readonly Change[] {
  if (made?.facts === undefined) return [];
  const set = { facts: new Secret(made.facts) };
  const { instance, binding } = subject;
  return binding === undefined
    ? [{ update: "instance", uid: instance.uid, version: instance.version, set, at: now }]
    : [{ update: "binding", uid: binding.uid, version: binding.version, set, at: now }];
}

/**
 * A create's result that nothing waits for: what it made may be an orphan. A removal still under way does its work once
 * more; where the thing is gone already a new removal is queued. A thing that lives keeps what was made for it, and so
 * does one whose removal failed: whether that goes is for its platform to say.
 */
export function decideTooLate(
  operation: Operation,
  instance: Instance,
  binding: Binding | undefined,
  removal: Operation | undefined,
  moment: { readonly now: Millis; readonly token: string },
): readonly Change[] {
  if (operation.kind !== "provision" && operation.kind !== "bind") return [];
  if (removal?.state === "open" && (removal.kind === "deprovision" || removal.kind === "unbind"))
    return [{ update: "operation", token: removal.token, only: { state: "open" }, set: { again: true } }];
  const subject = operation.kind === "provision" ? instance : binding;
  if (subject === undefined || !gone.has(subject.state)) return [];
  const cleanup = cleanupAfter(operation, instance, moment);
  if (cleanup === undefined) return [];
  const held: Change[] = subject.state === "deleted" ? [] : [hold(operation, instance, binding, cleanup, moment.now)];
  return [...held, { insert: "operation", row: cleanup }];
}

const gone: ReadonlySet<string> = new Set<Instance["state"] | Binding["state"]>([
  "deleted",
  "provision-failed",
  "bind-failed",
]);

/** What failed may be ordered again under the same row: not before the removal is done. */
function hold(
  operation: Operation,
  instance: Instance,
  binding: Binding | undefined,
  { token }: Operation,
  at: Millis,
): Change {
  const set = { operation: token };
  return operation.kind === "bind" && binding !== undefined
    ? { update: "binding", uid: binding.uid, version: binding.version, set, at }
    : { update: "instance", uid: instance.uid, version: instance.version, set, at };
}

/** What core says to a request, and the parts every such decision is made of. */
import type { Change } from "./change.ts";
import type { Binding, Instance, Lease, Millis, Operation, Plan } from "./model.ts";
import type { Refusal } from "./refusal.ts";
import type { Switches } from "./switches.ts";

/**
 * refuse: an expected no. repeat: the answer exists already. same: nothing to do, perhaps a note to write.
 * begin: an operation with the rows to write before anything else happens.
 */
export type Decision =
  | { readonly say: "refuse"; readonly refusal: Refusal }
  | {
      readonly say: "repeat";
      readonly instance?: Instance;
      readonly binding?: Binding;
      /** Present while that operation is still open. */
      readonly operation?: Operation;
    }
  | { readonly say: "same"; readonly instance: Instance; readonly changes: readonly Change[] }
  | {
      readonly say: "begin";
      readonly operation: Operation;
      readonly instance: Instance;
      readonly binding?: Binding;
      readonly changes: readonly Change[];
    };

/** What every decision may use of the world besides the rows: brought in from the edge, so that core stays pure. */
export interface Moment {
  readonly now: Millis;
  /** A fresh id: the token of the operation that may begin. */
  readonly token: string;
  /** A fresh id for a row that may be made. */
  readonly uid: string;
  /** The lease under which this process carries the operation out at once. */
  readonly lease: Lease;
  readonly switches: Switches;
}

export const refused = (refusal: Refusal): Decision => ({ say: "refuse", refusal });

/** An operation row, open and leased to the process that decided it. */
export function openOperation(
  moment: Moment,
  kind: Operation["kind"],
  plan: Plan,
  subject: { readonly instance: Instance; readonly binding?: Binding },
  caller: { readonly requester?: Operation["requester"]; readonly requestId?: string },
): Operation {
  const { instance, binding } = subject;
  return {
    token: moment.token,
    kind,
    purpose: "request",
    platformId: instance.platformId,
    instanceUid: instance.uid,
    instanceId: instance.instanceId,
    ...(binding !== undefined && { bindingUid: binding.uid, bindingId: binding.bindingId }),
    provider: plan.provider,
    state: "open",
    attempt: 1,
    failures: 0,
    dueAt: moment.now,
    deadlineAt: moment.now + plan.maximumPollingDuration * 1000,
    lease: moment.lease,
    leaseNumber: 1,
    again: false,
    startedAt: moment.now,
    ...(caller.requester !== undefined && { requester: caller.requester }),
    ...(caller.requestId !== undefined && { requestId: caller.requestId }),
  };
}

/** Counts a bind or unbind that begins; where they take turns, it begins only if no other has begun since the look. */
export function countBind({ uid, version, bindsBegun }: Instance, { switches }: Moment): Change {
  return { count: "bind", uid, version, ...(switches.serializeBindings && { bindsBegun }) };
}

/** Whether a repeated request may be told 202: it must allow it, or the plan would always have said so. */
export function mayAnswerPending(plan: Plan, acceptsIncomplete: boolean): boolean {
  return acceptsIncomplete || plan.execution === "async";
}

/** AsyncRequired is due: the plan can only be carried out asynchronously and the request does not allow it. */
export function needsAsync(plan: Plan | undefined, acceptsIncomplete: boolean): boolean {
  return plan?.execution === "async" && !acceptsIncomplete;
}

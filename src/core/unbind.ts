/** Decides DELETE …/service_bindings/:binding_id (OSB: Unbinding). */
import type { Placement } from "./catalog.ts";
import { auditOf, requesterOf } from "./change.ts";
import {
  countBind,
  type Decision,
  type Moment,
  mayAnswerPending,
  needsAsync,
  openOperation,
  refused,
} from "./decision.ts";
import { halt, waitingFor } from "./deprovision.ts";
import type { Binding, Caller, Instance, Operation } from "./model.ts";
import { asyncRequired, concurrency, malformed, refuse } from "./refusal.ts";

export interface UnbindAsk {
  readonly caller: Caller;
  readonly instanceId: string;
  readonly bindingId: string;
  readonly offeringId?: string;
  readonly planId?: string;
  readonly acceptsIncomplete: boolean;
}

export interface UnbindWorld {
  /** The plan of the instance, else the one the query names. */
  readonly placement: Placement | undefined;
  readonly instance: Instance | undefined;
  /** Newest incarnation under the binding id, if it belongs to this instance. */
  readonly binding: Binding | undefined;
  readonly operation: Operation | undefined;
  /** A rotation that has this binding as predecessor is under way. */
  readonly rotating: boolean;
  readonly bindingsBusy: boolean;
}

export function decideUnbind(world: UnbindWorld, ask: UnbindAsk, moment: Moment): Decision {
  const { placement, instance, binding, operation } = world;
  if (needsAsync(placement?.plan, ask.acceptsIncomplete)) return refused(asyncRequired());
  if (instance === undefined || binding === undefined || binding.state === "deleted")
    return refused(refuse(410, "Gone"));
  if (!ask.offeringId || !ask.planId) return refused(malformed("The query needs service_id and plan_id."));
  if (placement === undefined) return refused(refuse(400, "UnknownPlan"));
  switch (binding.state) {
    case "binding":
      if (moment.switches.onDeleteDuringCreate === "refuse") return refused(concurrency());
      return begin(placement, instance, binding, operation, ask, moment);
    case "bind-failed":
      if (operation !== undefined) return adopt(placement, instance, binding, operation, ask, moment);
      return begin(placement, instance, binding, undefined, ask, moment);
    case "unbinding":
      // A removal of the whole instance holds the binding too; that is another operation than this one.
      if (operation?.kind !== "unbind" || !mayAnswerPending(placement.plan, ask.acceptsIncomplete))
        return refused(concurrency());
      return { say: "repeat", instance, binding, operation };
    default:
      if (world.rotating) return refused(concurrency());
      if (moment.switches.serializeBindings && (world.bindingsBusy || instance.state === "updating"))
        return refused(concurrency());
      return begin(placement, instance, binding, undefined, ask, moment);
  }
}

function begin(
  placement: Placement,
  instance: Instance,
  binding: Binding,
  halted: Operation | undefined,
  ask: UnbindAsk,
  moment: Moment,
): Decision {
  const set = { state: "unbinding", operation: moment.token } as const;
  const opened = openOperation(moment, "unbind", placement.plan, { instance, binding }, requesterOf(ask.caller));
  const operation = halted === undefined ? opened : waitingFor(halted, opened);
  return {
    say: "begin",
    operation,
    instance,
    binding: { ...binding, ...set, version: binding.version + 1 },
    changes: [
      countBind(instance, moment),
      { update: "binding", uid: binding.uid, version: binding.version, set, at: moment.now },
      ...halt(halted, "Cancelled: the binding was deleted while this was under way.", moment),
      { insert: "operation", row: operation },
      auditOf(operation, moment.now, "begun"),
    ],
  };
}

/** Our own clean-up of a failed bind is already doing what is asked: it becomes the platform's operation, as it is there. */
function adopt(
  placement: Placement,
  instance: Instance,
  binding: Binding,
  cleanup: Operation,
  ask: UnbindAsk,
  moment: Moment,
): Decision {
  if (!mayAnswerPending(placement.plan, ask.acceptsIncomplete)) return refused(concurrency());
  const set = { state: "unbinding" } as const;
  const { lease: _lease, ...adopted } = cleanup;
  return {
    say: "begin",
    operation: { ...adopted, purpose: "request" },
    instance,
    binding: { ...binding, ...set, version: binding.version + 1 },
    changes: [
      { update: "binding", uid: binding.uid, version: binding.version, set, at: moment.now },
      { update: "operation", token: cleanup.token, only: { state: "open" }, set: { purpose: "request" } },
      auditOf({ ...cleanup, purpose: "request", ...requesterOf(ask.caller) }, moment.now, "begun"),
    ],
  };
}

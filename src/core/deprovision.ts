/** Decides DELETE /v2/service_instances/:instance_id (OSB: Deprovisioning). */
import type { Placement } from "./catalog.ts";
import { auditOf, type Change, requesterOf } from "./change.ts";
import { type Decision, type Moment, mayAnswerPending, needsAsync, openOperation, refused } from "./decision.ts";
import type { Binding, Caller, Instance, Operation } from "./model.ts";
import { asyncRequired, concurrency, refuse } from "./refusal.ts";

export interface DeprovisionAsk {
  readonly caller: Caller;
  readonly instanceId: string;
  readonly acceptsIncomplete: boolean;
}

export interface DeprovisionWorld {
  /** The instance's plan, else the one the query names; undefined if neither is known. */
  readonly placement: Placement | undefined;
  readonly instance: Instance | undefined;
  /** The operation that holds the instance. */
  readonly operation: Operation | undefined;
  /** Bindings of the instance that are not deleted. */
  readonly bindings: readonly Binding[];
}

/** Ids in the query are hints and never compared: a refused DELETE could block a platform's clean-up for ever. */
export function decideDeprovision(world: DeprovisionWorld, ask: DeprovisionAsk, moment: Moment): Decision {
  const { placement, instance, operation } = world;
  if (needsAsync(placement?.plan, ask.acceptsIncomplete)) return refused(asyncRequired());
  if (instance === undefined || instance.state === "deleted") return refused(refuse(410, "Gone"));
  if (placement === undefined) return refused(refuse(400, "UnknownPlan"));
  switch (instance.state) {
    case "provisioning":
      if (moment.switches.onDeleteDuringCreate === "refuse") return refused(concurrency());
      return begin(placement, instance, [], operation, ask, moment);
    case "provision-failed":
      if (operation !== undefined) return adopt(instance, operation, placement, ask, moment);
      return begin(placement, instance, [], undefined, ask, moment);
    case "updating":
      return refused(concurrency());
    case "deprovisioning":
      if (operation === undefined || !mayAnswerPending(placement.plan, ask.acceptsIncomplete))
        return refused(concurrency());
      return { say: "repeat", instance, operation };
    default:
      return remove(placement, world, instance, ask, moment);
  }
}

function remove(
  placement: Placement,
  world: DeprovisionWorld,
  instance: Instance,
  ask: DeprovisionAsk,
  moment: Moment,
): Decision {
  if (world.bindings.some((binding) => binding.operation !== undefined && !beingCleanedUp(binding)))
    return refused(concurrency());
  if (world.bindings.length > 0 && moment.switches.onDeprovisionWithBindings === "reject")
    return refused(refuse(400, "HasBindings", undefined, { usable: instance.usable }));
  // What may still hold a ready instance is our own revert of a failed update: deletion overtakes it.
  return begin(placement, instance, world.bindings, world.operation, ask, moment);
}

/** Our own clean-up after a failed bind must not keep a platform from deleting: the removal takes it over. */
function beingCleanedUp(binding: Binding): boolean {
  return binding.state === "bind-failed" && binding.operation !== undefined;
}

/** A removal that takes the bindings with it and, where something was still running, halts that first. */
function begin(
  placement: Placement,
  instance: Instance,
  bindings: readonly Binding[],
  halted: Operation | undefined,
  ask: DeprovisionAsk,
  moment: Moment,
): Decision {
  // Half made is not usable, even if its removal fails.
  const halfMade = instance.state === "provisioning" && { usable: false };
  const set = { state: "deprovisioning", operation: moment.token, ...halfMade } as const;
  const opened = openOperation(moment, "deprovision", placement.plan, { instance }, requesterOf(ask.caller));
  const operation = halted === undefined ? opened : waitingFor(halted, opened);
  const changes: Change[] = [
    {
      update: "instance",
      uid: instance.uid,
      version: instance.version,
      bindsBegun: instance.bindsBegun,
      set,
      at: moment.now,
    },
    ...halt(halted, "Cancelled: the service instance was deleted while this was under way.", moment),
    ...bindings.filter(beingCleanedUp).map(
      (binding): Change => ({
        update: "operation",
        token: binding.operation ?? "",
        only: { state: "open" },
        set: { state: "failed", description: "Taken over by the removal of the instance.", finishedAt: moment.now },
      }),
    ),
    ...bindings.map(
      (binding): Change => ({
        update: "binding",
        uid: binding.uid,
        version: binding.version,
        set: { state: "unbinding", operation: moment.token },
        at: moment.now,
      }),
    ),
    { insert: "operation", row: operation },
    auditOf(operation, moment.now, "begun", { bindings: bindings.length }),
  ];
  return { say: "begin", operation, instance: { ...instance, ...set, version: instance.version + 1 }, changes };
}

/** A removal that interrupts another operation waits, unleased, until that one's lease is free. */
export function waitingFor(halted: Operation, opened: Operation): Operation {
  const { lease: _lease, ...unleased } = opened;
  // A clean-up that never ran was waiting itself: its turn is taken over, too.
  const awaited = halted.leaseNumber === 0 ? (halted.interrupts ?? halted.token) : halted.token;
  return { ...unleased, leaseNumber: 0, interrupts: awaited };
}

/** Ends an open operation as cancelled; whoever carries it out still records what it made. */
export function halt(halted: Operation | undefined, description: string, moment: Moment): Change[] {
  if (halted === undefined) return [];
  return [
    {
      update: "operation",
      token: halted.token,
      only: { state: "open", leaseNumber: halted.leaseNumber },
      set: { state: "failed", description, clean: false, finishedAt: moment.now },
    },
    auditOf(halted, moment.now, "failed", { cancelled: true }),
  ];
}

/**
 * Our own clean-up of a failed provision is already doing what is asked: it becomes the platform's operation. It stays
 * with the worker that may be at it just now, so it is handed on without that one's lease.
 */
function adopt(
  instance: Instance,
  cleanup: Operation,
  placement: Placement,
  ask: DeprovisionAsk,
  moment: Moment,
): Decision {
  if (!mayAnswerPending(placement.plan, ask.acceptsIncomplete)) return refused(concurrency());
  const set = { state: "deprovisioning" } as const;
  const { lease: _lease, ...adopted } = cleanup;
  return {
    say: "begin",
    operation: { ...adopted, purpose: "request" },
    instance: { ...instance, ...set, version: instance.version + 1 },
    changes: [
      { update: "instance", uid: instance.uid, version: instance.version, set, at: moment.now },
      { update: "operation", token: cleanup.token, only: { state: "open" }, set: { purpose: "request" } },
      auditOf({ ...cleanup, purpose: "request", ...requesterOf(ask.caller) }, moment.now, "begun"),
    ],
  };
}

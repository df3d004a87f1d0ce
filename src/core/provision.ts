/** Decides PUT /v2/service_instances/:instance_id (OSB: Provisioning). */
import type { Placement } from "./catalog.ts";
import { auditOf, requesterOf } from "./change.ts";
import { type Decision, type Moment, mayAnswerPending, needsAsync, openOperation, refused } from "./decision.ts";
import { type JsonObject, sameJson } from "./json.ts";
import type { Caller, Instance, Operation } from "./model.ts";
import { asyncRequired, concurrency, type Refusal, refuse } from "./refusal.ts";
import { Secret } from "./secret.ts";

export interface ProvisionAsk {
  readonly caller: Caller;
  readonly instanceId: string;
  readonly offeringId: string;
  readonly planId: string;
  readonly organization: string;
  readonly space: string;
  readonly parameters: Secret<JsonObject>;
  readonly context: JsonObject;
  readonly maintenanceVersion?: string;
  readonly acceptsIncomplete: boolean;
}

export interface ProvisionWorld {
  readonly placement: Placement | undefined;
  /** The platform and the organisation behind it may order the plan. */
  readonly orderable: boolean;
  /** Newest incarnation under this id, whatever its state. */
  readonly instance: Instance | undefined;
  /** The operation that holds it. */
  readonly operation: Operation | undefined;
}

export function decideProvision(world: ProvisionWorld, ask: ProvisionAsk, moment: Moment): Decision {
  const { placement, instance } = world;
  const isNew = instance === undefined || instance.state === "deleted";
  // A hidden plan is as unknown as none, but for who asks again for what is there already.
  if (placement === undefined || (isNew && !world.orderable)) return refused(refuse(400, "UnknownPlan"));
  if (needsAsync(placement.plan, ask.acceptsIncomplete)) return refused(asyncRequired());
  if (isNew) return create(placement, instance, ask, moment);
  if (!asksForTheSame(instance, ask)) return refused(refuse(409, "Conflict", conflictText));
  switch (instance.state) {
    case "provisioning":
      if (world.operation === undefined || !mayAnswerPending(placement.plan, ask.acceptsIncomplete))
        return refused(concurrency());
      return { say: "repeat", instance, operation: world.operation };
    case "provision-failed":
      return instance.operation === undefined ? tryAgain(placement, instance, ask, moment) : refused(concurrency());
    case "deprovisioning":
      return refused(concurrency());
    case "deprovision-failed":
      // Half removed, or never made: a platform must not be told that its order stands.
      return instance.usable ? { say: "repeat", instance } : refused(concurrency());
    default:
      return { say: "repeat", instance };
  }
}

const conflictText =
  "A service instance with this id exists with other attributes (service_id, plan_id, organization_guid, space_guid or parameters).";

/** OSB leaves "the same attributes" open: context, names and annotations may change during an instance's life and are not compared. */
function asksForTheSame(instance: Instance, ask: ProvisionAsk): boolean {
  return (
    instance.offeringId === ask.offeringId &&
    instance.planId === ask.planId &&
    instance.organization === ask.organization &&
    instance.space === ask.space &&
    sameJson(instance.parameters.reveal(), ask.parameters.reveal())
  );
}

function unfit(placement: Placement, ask: ProvisionAsk): Refusal | undefined {
  if (!placement.offered) return refuse(400, "UnknownPlan", "This plan is not offered for new instances any more.");
  if (ask.maintenanceVersion !== undefined && ask.maintenanceVersion !== placement.plan.maintenanceInfo?.version)
    return refuse(422, "MaintenanceInfoConflict");
  const violations = placement.checks.create(ask.parameters.reveal());
  return violations.length > 0 ? refuse(400, "InvalidParameters", violations.join("; ")) : undefined;
}

function create(placement: Placement, last: Instance | undefined, ask: ProvisionAsk, moment: Moment): Decision {
  const refusal = unfit(placement, ask);
  if (refusal !== undefined) return refused(refusal);
  const { plan } = placement;
  const instance: Instance = {
    uid: moment.uid,
    platformId: ask.caller.platform.id,
    instanceId: ask.instanceId,
    incarnation: (last?.incarnation ?? 0) + 1,
    bindsBegun: 0,
    offeringId: ask.offeringId,
    planId: plan.id,
    provider: plan.provider,
    organization: ask.organization,
    space: ask.space,
    parameters: ask.parameters,
    context: ask.context,
    facts: new Secret(null),
    labels: {},
    attributes: {},
    usable: true,
    state: "provisioning",
    operation: moment.token,
    version: 1,
    createdAt: moment.now,
    updatedAt: moment.now,
    ...(plan.maintenanceInfo !== undefined && { maintenanceVersion: plan.maintenanceInfo.version }),
  };
  const operation = openOperation(moment, "provision", plan, { instance }, requesterOf(ask.caller));
  return {
    say: "begin",
    operation,
    instance,
    changes: [
      { insert: "instance", row: instance },
      { insert: "operation", row: operation },
      auditOf(operation, moment.now, "begun", { service_id: ask.offeringId, plan_id: plan.id }),
    ],
  };
}

/** A failed provision whose leavings are gone is begun afresh on the same row. */
function tryAgain(placement: Placement, failed: Instance, ask: ProvisionAsk, moment: Moment): Decision {
  const refusal = unfit(placement, ask);
  if (refusal !== undefined) return refused(refusal);
  const operation = openOperation(moment, "provision", placement.plan, { instance: failed }, requesterOf(ask.caller));
  const set = { state: "provisioning", operation: moment.token, usable: true, context: ask.context } as const;
  return {
    say: "begin",
    operation,
    instance: { ...failed, ...set, version: failed.version + 1 },
    changes: [
      { update: "instance", uid: failed.uid, version: failed.version, set, at: moment.now },
      { insert: "operation", row: operation },
      auditOf(operation, moment.now, "begun", { service_id: failed.offeringId, plan_id: failed.planId }),
    ],
  };
}

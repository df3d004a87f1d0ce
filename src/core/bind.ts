/** Decides PUT …/service_bindings/:binding_id, rotation included (OSB: Binding, Binding Rotation). */
import type { Placement } from "./catalog.ts";
import { auditOf, type Change, requesterOf } from "./change.ts";
import {
  countBind,
  type Decision,
  type Moment,
  mayAnswerPending,
  needsAsync,
  openOperation,
  refused,
} from "./decision.ts";
import { type JsonObject, sameJson } from "./json.ts";
import type { Binding, Caller, Instance, Operation } from "./model.ts";
import { asyncRequired, concurrency, type Refusal, refuse } from "./refusal.ts";
import { Secret } from "./secret.ts";

export interface BindAsk {
  readonly caller: Caller;
  readonly instanceId: string;
  readonly bindingId: string;
  /** May be absent in a rotation only, whose body need not name them (OSB: Binding Rotation). */
  readonly offeringId?: string;
  readonly planId?: string;
  readonly appGuid?: string;
  readonly bindResource?: JsonObject;
  readonly parameters?: Secret<JsonObject>;
  readonly context: JsonObject;
  /** Platform's id of the binding to be rotated. */
  readonly predecessor?: string;
  readonly acceptsIncomplete: boolean;
}

export interface BindWorld {
  /** What the request names; undefined if it names nothing or something unknown. */
  readonly asked: Placement | undefined;
  readonly instance: Instance | undefined;
  /** The instance's own plan. */
  readonly placement: Placement | undefined;
  /** Newest incarnation under the binding id, of whichever instance. */
  readonly binding: Binding | undefined;
  readonly operation: Operation | undefined;
  readonly predecessor: Binding | undefined;
  /** Another bind or unbind of this instance is under way. */
  readonly bindingsBusy: boolean;
}

export function decideBind(world: BindWorld, ask: BindAsk, moment: Moment): Decision {
  const { instance, binding, placement } = world;
  const names = ask.offeringId !== undefined || ask.planId !== undefined;
  if (ask.predecessor === undefined && (ask.offeringId === undefined || ask.planId === undefined))
    return refused(refuse(400, "MalformedRequest", "service_id and plan_id are required."));
  if (names && ask.offeringId !== undefined && ask.planId !== undefined && world.asked === undefined)
    return refused(refuse(400, "UnknownPlan"));
  if (instance === undefined || instance.state === "deleted")
    return refused(refuse(404, "NotFound", "There is no service instance with this id."));
  if (placement === undefined) return refused(refuse(400, "UnknownPlan"));
  if (needsAsync(placement.plan, ask.acceptsIncomplete)) return refused(asyncRequired());
  if (binding !== undefined && binding.state !== "deleted")
    return repeat(world, binding, placement, instance, ask, moment);
  const refusal =
    notReady(world, instance, moment) ??
    unfit(placement, instance, ask) ??
    badRotation(world, instance, placement, ask, moment);
  if (refusal !== undefined) return refused(refusal);
  return create(world, instance, placement, ask, moment);
}

function repeat(
  world: BindWorld,
  binding: Binding,
  placement: Placement,
  instance: Instance,
  ask: BindAsk,
  moment: Moment,
): Decision {
  if (!asksForTheSame(binding, instance, ask)) return refused(refuse(409, "Conflict", conflictText));
  switch (binding.state) {
    case "binding":
      if (world.operation === undefined || !mayAnswerPending(placement.plan, ask.acceptsIncomplete))
        return refused(concurrency());
      return { say: "repeat", instance, binding, operation: world.operation };
    case "bound":
      return { say: "repeat", instance, binding };
    case "bind-failed": {
      if (binding.operation !== undefined) return refused(concurrency());
      const refusal = notReady(world, instance, moment);
      return refusal === undefined ? tryAgain(binding, instance, placement, ask, moment) : refused(refusal);
    }
    default:
      // Being removed, or left half removed: its credentials cannot be promised.
      return refused(concurrency());
  }
}

const conflictText = "A binding with this id exists with other attributes.";

/** In a repeated rotation the predecessor may be gone already, so only what was sent is compared. */
function asksForTheSame(binding: Binding, instance: Instance, ask: BindAsk): boolean {
  const rotation = ask.predecessor !== undefined;
  return (
    binding.instanceUid === instance.uid &&
    binding.predecessor === ask.predecessor &&
    (ask.offeringId === undefined || ask.offeringId === binding.offeringId) &&
    (ask.planId === undefined || ask.planId === binding.planId) &&
    ((rotation && ask.appGuid === undefined) || ask.appGuid === binding.appGuid) &&
    ((rotation && ask.bindResource === undefined) || sameResource(ask.bindResource, binding.bindResource)) &&
    ((rotation && ask.parameters === undefined) ||
      sameJson(ask.parameters?.reveal() ?? {}, binding.parameters.reveal()))
  );
}

/** Annotations and client ids may change between repeats; what is bound may not. */
function sameResource(a: JsonObject | undefined, b: JsonObject): boolean {
  return a?.app_guid === b.app_guid && a?.route === b.route;
}

function notReady(world: BindWorld, instance: Instance, moment: Moment): Refusal | undefined {
  switch (instance.state) {
    case "provisioning":
    case "deprovisioning":
      return concurrency();
    case "provision-failed":
      return refuse(400, "InstanceUnusable", "The service instance was never provisioned. Delete it and order again.");
    case "updating":
      if (!moment.switches.allowBindingsDuringUpdate) return concurrency();
      break;
    default:
      if (!instance.usable) return refuse(400, "InstanceUnusable");
      if (instance.operation !== undefined) return concurrency();
  }
  return world.bindingsBusy && moment.switches.serializeBindings ? concurrency() : undefined;
}

function unfit(placement: Placement, instance: Instance, ask: BindAsk): Refusal | undefined {
  if (ask.offeringId !== undefined && ask.offeringId !== instance.offeringId) return refuse(400, "PlanMismatch");
  if (ask.planId !== undefined && ask.planId !== instance.planId) return refuse(400, "PlanMismatch");
  if (!placement.plan.bindable) return refuse(400, "NotBindable");
  if (placement.plan.requiresApp && ask.appGuid === undefined && ask.predecessor === undefined)
    return refuse(422, "RequiresApp");
  const violations =
    ask.parameters === undefined && ask.predecessor !== undefined
      ? []
      : placement.checks.bind(ask.parameters?.reveal() ?? {});
  return violations.length > 0 ? refuse(400, "InvalidParameters", violations.join("; ")) : undefined;
}

/** What a predecessor must be (OSB: Binding Rotation). */
function badRotation(
  world: BindWorld,
  instance: Instance,
  placement: Placement,
  ask: BindAsk,
  moment: Moment,
): Refusal | undefined {
  if (ask.predecessor === undefined) return undefined;
  if (!placement.plan.bindingRotatable) return refuse(400, "NotRotatable");
  const { predecessor } = world;
  if (ask.predecessor === ask.bindingId)
    return refuse(400, "InvalidPredecessor", "A binding cannot be its own predecessor.");
  if (predecessor === undefined || predecessor.instanceUid !== instance.uid) return refuse(400, "InvalidPredecessor");
  if (predecessor.state === "binding" || predecessor.state === "unbinding") return concurrency();
  if (predecessor.state !== "bound") return refuse(400, "InvalidPredecessor");
  if (predecessor.expiresAt !== undefined && predecessor.expiresAt <= moment.now)
    return refuse(400, "InvalidPredecessor", "The predecessor binding has expired. Create a new binding instead.");
  return undefined;
}

function create(world: BindWorld, instance: Instance, placement: Placement, ask: BindAsk, moment: Moment): Decision {
  const heir = ask.predecessor === undefined ? undefined : world.predecessor;
  const appGuid = ask.appGuid ?? heir?.appGuid;
  const binding: Binding = {
    uid: moment.uid,
    platformId: instance.platformId,
    bindingId: ask.bindingId,
    incarnation: (world.binding?.incarnation ?? 0) + 1,
    instanceUid: instance.uid,
    instanceId: instance.instanceId,
    offeringId: instance.offeringId,
    planId: instance.planId,
    bindResource: ask.bindResource ?? heir?.bindResource ?? {},
    parameters: ask.parameters ?? heir?.parameters ?? new Secret({}),
    context: ask.context,
    facts: new Secret(null),
    state: "binding",
    operation: moment.token,
    version: 1,
    createdAt: moment.now,
    updatedAt: moment.now,
    ...(appGuid !== undefined && { appGuid }),
    ...(heir !== undefined && { predecessor: heir.bindingId, predecessorUid: heir.uid }),
  };
  const operation = openOperation(moment, "bind", placement.plan, { instance, binding }, requesterOf(ask.caller));
  return {
    say: "begin",
    operation,
    instance,
    binding,
    changes: [
      countBind(instance, moment),
      ...guardPredecessor(heir, moment),
      { insert: "binding", row: binding },
      { insert: "operation", row: operation },
      auditOf(operation, moment.now, "begun", heir === undefined ? {} : { predecessor_binding_id: heir.bindingId }),
    ],
  };
}

/** Touching the predecessor makes a rotation and its predecessor's unbind notice each other. */
function guardPredecessor(heir: Binding | undefined, moment: Moment): Change[] {
  if (heir === undefined) return [];
  return [{ update: "binding", uid: heir.uid, version: heir.version, set: { state: "bound" }, at: moment.now }];
}

function tryAgain(failed: Binding, instance: Instance, placement: Placement, ask: BindAsk, moment: Moment): Decision {
  const operation = openOperation(
    moment,
    "bind",
    placement.plan,
    { instance, binding: failed },
    requesterOf(ask.caller),
  );
  const set = { state: "binding", operation: moment.token } as const;
  return {
    say: "begin",
    operation,
    instance,
    binding: { ...failed, ...set, version: failed.version + 1 },
    changes: [
      countBind(instance, moment),
      { update: "binding", uid: failed.uid, version: failed.version, set, at: moment.now },
      { insert: "operation", row: operation },
      auditOf(operation, moment.now, "begun"),
    ],
  };
}

/** Decides PATCH /v2/service_instances/:instance_id (OSB: Updating a Service Instance). */
import { type Catalog, findOrderablePlan, findPlan, knowsOffering, type Placement } from "./catalog.ts";
import { auditOf, requesterOf } from "./change.ts";
import { type Decision, type Moment, mayAnswerPending, needsAsync, openOperation, refused } from "./decision.ts";
import { type JsonObject, sameJson } from "./json.ts";
import type { Caller, Instance, Operation, UpdateTarget } from "./model.ts";
import { asyncRequired, concurrency, type Refusal, refuse } from "./refusal.ts";
import { Secret } from "./secret.ts";

export interface UpdateAsk {
  readonly caller: Caller;
  readonly instanceId: string;
  readonly offeringId: string;
  readonly planId?: string;
  readonly parameters?: Secret<JsonObject>;
  readonly context?: JsonObject;
  readonly maintenanceVersion?: string;
  readonly acceptsIncomplete: boolean;
}

export interface UpdateWorld {
  readonly catalog: Catalog;
  readonly instance: Instance | undefined;
  readonly operation: Operation | undefined;
  /** A bind or unbind of this instance is under way. */
  readonly bindingsBusy: boolean;
}

/** What is left of a request after everything that changes nothing is taken away. */
interface Wanted {
  readonly planId?: string;
  readonly parameters?: JsonObject;
  readonly maintenanceVersion?: string;
  readonly context?: JsonObject;
}

export function decideUpdate(world: UpdateWorld, ask: UpdateAsk, moment: Moment): Decision {
  const { catalog, instance } = world;
  const { platform } = ask.caller;
  const living = instance === undefined || instance.state === "deleted" ? undefined : instance;
  // An instance's own plan is known to whoever has it, also where it would not be shown any more.
  if (ask.offeringId !== living?.offeringId && !knowsOffering(catalog, platform, ask.offeringId))
    return refused(refuse(400, "UnknownPlan"));
  if (ask.planId !== undefined && ask.planId !== living?.planId) {
    const organization = living?.organization ?? "";
    const wanted = findOrderablePlan(catalog, platform, organization, ask.offeringId, ask.planId);
    if (wanted === undefined) return refused(refuse(400, "UnknownPlan"));
  }
  if (instance === undefined || living === undefined) return refused(refuse(404, "NotFound", noInstance));
  if (ask.offeringId !== instance.offeringId) return refused(refuse(400, "PlanMismatch"));
  const current = findPlan(catalog, instance.offeringId, instance.planId);
  const target = findPlan(catalog, ask.offeringId, ask.planId ?? instance.planId);
  if (current === undefined || target === undefined) return refused(refuse(400, "UnknownPlan"));
  if (needsAsync(target.plan, ask.acceptsIncomplete)) return refused(asyncRequired());
  const wanted = normalise(instance, target, ask);
  const busy = whileBusy(world, instance, target, wanted, ask.acceptsIncomplete, moment);
  if (busy !== undefined) return busy;
  const refusal = unfit(instance, current, target, wanted, ask);
  if (refusal !== undefined) return refused(refusal);
  return begin(instance, target, wanted, ask, moment);
}

const noInstance = "There is no service instance with this id.";

function normalise(instance: Instance, target: Placement, ask: UpdateAsk): Wanted {
  const given = ask.parameters?.reveal() ?? {};
  const merged = { ...instance.parameters.reveal(), ...given };
  const version = ask.maintenanceVersion;
  const settled = version === target.plan.maintenanceInfo?.version && version === instance.maintenanceVersion;
  const newContext =
    target.offering.allowContextUpdates && ask.context !== undefined && !sameJson(ask.context, instance.context);
  return {
    ...(ask.planId !== undefined && ask.planId !== instance.planId && { planId: ask.planId }),
    ...(!sameJson(merged, instance.parameters.reveal()) && { parameters: given }),
    ...(version !== undefined && !settled && { maintenanceVersion: version }),
    ...(newContext && { context: ask.context }),
  };
}

/** The answer while something else holds the instance, or when its state forbids changes for good. */
function whileBusy(
  world: UpdateWorld,
  instance: Instance,
  target: Placement,
  wanted: Wanted,
  acceptsIncomplete: boolean,
  moment: Moment,
): Decision | undefined {
  const { operation } = world;
  switch (instance.state) {
    case "provisioning":
    case "deprovisioning":
      return refused(concurrency());
    case "provision-failed":
      return refused(refuse(422, "InstanceUnusable", failedText, { usable: false, repeatable: false }));
    case "deprovision-failed":
      if (!instance.usable) return refused(refuse(422, "InstanceUnusable", undefined, { usable: false }));
      break;
    case "updating":
      if (
        operation?.target !== undefined &&
        mayAnswerPending(target.plan, acceptsIncomplete) &&
        sameJson(operation.target.asked.reveal(), wanted as JsonObject)
      )
        return { say: "repeat", instance, operation };
      return refused(concurrency());
    default:
  }
  if (instance.operation !== undefined) return refused(concurrency());
  if (world.bindingsBusy && moment.switches.serializeBindings) return refused(concurrency());
  return undefined;
}

const failedText = "The service instance was never provisioned. Delete it and order again.";

function unfit(
  instance: Instance,
  current: Placement,
  target: Placement,
  wanted: Wanted,
  ask: UpdateAsk,
): Refusal | undefined {
  if (wanted.planId !== undefined) {
    const allowed = current.plan.planUpdateable && target.offered && current.plan.provider === target.plan.provider;
    if (!allowed) return refuse(422, "PlanChangeNotSupported", undefined, { repeatable: false });
  }
  if (ask.maintenanceVersion !== undefined && ask.maintenanceVersion !== target.plan.maintenanceInfo?.version)
    return refuse(422, "MaintenanceInfoConflict");
  const changes =
    wanted.planId !== undefined || wanted.parameters !== undefined || wanted.maintenanceVersion !== undefined;
  if (changes && !target.updatable) return refuse(422, "UpdateNotSupported", undefined, { repeatable: false });
  const violations = wanted.parameters === undefined ? [] : target.checks.update(wanted.parameters);
  const all = violations.length > 0 ? violations : wholeViolations(instance, target, wanted);
  return all.length > 0 ? refuse(400, "InvalidParameters", all.join("; ")) : undefined;
}

/** After a plan change or a merge the whole set must fit the plan it will live in. */
function wholeViolations(instance: Instance, target: Placement, wanted: Wanted): readonly string[] {
  if (wanted.planId === undefined && wanted.parameters === undefined) return [];
  return target.checks.create({ ...instance.parameters.reveal(), ...wanted.parameters });
}

function begin(instance: Instance, target: Placement, wanted: Wanted, ask: UpdateAsk, moment: Moment): Decision {
  const onlyContext = Object.keys(wanted).every((key) => key === "context");
  const { uid, version: read, bindsBegun } = instance;
  const alone = moment.switches.serializeBindings && { bindsBegun };
  const guard = { update: "instance", uid, version: read, ...alone, at: moment.now } as const;
  if (onlyContext) {
    const changes = wanted.context === undefined ? [] : [{ ...guard, set: { context: wanted.context } }];
    return { say: "same", instance, changes };
  }
  const { plan } = target;
  const version = plan.maintenanceInfo?.version;
  const moved = wanted.planId !== undefined || wanted.maintenanceVersion !== undefined;
  const maintenanceVersion = moved ? version : instance.maintenanceVersion;
  const aim: UpdateTarget = {
    planId: plan.id,
    parameters: new Secret({ ...instance.parameters.reveal(), ...wanted.parameters }),
    context: wanted.context ?? instance.context,
    asked: new Secret(wanted as JsonObject),
    ...(maintenanceVersion !== undefined && { maintenanceVersion }),
  };
  const operation: Operation = {
    ...openOperation(moment, "update", plan, { instance }, requesterOf(ask.caller)),
    target: aim,
  };
  const set = { state: "updating", operation: moment.token } as const;
  return {
    say: "begin",
    operation,
    instance: { ...instance, ...set, version: instance.version + 1 },
    changes: [
      { ...guard, set },
      { insert: "operation", row: operation },
      auditOf(operation, moment.now, "begun", { from_plan_id: instance.planId, to_plan_id: plan.id }),
    ],
  };
}

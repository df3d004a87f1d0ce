/** The use cases: each looks at the world and lets core decide; carry-out does the rest. */
import { type Answer, answerBinding, answerInstance, answerLastOperation } from "../core/answer.ts";
import { type BindAsk, decideBind } from "../core/bind.ts";
import { findOrderablePlan, findPlan, findSeenPlan, type Placement } from "../core/catalog.ts";
import { type DeprovisionAsk, decideDeprovision } from "../core/deprovision.ts";
import type { Binding, Instance, Operation, Platform } from "../core/model.ts";
import { decideProvision, type ProvisionAsk } from "../core/provision.ts";
import { concurrency, refuse } from "../core/refusal.ts";
import { decideUnbind, type UnbindAsk } from "../core/unbind.ts";
import { decideUpdate, type UpdateAsk } from "../core/update.ts";
import { carryOut, type Reply } from "./carry-out.ts";
import { type LifecycleParts, momentOf, requiresOf } from "./parts.ts";

export interface Lifecycle {
  provision(ask: ProvisionAsk): Promise<Reply>;
  update(ask: UpdateAsk): Promise<Reply>;
  /** `hint` is what the query names; used only when the instance is unknown. */
  deprovision(ask: DeprovisionAsk, hint: PlanHint): Promise<Reply>;
  bind(ask: BindAsk): Promise<Reply>;
  unbind(ask: UnbindAsk): Promise<Reply>;
  fetchInstance(platformId: string, instanceId: string): Promise<Reply>;
  fetchBinding(platformId: string, instanceId: string, bindingId: string): Promise<Reply>;
  lastOperation(ask: LastOperationAsk): Promise<Reply>;
}

export interface PlanHint {
  readonly offeringId?: string;
  readonly planId?: string;
}

export interface LastOperationAsk {
  readonly platformId: string;
  readonly instanceId: string;
  readonly bindingId?: string;
  readonly operation?: string;
}

export function createLifecycle(parts: LifecycleParts): Lifecycle {
  const { store, switches } = parts;

  const heldBy = async (row: Instance | Binding | undefined): Promise<Operation | undefined> =>
    row?.operation === undefined ? undefined : store.readOperation(row.operation);

  function placementOf(instance: Instance | undefined, platform: Platform, hint: PlanHint = {}): Placement | undefined {
    if (instance !== undefined && instance.state !== "deleted")
      return findPlan(parts.catalog(), instance.offeringId, instance.planId);
    return namedBy(hint, platform, undefined);
  }

  /** The plan of a living instance is known to its platform, also where it would not be shown any more. */
  function namedBy(hint: PlanHint, platform: Platform, instance: Instance | undefined): Placement | undefined {
    if (hint.offeringId === undefined || hint.planId === undefined) return undefined;
    const catalog = parts.catalog();
    return instance?.planId === hint.planId
      ? findPlan(catalog, hint.offeringId, hint.planId)
      : findSeenPlan(catalog, platform, hint.offeringId, hint.planId);
  }

  const isBusy = (binding: Binding): boolean => binding.operation !== undefined;

  return {
    provision: (ask) =>
      carryOut(parts, "provision", ask.acceptsIncomplete, async () => {
        const { platform } = ask.caller;
        const { organization, offeringId, planId } = ask;
        const instance = await store.readInstance(platform.id, ask.instanceId);
        const catalog = parts.catalog();
        const world = {
          placement: findPlan(catalog, offeringId, planId),
          orderable: findOrderablePlan(catalog, platform, organization, offeringId, planId) !== undefined,
          instance,
          operation: await heldBy(instance),
        };
        return decideProvision(world, ask, momentOf(parts));
      }),

    update: (ask) =>
      carryOut(parts, "update", ask.acceptsIncomplete, async () => {
        const instance = await store.readInstance(ask.caller.platform.id, ask.instanceId);
        const bindings = instance === undefined ? [] : await store.readLivingBindings(instance.uid);
        const world = {
          catalog: parts.catalog(),
          instance,
          operation: await heldBy(instance),
          bindingsBusy: bindings.some(isBusy),
        };
        return decideUpdate(world, ask, momentOf(parts));
      }),

    deprovision: (ask, hint) =>
      carryOut(parts, "deprovision", ask.acceptsIncomplete, async () => {
        const instance = await store.readInstance(ask.caller.platform.id, ask.instanceId);
        const world = {
          placement: placementOf(instance, ask.caller.platform, hint),
          instance,
          operation: await heldBy(instance),
          bindings: instance === undefined ? [] : await store.readLivingBindings(instance.uid),
        };
        return decideDeprovision(world, ask, momentOf(parts));
      }),

    bind: (ask) =>
      carryOut(parts, "bind", ask.acceptsIncomplete, async () => {
        const platformId = ask.caller.platform.id;
        const instance = await store.readInstance(platformId, ask.instanceId);
        const binding = await store.readBinding(platformId, ask.bindingId);
        const living = instance === undefined ? [] : await store.readLivingBindings(instance.uid);
        const world = {
          asked: namedBy(ask, ask.caller.platform, instance),
          instance,
          placement: placementOf(instance, ask.caller.platform),
          binding,
          operation: await heldBy(binding),
          predecessor: living.find((other) => other.bindingId === ask.predecessor),
          bindingsBusy: living.some((other) => isBusy(other) && other.bindingId !== ask.bindingId),
        };
        return decideBind(world, ask, momentOf(parts));
      }),

    unbind: (ask) =>
      carryOut(parts, "unbind", ask.acceptsIncomplete, async () => {
        const platformId = ask.caller.platform.id;
        const instance = await store.readInstance(platformId, ask.instanceId);
        const living = instance === undefined ? [] : await store.readLivingBindings(instance.uid);
        const binding = living.find((other) => other.bindingId === ask.bindingId);
        const world = {
          placement: placementOf(instance, ask.caller.platform, ask),
          instance,
          binding,
          operation: await heldBy(binding),
          rotating: living.some((other) => other.predecessorUid === binding?.uid && other.state === "binding"),
          bindingsBusy: living.some((other) => isBusy(other) && other !== binding),
        };
        return decideUnbind(world, ask, momentOf(parts));
      }),

    async fetchInstance(platformId, instanceId) {
      const instance = await store.readInstance(platformId, instanceId);
      switch (instance?.state) {
        case "ready":
        case "deprovision-failed": {
          // Whatever the provider says or does not say, what is on record is answered: not seen is not gone.
          const seen = switches.emitMetadata ? await parts.engine.fetch(instance) : undefined;
          return { answer: answerInstance(instance, switches, seen?.state === "there" ? seen.made : undefined) };
        }
        case "updating":
        case "deprovisioning":
          return { refusal: concurrency() };
        default:
          return { refusal: refuse(404, "NotFound", "There is no service instance with this id.") };
      }
    },

    async fetchBinding(platformId, instanceId, bindingId) {
      const binding = await store.readBinding(platformId, bindingId);
      // A failed removal leaves what there was; where there never was access, there is nothing to fetch.
      const left = binding?.state === "unbind-failed" && binding.access !== undefined;
      const fetchable = binding?.state === "bound" || left;
      if (!fetchable || binding.instanceId !== instanceId)
        return { refusal: refuse(404, "NotFound", "There is no binding with this id.") };
      return { answer: answerBinding(binding, switches, requiresOf(parts, binding)) };
    },

    async lastOperation(ask) {
      const named = ask.operation ? await store.readOperation(ask.operation) : undefined;
      const operation = named !== undefined && isAbout(named, ask) ? named : await newest(ask);
      return operation === undefined
        ? { refusal: refuse(404, "NotFound", "There is no operation on a resource with this id.") }
        : { answer: answerLastOperation(operation, switches) satisfies Answer };
    },
  };

  function isAbout(operation: Operation, ask: LastOperationAsk): boolean {
    return (
      operation.platformId === ask.platformId &&
      operation.instanceId === ask.instanceId &&
      operation.bindingId === ask.bindingId
    );
  }

  /** Without an operation the newest one is meant; so is with an unknown one, unless the operator wants it strict. */
  async function newest(ask: LastOperationAsk): Promise<Operation | undefined> {
    if (ask.operation && switches.strictOperation) return undefined;
    const instance = await store.readInstance(ask.platformId, ask.instanceId);
    if (instance === undefined) return undefined;
    if (ask.bindingId === undefined) return store.readNewestOperation(instance.uid, undefined);
    const binding = await store.readBinding(ask.platformId, ask.bindingId);
    if (binding === undefined || binding.instanceId !== ask.instanceId) return undefined;
    return store.readNewestOperation(binding.instanceUid, binding.uid);
  }
}

/** Builds what the adapter is handed: plain data, from the operation, its subject and its plan. */
import type { BindingOrder, Order, UpdateOrder, Verb } from "../core/adapter.ts";
import type { Binding, Instance, Operation, Plan } from "../core/model.ts";

export interface OrderParts {
  readonly operation: Operation;
  readonly instance: Instance;
  /** The plan the order is about: an update's aim, else the instance's own. */
  readonly plan: Plan;
  /** The instance's own plan. */
  readonly before: Plan;
  readonly binding?: Binding;
  /** Of a rotation, if it is still on record. */
  readonly predecessor?: Binding;
  readonly interrupted?: Operation;
  /** Differs from the operation's kind when a deprovision removes a binding first. */
  readonly verb: Verb;
}

export function makeOrder(parts: OrderParts): Order | UpdateOrder | BindingOrder {
  const { operation, instance, binding, predecessor, interrupted, plan, before, verb } = parts;
  const target = verb === "update" ? operation.target : undefined;
  const maintenanceVersion = target?.maintenanceVersion ?? instance.maintenanceVersion;
  const order: Order = {
    verb,
    token: operation.token,
    attempt: operation.attempt,
    // A second lease means that the first one's holder never told what came of it.
    repeated: operation.attempt > 1 || operation.leaseNumber > 1,
    deadline: new Date(operation.deadlineAt),
    plan: {
      id: plan.id,
      backend: plan.backend,
      ...(maintenanceVersion !== undefined && { maintenanceVersion }),
    },
    instance: {
      ...instancePart(instance),
      parameters: target?.parameters ?? instance.parameters,
      context: target?.context ?? instance.context,
    },
    ...(operation.requester !== undefined && { requester: operation.requester }),
    ...(operation.requestId !== undefined && { requestId: operation.requestId }),
    ...(interrupted !== undefined && {
      interrupted: {
        token: interrupted.token,
        ...(interrupted.handle !== undefined && { handle: interrupted.handle }),
      },
    }),
  };
  if (target !== undefined) {
    const { parameters, maintenanceVersion: version } = instance;
    const was = { planId: before.id, backend: before.backend, parameters };
    return { ...order, before: { ...was, ...(version !== undefined && { maintenanceVersion: version }) } };
  }
  return binding === undefined ? order : { ...order, binding: bindingPart(binding, predecessor) };
}

/** An order to look and nothing more: no operation stands behind it, so nothing carries its token. */
export function makeFetchOrder(
  { instance, binding }: { readonly instance: Instance; readonly binding?: Binding },
  plan: Plan,
  token: string,
  deadline: Date,
): Order | BindingOrder {
  const { maintenanceVersion } = instance;
  const order: Order = {
    verb: binding === undefined ? "provision" : "bind",
    token,
    attempt: 1,
    repeated: false,
    deadline,
    plan: { id: plan.id, backend: plan.backend, ...(maintenanceVersion !== undefined && { maintenanceVersion }) },
    instance: instancePart(instance),
  };
  return binding === undefined ? order : { ...order, binding: bindingPart(binding) };
}

function instancePart(instance: Instance): Order["instance"] {
  return {
    id: instance.uid,
    platformInstanceId: instance.instanceId,
    organization: instance.organization,
    space: instance.space,
    parameters: instance.parameters,
    context: instance.context,
    facts: instance.facts,
  };
}

function bindingPart(binding: Binding, predecessor?: Binding): BindingOrder["binding"] {
  return {
    id: binding.uid,
    platformBindingId: binding.bindingId,
    parameters: binding.parameters,
    bindResource: binding.bindResource,
    facts: binding.facts,
    ...(binding.appGuid !== undefined && { appGuid: binding.appGuid }),
    ...(binding.predecessorUid !== undefined && { predecessorId: binding.predecessorUid }),
    ...(predecessor !== undefined && { predecessorFacts: predecessor.facts }),
  };
}

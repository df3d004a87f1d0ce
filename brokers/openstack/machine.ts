/** Self-managed virtual machines. */
import type { BindingOrder, Order, UpdateOrder } from "#adapter";
import { checkMachines } from "./check-machines.ts";
import { bind, fetchAccess, unbind } from "./machine-access.ts";
import { machineSchema } from "./machine-plan.ts";
import { fetchMachine, inventory, usage } from "./machine-state.ts";
import type { Offer } from "./offer.ts";
import { pollProvision, provision } from "./provision-machine.ts";
import { deprovision } from "./remove-machine.ts";
import { update } from "./resize-machine.ts";

export const machine: Offer = {
  kind: "machine",
  backend: machineSchema,
  open: (cloud) => ({
    provision: (order, tools) => provision(cloud, order, null, tools),
    deprovision: (order, tools) => deprovision(cloud, order, tools),
    update: (order, tools) => update(cloud, order, null, tools),
    bind: (order, tools) => bind(cloud, order, tools),
    unbind: (order, tools) => unbind(cloud, order, tools),
    poll: (order, handle, tools) =>
      order.verb === "update"
        ? update(cloud, order as UpdateOrder, handle, tools)
        : pollProvision(cloud, order, handle, tools),
    fetch: (order, tools) => (isBinding(order) ? fetchAccess(cloud, order, tools) : fetchMachine(cloud, order, tools)),
    usage: (order, period, tools) => usage(cloud, order, period, tools),
    check: (signal) => checkMachines(cloud, signal),
    inventory: (signal) => inventory(cloud, signal),
  }),
};

function isBinding(order: Order | BindingOrder): order is BindingOrder {
  return "binding" in order;
}

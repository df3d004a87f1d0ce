/** Object storage: a container at Swift, or whatever speaks its API, that is also a bucket where the cloud speaks S3. */
import type { BindingOrder, Order } from "#adapter";
import { bind, fetchAccess, unbind } from "./object-access.ts";
import { objectSchema } from "./object-plan.ts";
import { checkObjects, fetchContainer, inventory, usage } from "./object-state.ts";
import type { Offer } from "./offer.ts";
import { provision, update } from "./provision-container.ts";
import { deprovision } from "./remove-container.ts";

export const objectStorage: Offer = {
  kind: "object-storage",
  backend: objectSchema,
  open: (cloud) => ({
    provision: (order, tools) => provision(cloud, order, tools),
    update: (order, tools) => update(cloud, order, tools),
    deprovision: (order, tools) => deprovision(cloud, order, null, tools),
    poll: (order, handle, tools) => deprovision(cloud, order, handle, tools),
    bind: (order, tools) => bind(cloud, order, tools),
    unbind: (order, tools) => unbind(cloud, order, tools),
    fetch: (order, tools) =>
      isBinding(order) ? fetchAccess(cloud, order, tools) : fetchContainer(cloud, order, tools),
    usage: (order, _period, tools) => usage(cloud, order, tools),
    check: (signal) => checkObjects(cloud, signal),
    inventory: (signal) => inventory(cloud, signal),
  }),
};

function isBinding(order: Order | BindingOrder): order is BindingOrder {
  return "binding" in order;
}

/** Database as a service on an operator's PostgreSQL server, 15 to 18. */
import type { AdapterKind, BindingOrder, Order } from "#adapter";
import { bind, fetchBinding, unbind } from "./access.ts";
import { check } from "./check.ts";
import { deprovision, fetchInstance, provision, update, usage } from "./instance.ts";
import { inventory } from "./inventory.ts";
import { connectTo } from "./server.ts";
import { backendSchema, readAccount, settingsSchema } from "./settings.ts";

const kind: AdapterKind = {
  name: "postgresql",
  settings: settingsSchema,
  secrets: ["password"],
  backend: backendSchema,
  async open(settings) {
    const server = connectTo(readAccount(settings));
    return {
      provision: (order, tools) => provision(server, order, tools),
      update: (order, tools) => update(server, order, tools),
      deprovision: (order, tools) => deprovision(server, order, tools),
      bind: (order, tools) => bind(server, order, tools),
      unbind: (order, tools) => unbind(server, order, tools),
      fetch: (order, tools) =>
        isBinding(order) ? fetchBinding(server, order, tools) : fetchInstance(server, order, tools),
      usage: (order, _period, tools) => usage(server, order, tools),
      check: (signal) => check(server, signal),
      inventory: (signal) => inventory(server, signal),
    };
  },
};

export default kind;

function isBinding(order: Order | BindingOrder): order is BindingOrder {
  return "binding" in order;
}

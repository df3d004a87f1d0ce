/** Managed PostgreSQL at AWS: one RDS server for every instance, one database role for every binding. */
import type { AdapterKind, BindingOrder, Order } from "#adapter";
import { bind, fetchBinding, unbind } from "./access.ts";
import { deprovision, type Provider, provision, update } from "./instance.ts";
import { check, fetchInstance, inventory, usage } from "./looking.ts";
import { openRds } from "./rds.ts";
import { backendSchema, readAccount, settingsSchema } from "./settings.ts";

const kind: AdapterKind = {
  name: "aws",
  settings: settingsSchema,
  secrets: ["secretAccessKey"],
  destinations: ["endpoint", "ca", "region", "accessKeyId"],
  backend: backendSchema,
  async open(settings) {
    const account = readAccount(settings);
    const provider: Provider = { account, rds: await openRds(account) };
    return {
      provision: (order, tools) => provision(provider, order, tools),
      update: (order, tools) => update(provider, order, tools),
      deprovision: (order, tools) => deprovision(provider, order, tools),
      bind: (order, tools) => bind(provider, order, tools),
      unbind: (order, tools) => unbind(provider, order, tools),
      fetch: (order, tools) =>
        isBinding(order) ? fetchBinding(provider, order, tools) : fetchInstance(provider, order, tools),
      usage: (order, period, tools) => usage(provider, order, period, tools),
      check: (signal) => check(provider, signal),
      inventory: (signal) => inventory(provider, signal),
      close: async () => provider.rds.close(),
    };
  },
};

export default kind;

function isBinding(order: Order | BindingOrder): order is BindingOrder {
  return "binding" in order;
}

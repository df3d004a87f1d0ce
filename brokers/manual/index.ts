/** Orders that people carry out: each becomes a task in the inbox of the provider's account. */
import type { AdapterKind } from "#adapter";
import { change, type Desk, fulfil, remove, until } from "./fulfil.ts";
import { fetchThing, inventory } from "./inventory.ts";
import { backendSchema, readAccount, settingsSchema } from "./settings.ts";

const kind: AdapterKind = {
  name: "manual",
  settings: settingsSchema,
  secrets: [],
  backend: backendSchema,
  async open(settings, house) {
    if (house === undefined)
      throw new Error("accounts of this adapter are named in lotse.yaml: only for those Lotse keeps an inbox.");
    const desk: Desk = { inbox: house.inbox, account: readAccount(settings) };
    return {
      provision: (order, tools) => fulfil(desk, order, tools),
      update: (order, tools) => change(desk, order, tools),
      deprovision: (order, tools) => remove(desk, order, tools),
      bind: (order, tools) => fulfil(desk, order, tools),
      unbind: (order, tools) => remove(desk, order, tools),
      fetch: (order, tools) => fetchThing(desk, order, tools),
      inventory: (signal) => inventory(desk, signal),
      async check(signal) {
        try {
          await until({ signal }, desk.inbox.all());
          return undefined;
        } catch {
          return "The inbox cannot be read: Lotse's own database does not answer. See its log, and /readyz.";
        }
      },
    };
  },
};

export default kind;

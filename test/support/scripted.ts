/** A back end that does what a test tells it to, and remembers what exists: for faults no real system makes on demand. */
import type { Adapter, BindingOrder, Order, Outcome, Tools, Verb } from "../../src/core/adapter.ts";

export type Act = (order: Order | BindingOrder, tools: Tools) => Outcome | Promise<Outcome>;

export interface Scripted {
  readonly adapter: Adapter;
  /** What exists: instance ids, and `instance/binding` for bindings. */
  readonly inventory: Set<string>;
  /** Every call, in order: `verb id`. */
  readonly calls: string[];
  /** What the next calls of a verb do instead of simply succeeding; used up one by one. */
  readonly script: { readonly [V in Verb | "poll"]: Act[] };
  /** Does what the verb does at once. */
  readonly succeed: Act;
}

export function createScripted(): Scripted {
  const inventory = new Set<string>();
  const calls: string[] = [];
  const script: Scripted["script"] = { provision: [], update: [], deprovision: [], bind: [], unbind: [], poll: [] };

  const succeed: Act = (order) => {
    const id = nameOf(order);
    switch (order.verb) {
      case "provision":
        inventory.add(id);
        return {
          state: "done",
          made: { dashboardUrl: `https://dashboard.example/${id}`, facts: { token: order.token } },
        };
      case "bind":
        inventory.add(id);
        return { state: "done", made: { access: { credentials: { password: `secret-of-${order.token}` } } } };
      case "deprovision":
        for (const name of inventory) if (name === id || name.startsWith(`${id}/`)) inventory.delete(name);
        return { state: "done" };
      case "unbind":
        inventory.delete(id);
        return { state: "done" };
      case "update":
        return { state: "done" };
    }
  };

  const act = (verb: Verb | "poll", order: Order | BindingOrder, tools: Tools): Promise<Outcome> => {
    calls.push(`${verb} ${nameOf(order)}`);
    const next = script[verb].shift() ?? succeed;
    return Promise.resolve(next(order, tools));
  };

  return {
    inventory,
    calls,
    script,
    succeed,
    adapter: {
      provision: async (order, tools) => act("provision", order, tools),
      update: async (order, tools) => act("update", order, tools),
      deprovision: async (order, tools) => act("deprovision", order, tools),
      bind: async (order, tools) => act("bind", order, tools),
      unbind: async (order, tools) => act("unbind", order, tools),
      poll: async (order, _handle, tools) => act("poll", order, tools),
    },
  };
}

function nameOf(order: Order | BindingOrder): string {
  return "binding" in order ? `${order.instance.id}/${order.binding.id}` : order.instance.id;
}

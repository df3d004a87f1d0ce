/** Orders carried out by OpenTofu: a plan names a module, and what the module makes is the instance. */
import type { AdapterKind } from "#adapter";
import { check, checkBinary } from "./check.ts";
import { checkPlan } from "./check-plan.ts";
import type { Desk } from "./desk.ts";
import { thisHost } from "./holder.ts";
import { inventory } from "./inventory.ts";
import { backendSchema } from "./plan.ts";
import { readAccount, secrets, settingsSchema } from "./settings.ts";
import { apply, bind, fetchThing, remove, unbind } from "./verbs.ts";

const kind: AdapterKind = {
  name: "opentofu",
  settings: settingsSchema,
  secrets,
  backend: backendSchema,
  async open(settings, house) {
    if (house === undefined)
      throw new Error("accounts of this adapter are named in lotse.yaml: only for those Lotse keeps states.");
    const account = readAccount(settings);
    await checkBinary(account.binary);
    const closing = new AbortController();
    const desk: Desk = {
      account,
      states: house.states,
      runs: new Map(),
      places: { taken: 0 },
      host: thisHost(),
      closing: closing.signal,
    };
    return {
      provision: (order, tools) => apply(desk, order, tools),
      update: (order, tools) => apply(desk, order, tools),
      deprovision: (order, tools) => remove(desk, order, tools),
      bind: (order, tools) => bind(desk, order, tools),
      unbind: (order, tools) => unbind(desk, order, tools),
      fetch: (order, tools) => fetchThing(desk, order, tools),
      inventory: (signal) => inventory(desk, signal),
      check: (signal) => check(desk, signal),
      checkPlan: (plan, signal) => checkPlan(account, plan, signal),
      async close() {
        closing.abort(new Error("The account is being closed."));
      },
    };
  },
};

export default kind;

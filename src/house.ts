/** What Lotse keeps for provider accounts that have no system of their own. */
import type { House } from "./core/adapter.ts";
import type { Catalog } from "./core/catalog.ts";
import type { JsonObject } from "./core/json.ts";
import { createInbox, type InboxParts } from "./store/inbox.ts";
import { createStates } from "./store/states.ts";

/** By account. `catalog` is asked when an order comes, so it may be made later than the houses. */
export function createHouses(parts: Omit<InboxParts, "describe">, catalog: () => Catalog): (account: string) => House {
  const describe: InboxParts["describe"] = (planId, verb) => {
    const placement = catalog().placements.get(planId);
    if (placement === undefined) return { title: planId };
    const { offering, plan } = placement;
    const { create, update, bind } = plan.schemas;
    const form = verb === "update" ? update : verb === "bind" ? bind : create;
    const title = `${displayName(offering)}, ${displayName(plan)}`;
    return { title, ...(form !== undefined && { form }) };
  };
  return (account) => ({
    inbox: createInbox({ ...parts, describe }, account),
    states: createStates(parts, account),
  });
}

function displayName({ name, metadata }: { readonly name: string; readonly metadata: JsonObject }): string {
  return typeof metadata.displayName === "string" ? metadata.displayName : name;
}

/** The store alone: one durable commit of an order's three rows, with nothing before or after it. */
import { buildCatalog } from "../../src/catalog/build-catalog.ts";
import { newIds } from "../../src/configured-store.ts";
import type { Offering } from "../../src/core/model.ts";
import { decideProvision } from "../../src/core/provision.ts";
import { Secret } from "../../src/core/secret.ts";
import { defaultSwitches } from "../../src/core/switches.ts";
import { openStore } from "../../src/store/open.ts";
import { openSeal } from "../../src/store/seal.ts";
import { offeringId, parameters, planId } from "../harness/offerings.ts";
import type { Work } from "../harness/work.ts";

const plan = {
  id: planId(0, 0),
  offeringId: offeringId(0),
  name: "plan",
  description: "",
  free: true,
  bindable: false,
  bindingRotatable: false,
  planUpdateable: false,
  maximumPollingDuration: 3600,
  schemas: {},
  metadata: {},
  provider: "bench",
  backend: {},
  execution: "sync",
  requiresApp: false,
} as const;
const offering: Offering = {
  id: offeringId(0),
  name: "offering",
  description: "",
  bindable: false,
  planUpdateable: false,
  allowContextUpdates: false,
  metadata: {},
  plans: [plan],
};

export async function openWork(folder: string): Promise<Work> {
  const seal = openSeal([{ id: "bench", key: Buffer.alloc(32, 7) }]);
  const { store } = await openStore({ databaseUrl: "", dataDir: folder }, seal);
  const placement = buildCatalog([offering], [], new Map()).placements.get(plan.id);
  const newId = newIds();
  const world = { placement, orderable: true, instance: undefined, operation: undefined };
  const caller = { platform: { id: "bench", name: "bench" }, requestId: "request" };
  return {
    once: async () => {
      const ask = {
        caller,
        instanceId: newId(),
        offeringId: offering.id,
        planId: plan.id,
        organization: "organization",
        space: "space",
        parameters: new Secret(parameters.small),
        context: { platform: "benchmark" },
        acceptsIncomplete: true,
      };
      const lease = { owner: "bench", until: 0 };
      const moment = { now: Date.now(), token: newId(), uid: newId(), lease, switches: defaultSwitches };
      const decision = decideProvision(world, ask, moment);
      if (decision.say !== "begin" || !(await store.apply(decision.changes))) throw new Error("nothing was written");
    },
  };
}

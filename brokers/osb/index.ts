/** Any OSB broker as a provider: Lotse is its platform. */
import type { AdapterKind } from "#adapter";
import { adopt } from "./adopt.ts";
import { createCarrier } from "./carry.ts";
import { readCatalog } from "./catalog.ts";
import { check } from "./check.ts";
import { connectTo } from "./client.ts";
import { downstreamId } from "./ids.ts";
import { backendSchema, destinations, readAccount, secrets, settingsSchema } from "./settings.ts";

const kind: AdapterKind = {
  name: "osb",
  settings: settingsSchema,
  secrets,
  destinations,
  backend: backendSchema,
  async open(settings) {
    const account = readAccount(settings);
    const downstream = connectTo(account);
    const carrier = createCarrier(account, downstream);
    return {
      provision: (order, tools) => carrier.carry(order, undefined, tools),
      update: (order, tools) => carrier.carry(order, undefined, tools),
      deprovision: (order, tools) => carrier.carry(order, undefined, tools),
      bind: (order, tools) => carrier.carry(order, undefined, tools),
      unbind: (order, tools) => carrier.carry(order, undefined, tools),
      poll: (order, handle, tools) => carrier.carry(order, handle, tools),
      fetch: (order, tools) => carrier.fetch(order, tools),
      check: (signal) => check(account, downstream, signal),
      catalog: (etag, signal) => readCatalog(downstream, etag, signal),
      adopt: (order, reference, tools) => adopt(account, downstream, order, reference, tools),
      referenceOf: downstreamId,
      close: () => downstream.close(),
    };
  },
};

export default kind;

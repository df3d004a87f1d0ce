/** Object storage at anybody who speaks S3: a bucket for every instance, a user with a key of its own for every binding. */
import type { Adapter, AdapterKind, BindingOrder, Order } from "#adapter";
import { bind, fetchBinding, unbind } from "./access.ts";
import { deprovision, provision, update } from "./instance.ts";
import { check, fetchBucket, inventory, usage } from "./looking.ts";
import { openProvider, type Provider } from "./provider.ts";
import { backendSchema, readAccount, settingsSchema } from "./settings.ts";

const kind: AdapterKind = {
  name: "s3",
  settings: settingsSchema,
  secrets: ["secretAccessKey"],
  destinations: ["endpoint", "iamEndpoint", "ca", "region", "accessKeyId"],
  backend: backendSchema,
  async open(settings) {
    const provider = await openProvider(readAccount(settings));
    return { ...forBuckets(provider), ...forKeys(provider) };
  },
};

export default kind;

function forBuckets(provider: Provider): Adapter {
  return {
    provision: (order, tools) => provision(provider, order, tools),
    update: (order, tools) => update(provider, order, tools),
    deprovision: (order, tools) => deprovision(provider, order, null, tools),
    poll: (order, handle, tools) => deprovision(provider, order, handle, tools),
    fetch: (order, tools) => fetchBucket(provider, order, tools),
    usage: (order, _period, tools) => usage(provider, order, tools),
    check: (signal) => check(provider, signal),
    inventory: (signal) => inventory(provider, signal),
    close: async () => {
      provider.buckets.close();
      provider.keys?.close();
    },
  };
}

function forKeys(provider: Provider): Pick<Adapter, "bind" | "unbind" | "fetch"> {
  const { keys } = provider;
  if (keys === undefined) return {};
  return {
    bind: (order, tools) => bind(provider, keys, order, tools),
    unbind: (order, tools) => unbind(keys, order, tools),
    fetch: (order, tools) =>
      isBinding(order) ? fetchBinding(keys, order, tools) : fetchBucket(provider, order, tools),
  };
}

function isBinding(order: Order | BindingOrder): order is BindingOrder {
  return "binding" in order;
}

/** Software of any vendor who implements openapi/saas-provider.json, or whose own API a mapping describes. */
import type { AdapterKind } from "#adapter";
import { readCallback } from "./callback.ts";
import { createCarrier } from "./carry.ts";
import { connectTo } from "./client.ts";
import { check, fetch, inventory, usage } from "./look.ts";
import { backendSchema, destinations, readAccount, secrets, settingsSchema } from "./settings.ts";

const kind: AdapterKind = {
  name: "saas",
  settings: settingsSchema,
  secrets,
  destinations,
  backend: backendSchema,
  async open(settings) {
    const account = readAccount(settings);
    const { mapping } = account;
    const vendor = connectTo(account);
    const { carry } = createCarrier(account, vendor);
    const looked = mapping.subscription !== undefined && (mapping.grant === undefined || mapping.access !== undefined);
    return {
      provision: (order, tools) => carry(order, undefined, tools),
      deprovision: (order, tools) => carry(order, undefined, tools),
      poll: carry,
      ...(mapping.change !== undefined && { update: (order, tools) => carry(order, undefined, tools) }),
      ...(mapping.grant !== undefined &&
        mapping.revoke !== undefined && {
          bind: (order, tools) => carry(order, undefined, tools),
          unbind: (order, tools) => carry(order, undefined, tools),
        }),
      ...(looked && { fetch: (order, tools) => fetch(account, vendor, order, tools) }),
      ...(mapping.list !== undefined && { inventory: (signal) => inventory(account, vendor, signal) }),
      ...(mapping.usage !== undefined && {
        usage: (order, period, tools) => usage(account, vendor, order, period, tools),
      }),
      ...(account.callbackKeys.length > 0 && {
        callback: (request, now) => readCallback(account.callbackKeys, mapping.callback?.key, request, now),
      }),
      check: (signal) => check(account, vendor, signal),
      close: () => vendor.close(),
    };
  },
};

export default kind;

/** Software of the demonstration's vendor: an account, and what a customer does with it. */
import assert from "node:assert/strict";
import type { JsonObject } from "../../src/core/adapter.ts";
import type { Ware } from "./cloud-wares.ts";
import type { Ids } from "./shop-window.ts";
import { signIn, type VendorClient, type VendorProcess } from "./vendor.ts";

export function softwareAccount(url: string, secret: string): JsonObject {
  const token = { env: secret };
  return { adapter: "saas", settings: { url, token, busyMs: 200, settleMs: 200 } };
}

interface Subscription {
  readonly id: string;
  readonly product: string;
  readonly plan: string;
}

export function softwareWare(
  what: string,
  product: string,
  { url }: VendorProcess,
  { token }: VendorClient,
  ids: Ids,
): Ware {
  async function subscriptions(): Promise<readonly Subscription[]> {
    const answer = await fetch(`${url}/subscriptions`, { headers: { authorization: `Bearer ${token}` } });
    const { subscriptions: all } = (await answer.json()) as { readonly subscriptions: readonly Subscription[] };
    return all.filter((one) => one.product === product);
  }
  return {
    ...ids,
    what,
    parameters: {},
    async use(access) {
      const { status, body } = await signIn(access);
      assert.equal(status, 200, "the application lets the binding in");
      assert.equal(body.product, product);
    },
    opens: async (access) => (await signIn(access)).status === 200,
    async isLarge() {
      for (const { plan } of await subscriptions()) assert.equal(plan, "large");
    },
    things: async () => (await subscriptions()).map(({ id }) => id),
    inventory: async () => (await subscriptions()).map((one) => JSON.stringify(one)),
  };
}

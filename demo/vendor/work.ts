/** Finishes orders that take a while, and calls the client back when one is over. Everything is in the store, so a vendor
 *  that was stopped goes on where it was. */
import { createHmac, randomUUID } from "node:crypto";
import type { Order, Store, Subscription } from "./store.ts";

export interface Work {
  /** Something may be due earlier than it was. */
  wake(): void;
  stop(): void;
}

/** After these many calls that nobody took, the client is left to ask. */
const mostCalls = 8;
const callLimitMs = 10_000;

/** `secretOf` a client, for signatures. */
export function startWork(store: Store, secretOf: (client: string) => Buffer | undefined): Work {
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;

  function turn(): void {
    const now = Date.now();
    store.together(() => {
      for (const order of store.dueOrders(now)) finish(order, now);
    });
    for (const order of store.dueCallbacks(now)) call(order, now);
    const next = store.nextDue()?.at ?? undefined;
    clearTimeout(timer);
    if (next !== undefined && !stopped) timer = setTimeout(turn, Math.max(next - Date.now(), 5));
  }

  function finish(order: Order, now: number): void {
    const subscription = store.subscription(order.client, order.subscription);
    if (order.target !== null) store.putSubscription(JSON.parse(order.target) as Subscription);
    else if (subscription?.state === "ordered") store.putSubscription({ ...subscription, state: "active" });
    store.putOrder({ ...order, state: "completed", callback_at: order.callback_url === null ? null : now });
  }

  /** Written down as tried first: a call that hangs is not made twice at once. */
  function call(order: Order, now: number): void {
    const secret = secretOf(order.client);
    const tries = order.callback_tries + 1;
    const again = tries < mostCalls && secret !== undefined ? now + 1000 * 2 ** tries : null;
    store.putOrder({ ...order, callback_tries: tries, callback_at: again });
    if (secret === undefined || order.callback_url === null) return;
    void deliver(order.callback_url, secret, order).then((taken) => {
      const fresh = stopped ? undefined : store.order(order.client, order.id);
      if (taken && fresh !== undefined) store.putOrder({ ...fresh, callback_at: null });
    });
  }

  turn();
  return {
    wake: turn,
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}

/** Standard Webhooks. True: it was taken. */
async function deliver(url: string, secret: Buffer, { id, key, subscription, state }: Order): Promise<boolean> {
  const body = JSON.stringify({
    type: "order.finished",
    timestamp: new Date().toISOString(),
    data: { key, order: id, subscription, state },
  });
  const message = `msg_${randomUUID()}`;
  const seconds = String(Math.floor(Date.now() / 1000));
  const signature = createHmac("sha256", secret).update(`${message}.${seconds}.${body}`).digest("base64");
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "webhook-id": message,
        "webhook-timestamp": seconds,
        "webhook-signature": `v1,${signature}`,
      },
      body,
      signal: AbortSignal.timeout(callLimitMs),
    });
    return response.ok;
  } catch {
    return false;
  }
}

/**
 * The five things a client may ask for. Each is an order under the client's key; the same key again gives the same order.
 * What was cancelled or taken back never comes back, and a removal may name a key whose request was given up: if that
 * arrives after all, it does nothing.
 */
import { createHash, randomUUID } from "node:crypto";
import { type Fields, isFields, Problem } from "./http.ts";
import { productOf } from "./products.ts";
import type { Order, Store, Subscription } from "./store.ts";

export interface Asked {
  readonly client: string;
  readonly key: string;
  readonly subscription: string;
  readonly access?: string;
  readonly body: Fields;
  /** Of a removal: the key of a request that was given up. */
  readonly withdraws?: string;
  readonly now: number;
  /** How long it takes to set up what takes a while, in ms. */
  readonly workMs: number;
}

export type Action = Exclude<Order["action"], "withdrawn">;
type Draft = Omit<
  Order,
  "id" | "client" | "key" | "subscription" | "access" | "callback_url" | "callback_at" | "callback_tries"
>;

/** Gives the order of this key, made now or earlier. Throws a Problem where nothing was changed. */
export function take(store: Store, action: Action, asked: Asked): Order {
  return store.together(() => {
    const { client, key, subscription, access = null, body } = asked;
    const known = store.orderByKey(client, key);
    if (known?.action === "withdrawn") throw new Problem(410, "withdrawn", "This request was withdrawn.");
    if (known !== undefined) {
      if (known.action === action && known.subscription === subscription && known.access === access) return known;
      throw new Problem(422, "key-reused", "This Idempotency-Key was used for another request.");
    }
    const draft = actions[action](store, asked);
    const callbackUrl = typeof body.callbackUrl === "string" ? body.callbackUrl : null;
    const order: Order = {
      id: randomUUID(),
      client,
      key,
      subscription,
      access,
      callback_url: callbackUrl,
      callback_at: null,
      callback_tries: 0,
      ...draft,
    };
    store.putOrder(order);
    return order;
  });
}

const actions: { readonly [A in Action]: (store: Store, asked: Asked) => Draft } = {
  order(store, asked) {
    const { client, key, subscription: id, now, workMs } = asked;
    const known = store.subscription(client, id);
    if (known?.state === "cancelled") throw new Problem(410, "cancelled", "This subscription was cancelled.");
    if (known !== undefined) throw new Problem(422, "exists", "This subscription was ordered under another key.");
    const terms = termsOf(asked.body);
    const { slow } = productOf(terms.product);
    store.putSubscription({ client, id, ...terms, state: slow ? "ordered" : "active", key });
    return { ...draftOf("order", now), ...(slow && { state: "in-progress", due_at: now + workMs }) };
  },
  change(store, asked) {
    const { client, key, now, workMs } = asked;
    const known = usable(store, asked);
    const terms = termsOf(asked.body);
    if (terms.product !== known.product) throw new Problem(422, "product", "A change cannot lead to another product.");
    if (store.accesses(client, known.id).length > terms.seats)
      throw new Problem(422, "capacity", `More than ${terms.seats} accesses are in use. Take some back first.`);
    const target: Subscription = { ...known, ...terms, key };
    if (productOf(terms.product).slow)
      return { ...draftOf("change", now), state: "in-progress", due_at: now + workMs, target: JSON.stringify(target) };
    store.putSubscription(target);
    return draftOf("change", now);
  },
  cancel(store, asked) {
    const { client, key, subscription: id, now } = asked;
    const known = store.subscription(client, id);
    const withdrawn = withdraw(store, asked);
    if (known === undefined && withdrawn) return draftOf("cancel", now);
    if (known === undefined) throw new Problem(404, "not-found", "There is no such subscription.");
    const open = store.underWay(client, id);
    if (open !== undefined) store.putOrder({ ...open, state: "rejected", reason: "The order was withdrawn." });
    store.putSubscription({ ...known, state: "cancelled", key });
    store.revokeAll(client, id);
    store.forget(id);
    return draftOf("cancel", now);
  },
  grant(store, asked) {
    const { client, subscription, access: id = "", body, now } = asked;
    const known = usable(store, asked);
    const former = store.access(client, subscription, id);
    if (former?.state === "revoked") throw new Problem(410, "revoked", "This access was taken back.");
    if (former !== undefined) throw new Problem(422, "exists", "This access was given under another key.");
    if (store.accesses(client, subscription).length >= known.seats)
      throw new Problem(
        422,
        "capacity",
        `All ${known.seats} seats are taken. Take an access back, or change the plan.`,
      );
    const { password, parameters } = body;
    if (typeof password !== "string" || password.length < 16)
      throw new Problem(422, "password", "A password of 16 characters or more is needed.");
    const role = isFields(parameters) && parameters.role === "reader" ? "reader" : "member";
    const username = `user-${id}`;
    store.putAccess({ client, subscription, id, username, hash: hashOf(password), role, state: "active" });
    return draftOf("grant", now);
  },
  revoke(store, asked) {
    const { client, subscription, access: id = "", now } = asked;
    const known = store.access(client, subscription, id);
    const withdrawn = withdraw(store, asked);
    if (known === undefined && !withdrawn) throw new Problem(404, "not-found", "There is no such access.");
    if (known !== undefined) store.putAccess({ ...known, hash: "", state: "revoked" });
    return draftOf("revoke", now);
  },
};

/** False: no request was named. One that has not arrived yet will find its key used. */
function withdraw(store: Store, { client, withdraws: key, subscription, access, now }: Asked): boolean {
  if (key === undefined) return false;
  if (store.orderByKey(client, key) !== undefined) return true;
  const nothing = { reason: null, target: null, callback_url: null, callback_at: null, callback_tries: 0 };
  const about = { client, key, subscription, access: access ?? null, due_at: now };
  store.putOrder({ id: randomUUID(), action: "withdrawn", state: "rejected", ...about, ...nothing });
  return true;
}

function draftOf(action: Action, now: number): Draft {
  return { action, state: "completed", reason: null, target: null, due_at: now };
}

/** There, whole, and nobody is changing it. */
function usable(store: Store, { client, subscription }: Asked): Subscription {
  const known = store.subscription(client, subscription);
  if (known === undefined) throw new Problem(404, "not-found", "There is no such subscription.");
  if (known.state === "cancelled") throw new Problem(410, "cancelled", "This subscription was cancelled.");
  if (store.underWay(client, subscription) !== undefined)
    throw new Problem(409, "under-way", "An earlier order is still under way.", { "retry-after": "1" });
  return known;
}

const titles = /^[\p{L}\p{N} .,&()-]{1,60}$/u;

function termsOf(body: Fields): Pick<Subscription, "product" | "plan" | "seats" | "title"> {
  const { product, plan = "standard", options, parameters } = body;
  if (typeof product !== "string" || typeof plan !== "string")
    throw new Problem(400, "malformed", "product and plan must be texts.");
  const { name } = productOf(product);
  const wanted = isFields(parameters) ? (parameters.title ?? name) : name;
  if (typeof wanted !== "string" || !titles.test(wanted))
    throw new Problem(422, "title", `"${wanted}" is no title: up to 60 letters, digits and spaces. Choose another.`);
  const seats = isFields(options) && Number.isInteger(options.seats) ? Number(options.seats) : 10;
  return { product, plan, seats, title: wanted };
}

/** Lotse's passwords are 32 random bytes, which nobody guesses; so a quick hash will do. */
export const hashOf = (password: string): string => createHash("sha256").update(password).digest("base64url");

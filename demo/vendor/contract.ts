/** The routes of openapi/saas-provider.json. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { Problem, readBody, readFields, sendJson } from "./http.ts";
import { type Action, take } from "./orders.ts";
import type { Order, Store } from "./store.ts";
import type { Work } from "./work.ts";

export interface ContractParts {
  readonly store: Store;
  readonly work: Work;
  /** Who has this token. */
  readonly clientOf: (token: string) => string | undefined;
  /** Where customers sign in. */
  readonly appUrl: (subscription: string) => string;
  /** How long it takes to set up what takes a while, in ms. */
  readonly workMs: number;
}

const actions: Readonly<Record<string, readonly [onSubscription: Action | undefined, onAccess: Action | undefined]>> = {
  PUT: ["order", "grant"],
  PATCH: ["change", undefined],
  DELETE: ["cancel", "revoke"],
};
const ids = /^[A-Za-z0-9_-]{1,64}$/;

/** `path` is decoded and split. */
export async function answerContract(
  parts: ContractParts,
  path: readonly string[],
  query: URLSearchParams,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { store, work, clientOf } = parts;
  const client = clientOf(/^Bearer (.+)$/i.exec(request.headers.authorization ?? "")?.[1] ?? "");
  if (client === undefined)
    throw new Problem(401, "unauthorized", "The bearer token is not known.", { "www-authenticate": "Bearer" });
  const [first, id = "", second, access = ""] = path;
  const about = `${first}/${path.length > 1 ? "id" : ""}${second === undefined ? "" : `/${second}`}`;
  if (request.method === "GET") return sendJson(response, 200, read(parts, client, about, path, query));
  const onAccess = about === "subscriptions/id/accesses" && path.length === 4;
  if (
    !(onAccess || (about === "subscriptions/id" && path.length === 2)) ||
    !ids.test(id) ||
    (onAccess && !ids.test(access))
  )
    throw new Problem(404, "not-found", "There is nothing at this path.");
  const action = actions[request.method ?? ""]?.[onAccess ? 1 : 0];
  if (action === undefined) throw new Problem(405, "method", "This cannot be done here.");
  const key = request.headers["idempotency-key"];
  if (typeof key !== "string" || key === "" || key.length > 128)
    throw new Problem(400, "key", "An Idempotency-Key of up to 128 characters is needed.");
  const sent = await readBody(request);
  const callbackUrl = query.get("callbackUrl");
  const withdraws = query.get("withdraws");
  const body = sent.length > 0 ? readFields(sent) : { ...(callbackUrl !== null && { callbackUrl }) };
  const order = take(store, action, {
    client,
    key,
    subscription: id,
    ...(onAccess && { access }),
    body,
    ...(withdraws !== null && { withdraws }),
    now: Date.now(),
    workMs: parts.workMs,
  });
  work.wake();
  const password = typeof body.password === "string" ? body.password : undefined;
  sendJson(response, order.state === "in-progress" ? 202 : 200, orderWords(parts, order, password));
}

/** A password is not kept: it is in the answer because it was in the request. */
function orderWords({ store, appUrl }: ContractParts, order: Order, password?: string): object {
  const { id, key, state, reason, client, subscription } = order;
  const access = order.action === "grant" ? store.access(client, subscription, order.access) : undefined;
  return {
    id,
    key,
    state,
    ...(state === "in-progress" && { note: "Wird eingerichtet." }),
    ...(reason !== null && { reason }),
    ...(order.action === "order" && { dashboardUrl: appUrl(subscription) }),
    ...(access !== undefined &&
      password !== undefined && {
        access: { credentials: { uri: appUrl(subscription), username: access.username, password } },
      }),
  };
}

function read(
  parts: ContractParts,
  client: string,
  about: string,
  path: readonly string[],
  query: URLSearchParams,
): object {
  const { store, appUrl } = parts;
  const [, id = "", , access = ""] = path;
  if (about === "subscriptions/") return list(store, client, query);
  if (about === "orders/id") {
    const order = store.order(client, id);
    if (order !== undefined) return orderWords(parts, order);
  }
  const known = store.subscription(client, id);
  if (known !== undefined) {
    const { product, plan, state, key, title } = known;
    if (about === "subscriptions/id")
      return { id, product, plan, state, key, name: `${product} "${title}"`, dashboardUrl: appUrl(id) };
    if (about === "subscriptions/id/usage") return usage(store, id, known.seats, query);
    const row = about === "subscriptions/id/accesses" ? store.access(client, id, access) : undefined;
    if (row !== undefined) return { id: access, state: row.state };
  }
  throw new Problem(404, "not-found", "There is nothing at this path.");
}

function list(store: Store, client: string, query: URLSearchParams): object {
  const limit = Math.min(Math.max(Number(query.get("limit") ?? 100) || 100, 1), 100);
  const rows = store.page(client, query.get("cursor") ?? "", limit);
  const last = rows.length === limit ? rows.at(-1)?.id : undefined;
  return {
    subscriptions: rows.map(({ id, product, plan, state, key, title }) => ({
      id,
      product,
      plan,
      state,
      key,
      name: `${product} "${title}"`,
      accesses: store.accesses(client, id).map((access) => ({ id: access.id, state: access.state })),
    })),
    ...(last !== undefined && { next: last }),
  };
}

function usage(store: Store, id: string, seats: number, query: URLSearchParams): object {
  const [from, to] = [Date.parse(query.get("from") ?? ""), Date.parse(query.get("to") ?? "")];
  if (Number.isNaN(from) || Number.isNaN(to)) throw new Problem(400, "period", "from and to must be times.");
  const now = new Date().toISOString();
  return {
    usage: [
      { meter: "sign-ins", quantity: String(store.signIns(id, from, to)?.count ?? 0), unit: "Sign-ins" },
      { meter: "seats", quantity: String(seats), unit: "Users", from: now, to: now },
    ],
  };
}

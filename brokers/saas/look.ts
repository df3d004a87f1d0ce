/** Looking at what is at the vendor, changing nothing. */
import type { Found, Json, JsonObject, Made, Order, Period, Tools, Usage } from "#adapter";
import type { Answer, Vendor } from "./client.ts";
import { judge } from "./judge.ts";
import { madeOf } from "./made.ts";
import { type AnyOrder, isBinding, scopeOf, tokenIn } from "./scope.ts";
import type { Account } from "./settings.ts";
import { textAt, valueAt } from "./template.ts";

/** Undefined, or what is wrong with the account and what to do. */
export async function check(account: Account, vendor: Vendor, signal: AbortSignal): Promise<string | undefined> {
  try {
    const { status } = await vendor.ask(account.mapping.ping, {}, signal);
    if (status === 401 || status === 403)
      return `The vendor at ${account.url} refuses the credentials (${status}). Check token, username and password, or clientId and clientSecret.`;
    if (status < 200 || status >= 300)
      return `The address ${account.url} does not answer like a vendor's (${status}). Check url.`;
    if (account.mapping.list !== undefined) await page(account, vendor, account.mapping.list.answer.items, {}, signal);
    return undefined;
  } catch (error) {
    return `The vendor at ${account.url} cannot be used: ${error instanceof Error ? error.message : "no answer"} Check url and ca.`;
  }
}

/** An address where nothing is says 404 to everything; believing it would mean to forget what is there. */
export async function answersAsVendor(vendor: Vendor, account: Account, signal: AbortSignal): Promise<boolean> {
  const { status, body } = await vendor.ask(account.mapping.ping, {}, signal);
  return status >= 200 && status < 300 && body !== undefined;
}

export async function fetch(
  account: Account,
  vendor: Vendor,
  order: AnyOrder,
  tools: Tools,
): Promise<Made | undefined> {
  const request = isBinding(order) ? account.mapping.access : account.mapping.subscription;
  if (request === undefined) throw new Error("The vendor does not let this be looked at.");
  const { answer: reading = {} } = request;
  const answer = await vendor.ask(request, scopeOf(order, account), tools.signal);
  const { is } = judge("look", answer, reading);
  if (is === "done" || is === "under way") return madeOf(order, answer.body, reading);
  if (is === "gone") return undefined;
  if (is === "absent" && (await answersAsVendor(vendor, account, tools.signal))) return undefined;
  throw notTold(answer);
}

// A vendor whose pages never end would be read without end.
const mostPages = 10_000;

/** Every subscription and access made for this account: read whole, or thrown. */
export async function inventory(account: Account, vendor: Vendor, signal: AbortSignal): Promise<readonly Found[]> {
  const { list } = account.mapping;
  if (list === undefined) throw new Error("The mapping names no request for a list.");
  const found: Found[] = [];
  let cursor: string | undefined;
  for (let pages = 0; pages < mostPages; pages++) {
    const scope: JsonObject = cursor === undefined ? {} : { cursor };
    const { items, body } = await page(account, vendor, list.answer.items, scope, signal);
    for (const item of items) found.push(...foundIn(item, list.answer));
    const next = textAt(body, list.answer.next);
    if (next === undefined || next === cursor) return found;
    cursor = next;
  }
  throw new Error("The vendor's list does not end.");
}

async function page(account: Account, vendor: Vendor, at: string, scope: JsonObject, signal: AbortSignal) {
  const { list } = account.mapping;
  if (list === undefined) throw new Error("The mapping names no request for a list.");
  const answer = await vendor.ask(list, scope, signal);
  const items = answer.status === 200 ? valueAt(answer.body, at) : undefined;
  if (!Array.isArray(items)) throw notTold(answer);
  return { items: items as readonly Json[], body: answer.body };
}

function foundIn(item: Json, at: NonNullable<Account["mapping"]["list"]>["answer"]): Found[] {
  const id = textAt(item, at.id);
  if (id === undefined) throw new Error("The vendor's list names a subscription without an id.");
  const key = textAt(item, at.key);
  const name = textAt(item, at.name) ?? `subscription ${id}`;
  const accesses = at.accesses === undefined ? undefined : valueAt(item, at.accesses);
  const access = (each: Json): Found[] => {
    const own = textAt(each, at.accessId);
    return own === undefined ? [] : [{ thing: "binding", id: own, instance: id, name: `access ${own} of ${name}` }];
  };
  return [
    { thing: "instance", id, name, ...(key !== undefined && { operation: tokenIn(key) }) },
    ...(Array.isArray(accesses) ? (accesses as readonly Json[]).flatMap(access) : []),
  ];
}

export async function usage(
  account: Account,
  vendor: Vendor,
  order: Order,
  period: Period,
  tools: Tools,
): Promise<readonly Usage[]> {
  const { usage: request } = account.mapping;
  if (request === undefined) throw new Error("The mapping names no request for usage.");
  const [from, to] = [period.from.toISOString(), period.to.toISOString()];
  const answer = await vendor.ask(request, scopeOf(order, account, { from, to }), tools.signal);
  const items = answer.status === 200 ? valueAt(answer.body, request.answer.items) : undefined;
  if (!Array.isArray(items)) throw notTold(answer);
  return (items as readonly Json[]).map((item) => usageIn(item, request.answer, period));
}

function usageIn(item: Json, at: NonNullable<Account["mapping"]["usage"]>["answer"], period: Period): Usage {
  const [meter, quantity, unit] = [textAt(item, at.meter), textAt(item, at.quantity), textAt(item, at.unit)];
  if (meter === undefined || unit === undefined || quantity === undefined || !/^\d+(\.\d+)?$/.test(quantity))
    throw new Error("The vendor tells a usage that is no quantity with a meter and a unit.");
  const [from, to] = [timeAt(item, at.from), timeAt(item, at.to)];
  return { meter, quantity, unit, period: { from: from ?? period.from, to: to ?? period.to } };
}

function timeAt(item: Json, at: string | undefined): Date | undefined {
  const text = textAt(item, at);
  return text === undefined || Number.isNaN(Date.parse(text)) ? undefined : new Date(text);
}

const notTold = ({ status }: Answer): Error => new Error(`The vendor did not tell what is there (${status}).`);

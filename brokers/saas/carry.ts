/**
 * Carries one order out at the vendor. How far it is stands in the handle, so that any process can go on.
 *
 * | step                     | asks                                     | until                                    |
 * | ------------------------ | ---------------------------------------- | ---------------------------------------- |
 * | the verb                 | the request itself, under the token      | it is answered                           |
 * | poll, with an order      | how far the order is                     | it says completed or rejected            |
 * | poll, without one        | the request itself once more, same token | likewise                                 |
 */
import type { Json, Outcome, Tools } from "#adapter";
import type { Answer, Vendor } from "./client.ts";
import { type Deed, judge, type Refusal, refusal } from "./judge.ts";
import { answersAsVendor } from "./look.ts";
import { madeOf } from "./made.ts";
import type { Asked } from "./mapping.ts";
import { type AnyOrder, factsOf, isBinding, scopeOf } from "./scope.ts";
import type { Account } from "./settings.ts";
import { textAt, Unfit } from "./template.ts";
import { cleaned } from "./words.ts";

interface Handle {
  /** The vendor's number of the order. */
  readonly order?: string;
  /** Nothing was found to remove of what a lost request may still be making; it is asked once more. */
  readonly goneOnce?: boolean;
}

export interface Carrier {
  carry(order: AnyOrder, handle: Json | undefined, tools: Tools): Promise<Outcome>;
}

export function createCarrier(account: Account, vendor: Vendor): Carrier {
  const { mapping } = account;

  function requestFor(order: AnyOrder): Asked {
    const requests = {
      provision: mapping.order,
      update: mapping.change,
      deprovision: mapping.cancel,
      bind: mapping.grant,
      unbind: mapping.revoke,
    };
    const request = requests[order.verb];
    if (request === undefined) throw new Error(`The mapping names no request for ${order.verb}.`);
    return request;
  }

  async function send(order: AnyOrder, handle: Handle, tools: Tools): Promise<Outcome> {
    const request = requestFor(order);
    const deed: Deed = order.verb === "deprovision" || order.verb === "unbind" ? "remove" : "make";
    const password = order.verb === "bind" ? { password: tools.secret("access") } : {};
    const found = await find(order, tools);
    if (found === undefined)
      return conclude(order, handle, deed, request, await ask(request, order, password, tools), tools);
    const { number, answer } = found;
    if (order.verb === "provision" && number !== undefined && mapping.find !== undefined)
      return conclude(order, handle, deed, mapping.find, answer, tools);
    if (order.verb !== "provision" && number === undefined) {
      if (deed === "remove") return absent(order, handle, answer, tools);
      throw new Error("The vendor does not find what it was ordered to make.");
    }
    const extra = number === undefined ? password : { ...password, number };
    return conclude(order, handle, deed, request, await ask(request, order, extra, tools), tools);
  }

  /** What was made before, by an order whose answer got lost. Undefined: there is no need to look. */
  async function find(order: AnyOrder, tools: Tools): Promise<{ number?: string; answer: Answer } | undefined> {
    const { find: request } = mapping;
    if (request === undefined || factsOf(order.instance.facts).number !== undefined) return undefined;
    const answer = await ask(request, order, {}, tools);
    const missing = answer.status === 404 || answer.status === 410;
    if (!missing && (answer.status < 200 || answer.status >= 300)) return unclear(order, answer);
    const number = missing ? undefined : textAt(answer.body, request.answer?.number);
    return number === undefined ? { answer } : { answer, number };
  }

  async function look(order: AnyOrder, handle: Handle & { readonly order: string }, tools: Tools): Promise<Outcome> {
    const { status } = mapping;
    if (status === undefined) return send(order, {}, tools);
    const answer = await ask(status, order, { order: handle.order }, tools);
    const meaning = judge("look", answer, status.answer ?? {});
    // The order's number is not known any more: the request itself, said again, tells.
    if (meaning.is === "absent" || meaning.is === "gone") return send(order, {}, tools);
    return conclude(order, handle, "look", status, answer, tools);
  }

  async function conclude(
    order: AnyOrder,
    handle: Handle,
    deed: Deed,
    { answer: reading = {} }: Asked,
    answer: Answer,
    tools: Tools,
  ): Promise<Outcome> {
    const meaning = judge(deed, answer, reading);
    const removal = order.verb === "deprovision" || order.verb === "unbind";
    switch (meaning.is) {
      case "done":
        return removal ? { state: "done" } : done(order, answer, reading);
      case "gone":
        return removal ? { state: "done" } : unclear(order, answer);
      case "absent":
        return absent(order, handle, answer, tools);
      case "under way": {
        const waiting = meaning.order === undefined ? withoutOrder(handle) : { ...handle, order: meaning.order };
        const told = meaning.note === undefined ? {} : { note: cleaned(meaning.note, order, account) };
        const made = removal ? {} : madeOf(order, answer.body, { ...reading, access: null });
        return { ...pending(waiting, answer.retryAfterMs), ...told, ...(Object.keys(made).length > 0 && { made }) };
      }
      case "busy":
        return {
          ...pending(handle, answer.retryAfterMs ?? account.busyMs),
          note: "The provider is busy; trying again.",
        };
      case "misconfigured":
        throw new Error(`The vendor does not take this account: it answered ${answer.status}.`);
      case "refused":
        return refused(order, meaning, answer);
      case "unclear":
        return unclear(order, answer);
    }
  }

  function done(order: AnyOrder, answer: Answer, reading: Asked["answer"]): Outcome {
    const made = madeOf(order, answer.body, reading ?? {});
    if (isBinding(order) && made.access === undefined)
      throw new Error("The vendor says that access was given, and does not hand it out.");
    return { state: "done", made };
  }

  /** Nothing there. An order that was given up may arrive after its removal; then there is something after all. */
  async function absent(order: AnyOrder, handle: Handle, answer: Answer, tools: Tools): Promise<Outcome> {
    if (!(await answersAsVendor(vendor, account, tools.signal)))
      throw new Error("The vendor answered 404, and its address does not answer like a vendor's.");
    if (order.verb !== "deprovision" && order.verb !== "unbind")
      return refused(order, refusal(answer.body, {}, false), answer);
    if (order.interrupted === undefined || handle.goneOnce === true) return { state: "done" };
    return pending({ goneOnce: true }, account.settleMs);
  }

  /** A lost answer's work may be there although this answer says no: then it is not known to be clean. */
  function refused(order: AnyOrder, meaning: Refusal, answer: Answer): Outcome {
    const said = meaning.reason ?? `The provider refused the order without a reason (${answer.status}).`;
    const clean = order.verb !== "deprovision" && order.verb !== "unbind" && (meaning.settled || !order.repeated);
    return { state: "failed", reason: cleaned(said, order, account), clean };
  }

  function unclear(order: AnyOrder, answer: Answer): never {
    throw new Error(`The vendor's answer to ${order.verb} is not clear (${answer.status}).`);
  }

  async function ask(request: Asked, order: AnyOrder, extra: object, tools: Tools): Promise<Answer> {
    try {
      return await vendor.ask(request, scopeOf(order, account, extra), tools.signal);
    } catch (error) {
      if (error instanceof Unfit) throw new Error(`The account's mapping does not fit: ${error.message}`);
      throw error;
    }
  }

  return {
    carry(order, handle, tools) {
      const known = (handle ?? {}) as Handle;
      return known.order === undefined
        ? send(order, known, tools)
        : look(order, { ...known, order: known.order }, tools);
    },
  };
}

function withoutOrder({ order: _, ...rest }: Handle): Handle {
  return rest;
}

function pending(handle: Handle, afterMs?: number): Extract<Outcome, { state: "pending" }> {
  return { state: "pending", handle: { ...handle }, ...(afterMs !== undefined && { afterMs }) };
}

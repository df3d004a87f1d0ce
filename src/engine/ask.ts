/** Asks a provider something for somebody who waits: for a bounded time, and never at the cost of its operations. */
import type { Tools } from "../core/adapter.ts";
import type { EngineParts } from "./parts.ts";
import { toolsFor } from "./run.ts";

/** Questions under way at one provider. More would take connections from its operations; who comes later is not kept waiting. */
const mostAtOnce = 2;

/** `token` belongs to no operation, so nothing carries it. */
export type Question<T> = (token: string, deadline: Date, tools: Tools) => Promise<T>;

export type Asked<T> =
  | { readonly state: "answered"; readonly answer: T }
  | { readonly state: "unanswered"; readonly cause?: unknown };

/** Asks `provider`, for at most `limitMs`. Never throws; without a cause too many were asking already. */
export type Ask = <T>(provider: string, limitMs: number, question: Question<T>) => Promise<Asked<T>>;

export function createAsk(parts: EngineParts): Ask {
  const underWay = new Map<string, number>();

  /** A call that does not listen to its signal keeps its place until it ends, so that it cannot be joined by ever more. */
  async function inPlace<T>(provider: string, call: () => Promise<T>): Promise<T> {
    underWay.set(provider, (underWay.get(provider) ?? 0) + 1);
    try {
      return await call();
    } finally {
      underWay.set(provider, (underWay.get(provider) ?? 0) - 1);
    }
  }

  return async (provider, limitMs, question) => {
    if ((underWay.get(provider) ?? 0) >= mostAtOnce) return { state: "unanswered" };
    const { clock } = parts;
    const token = parts.newId();
    const controller = new AbortController();
    const tools = toolsFor(parts, { token, provider }, controller.signal);
    let stopTimer = () => {};
    const late = new Promise<never>((_, reject) => {
      stopTimer = clock.after(limitMs, () => {
        const tooLate = new Error("The provider did not answer in time.");
        controller.abort(tooLate);
        reject(tooLate);
      });
    });
    try {
      const call = inPlace(provider, async () => question(token, new Date(clock.now() + limitMs), tools));
      return { state: "answered", answer: await Promise.race([call, late]) };
    } catch (cause) {
      return { state: "unanswered", cause };
    } finally {
      stopTimer();
    }
  };
}

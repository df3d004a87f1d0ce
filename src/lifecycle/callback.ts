/** A provider's call: believed if its adapter knows it, and then one operation's next step is due. */
import type { Adapter, CallbackRequest } from "../core/adapter.ts";
import type { Clock } from "../engine/clock.ts";
import type { Engine } from "../engine/engine.ts";

/** `busy`: a step is under way and does not end; the provider has to call again. */
export type CallbackEnd = "taken" | "refused" | "busy";

export type TakeCallback = (account: string, request: CallbackRequest) => Promise<CallbackEnd>;

export function createCallbacks(
  adapters: ReadonlyMap<string, Adapter>,
  engine: Pick<Engine, "makeDue">,
  clock: Pick<Clock, "now">,
): TakeCallback {
  return async (account, request) => {
    const callback = adapters.get(account)?.callback?.(request, new Date(clock.now()));
    if (callback === undefined) return "refused";
    if (callback.token === undefined) return "taken";
    return (await engine.makeDue(account, callback.token)) ? "taken" : "busy";
  };
}

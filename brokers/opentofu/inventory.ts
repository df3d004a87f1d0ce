/** Everything that has a document here, as far as things stand behind it. */
import type { Found } from "#adapter";
import { within } from "./carry.ts";
import { compareDue } from "./compare.ts";
import type { Desk } from "./desk.ts";
import { holderOf } from "./holder.ts";
import { resultOf } from "./result.ts";

export async function inventory(desk: Desk, signal: AbortSignal): Promise<readonly Found[]> {
  signal.throwIfAborted();
  const { states } = desk;
  await compareDue(desk, await within({ signal }, states.all()), signal);
  const all = await within({ signal }, states.all());
  return all.flatMap((kept) => {
    const { id, instanceId, bindingId, lock } = kept;
    const holder = lock === undefined ? undefined : holderOf(lock.holder.reveal());
    const result = resultOf(kept);
    const nothing = holder === undefined && result?.resources === 0 && result.state !== "lost";
    // What reality has lost is not listed: so the ledger tells of it.
    if (nothing || (holder === undefined && result?.gone === true)) return [];
    const work = holder?.work ?? result?.work;
    const operation = holder?.token ?? result?.token;
    const found: Found = {
      thing: bindingId === undefined ? "instance" : "binding",
      id,
      ...(bindingId !== undefined && { instance: instanceId }),
      name: `OpenTofu state ${id}${work === undefined ? "" : ` of the module ${work.module}`}`,
      ...(work?.bindingsWithin === true && { bindingsWithin: true }),
      ...(operation !== undefined && { operation }),
    };
    return [found];
  });
}

/** Ends of runs: gives locks back with what came of it, also for runs that lost the process that looked after them. */
import { existsSync, rmSync } from "node:fs";
import { type KeptState, Secret, type StateOwner } from "#adapter";
import type { Desk, Left } from "./desk.ts";
import { writtenInDespair } from "./encryption.ts";
import { type Holder, holderOf } from "./holder.ts";
import { readJournal } from "./journal.ts";
import type { Ending } from "./protocol.ts";
import { asJson, resultAfter } from "./result.ts";
import { readState } from "./state.ts";

/** Gives the lock back with what came of the run. A removal that left nothing leaves no document either. */
export async function settle(
  { states }: Desk,
  owner: StateOwner,
  { id, holder }: { readonly id: string; readonly holder: Holder },
  state: string | undefined,
  ending: Ending | "lost" | "never begun",
): Promise<Left> {
  const { resources } = readState(state);
  if (holder.purpose === "destroy" && typeof ending === "object" && ending.code === 0 && resources.length === 0)
    return (await states.remove(owner.id, id)) ? {} : "unknown";
  const result = new Secret(asJson(resultAfter(holder, ending, resources, Date.now())));
  if (!(await states.release(owner.id, id, result))) return "unknown";
  return { kept: { ...owner, result, ...(state !== undefined && { body: new Secret(state) }) } };
}

/** Takes over from a run of this machine whose processes are gone: what its journal holds is kept, its lock given back. */
export async function collect(desk: Desk, { id: stateId, instanceId, bindingId, lock }: KeptState): Promise<void> {
  if (lock === undefined) return;
  const holder = holderOf(lock.holder.reveal());
  const owner = { id: stateId, instanceId, ...(bindingId !== undefined && { bindingId }) };
  const journal = readJournal(holder.directory, Buffer.from(holder.key, "base64"));
  // The last that OpenTofu wrote: what the journal has was taken before.
  const state = writtenInDespair(holder.directory, holder.key) ?? journal?.state;
  if (state !== undefined) await desk.states.write(stateId, lock.id, new Secret(state));
  const body = state ?? (await desk.states.read(stateId))?.body?.reveal();
  const end = journal?.ending ?? (began(holder) ? "lost" : "never begun");
  // That a run was cut off is known by its directory, so that one stays until it is written down.
  if (typeof end === "object") removeDirectory(holder);
  await settle(desk, owner, { id: lock.id, holder }, body, end);
  removeDirectory(holder);
}

function removeDirectory({ directory }: Holder): void {
  if (directory !== "") rmSync(directory, { recursive: true, force: true });
}

/** The directory is made right before a run gets its job, and removed when all that it told is kept. */
const began = ({ directory }: Holder): boolean => directory !== "" && existsSync(directory);

/** Breaks the lock of a run that nobody has heard of for too long; what it did since its last state is not known. */
export async function giveUpOn({ states }: Desk, { id, lock }: KeptState, body: string | undefined): Promise<void> {
  if (lock === undefined) return;
  const holder = holderOf(lock.holder.reveal());
  const result = resultAfter(holder, "lost", readState(body).resources, Date.now());
  await states.release(id, lock.id, new Secret(asJson(result)));
}

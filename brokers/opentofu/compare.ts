/** Compares what the states say with what is really there, a few at a time, and keeps what was found with each. */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { KeptState, StateOwner, StepLog } from "#adapter";
import type { Desk } from "./desk.ts";
import { resultOf } from "./result.ts";
import { startRun } from "./run.ts";
import { ModuleMissing } from "./work.ts";

/** An inventory has a minute; what is not compared by then has its turn with the next one. */
const longestMs = 30_000;

/** Those that nobody has looked at for longest first. Ends early where orders need the places. */
export async function compareDue(desk: Desk, all: readonly KeptState[], signal: AbortSignal): Promise<void> {
  const { account, places } = desk;
  if (account.compareMs === 0) return;
  const end = Date.now() + longestMs;
  const due = all
    .flatMap((kept) => {
      const result = resultOf(kept);
      const idle = kept.lock === undefined && result !== undefined && result.resources > 0;
      return idle ? [{ kept, result, at: result.comparedAt ?? result.at }] : [];
    })
    .filter(({ at }) => at + account.compareMs <= Date.now())
    .sort((a, b) => a.at - b.at);
  for (const { kept, result } of due) {
    if (places.taken >= account.concurrency || Date.now() >= end) return;
    const { id, instanceId, bindingId } = kept;
    const owner: StateOwner = { id, instanceId, ...(bindingId !== undefined && { bindingId }) };
    const wanted = {
      owner,
      work: result.work,
      purpose: "compare",
      tries: 1,
      touched: false,
      blind: result.blind,
      mending: false,
      before: result,
    } as const;
    const run = await startRun(desk, wanted, `comparison ${randomUUID()}`, { signal, log: silent }).catch((error) => {
      // The others are compared all the same; a check tells of it.
      if (!(error instanceof ModuleMissing)) throw error;
      return undefined;
    });
    if (run === undefined) continue;
    const timer = new AbortController();
    const late = sleep(Math.max(end - Date.now(), 0), undefined, { signal: AbortSignal.any([signal, timer.signal]) });
    await Promise.race([run.ended, late]).finally(() => timer.abort());
  }
}

/** An inventory has no log of its own; what was found is in what it lists. */
const silent: StepLog = { info() {}, warn() {} };

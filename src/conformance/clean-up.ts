/** Removes whatever the checks may have left, however they ended. */
import { setTimeout as pause } from "node:timers/promises";
import { isCoded } from "./check.ts";
import type { Client } from "./client.ts";
import type { Entry, Ledger, Leftover } from "./ledger.ts";
import { followToEnd, type Pace, pollQuery } from "./poll.ts";
import { incomplete } from "./requests.ts";

export interface CleanUpParts {
  readonly client: Client;
  readonly ledger: Ledger;
  readonly pace: Pace;
  readonly giveUp: AbortSignal;
  readonly progress: (what: string) => void;
}

const tries = 5;

/** Returns what could not be removed. */
export async function cleanUp(parts: CleanUpParts): Promise<readonly Leftover[]> {
  const leftovers: Leftover[] = [];
  for (const entry of parts.ledger.open()) {
    if (entry.state === "gone") continue;
    // Every refused order is on the ledger as well: these are quick, and not worth a word.
    if (entry.state !== "refused") parts.progress(`removing the ${entry.kind} ${entry.path}`);
    const why = await remove(entry, parts);
    const { kind, path, serviceId, planId } = entry;
    if (why !== undefined) leftovers.push({ kind, path, serviceId, planId, why });
  }
  // A binding goes with its instance.
  return leftovers.filter(({ path }) => parts.ledger.entries.get(path)?.state !== "gone");
}

/** Undefined: it is gone. */
async function remove(entry: Entry, { client, ledger, pace, giveUp }: CleanUpParts): Promise<string | undefined> {
  const hints = { service_id: entry.serviceId, plan_id: entry.planId };
  const { path } = entry;
  const neverAnswered = entry.state === "asked";
  let why = "";
  for (let attempt = 1; attempt <= tries; attempt++) {
    if (giveUp.aborted) return "the clean-up was interrupted";
    const asked = await client.askToTheEnd({ method: "DELETE", path, query: { ...hints, ...incomplete } });
    const { answer, trouble } = asked;
    // A broker that did not answer the order in time may still be about to carry it out.
    const early = neverAnswered && attempt === 1 && answer?.status === 410;
    if ((answer?.status === 200 || answer?.status === 410) && !early) {
      ledger.gone(path);
      return undefined;
    }
    if (answer?.status === 202) {
      const { state } = await followToEnd(client.askToTheEnd, path, pollQuery(hints, asked), pace, giveUp);
      if (state === "succeeded" || state === "gone") {
        ledger.gone(path);
        return undefined;
      }
      why = state === "failed" ? "its deletion failed" : "its deletion did not end";
      // All the time there is was spent on it already.
      if (state === "stuck") return why;
    } else if (early) {
      why = "its order was never answered";
    } else if (answer !== undefined && isCoded(answer, "ConcurrencyError")) {
      why = "another operation on it does not end";
      const { state } = await followToEnd(client.askToTheEnd, path, hints, pace, giveUp);
      if (state === "stuck") return why;
    } else if (answer?.status === 404 || (answer !== undefined && entry.state === "refused" && answer.status < 500)) {
      // Nothing was made of a refused order, and nothing of what the broker does not know.
      ledger.gone(path);
      return undefined;
    } else {
      why =
        answer === undefined
          ? `its deletion was not answered (${trouble})`
          : `its deletion was answered ${answer.status}`;
    }
    await pause(Math.min(250 * 2 ** attempt, pace.longestPauseMs), undefined, { signal: giveUp }).catch(
      () => undefined,
    );
  }
  return why;
}

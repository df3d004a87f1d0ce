/** Follows an asynchronous operation to its end, as patiently as a platform. */
import { setTimeout as pause } from "node:timers/promises";
import type { Client, Exchange } from "./client.ts";

export interface Pace {
  readonly operationTimeoutMs: number;
  readonly longestPauseMs: number;
}

/** `gone`: 410. `stuck`: still in progress when the time was up. `unclear`: no state that the specification knows. */
export type EndState = "succeeded" | "failed" | "gone" | "stuck" | "unclear";

export interface Ending {
  readonly state: EndState;
  readonly polls: readonly Exchange[];
  readonly last: Exchange | undefined;
  /** From the first poll to the last. */
  readonly ms: number;
}

/** The query of a poll: hints, and the operation the 202 named. */
export function pollQuery(
  hints: Readonly<Record<string, string>>,
  accepted: Exchange | undefined,
): Record<string, string> {
  const operation = accepted?.answer?.body?.operation;
  return { ...hints, ...(typeof operation === "string" && operation !== "" && { operation }) };
}

const firstPauseMs = 100;
const growth = 1.5;
/** So many answers without a state in a row, and nothing more is expected. */
const patienceWithNonsense = 3;

/** `path`: of the instance or binding. `ask`: the client's own, or the one of the clean-up. */
export async function followToEnd(
  ask: Client["ask"],
  path: string,
  query: Readonly<Record<string, string>>,
  pace: Pace,
  signal: AbortSignal,
): Promise<Ending> {
  const polls: Exchange[] = [];
  const started = Date.now();
  const until = started + pace.operationTimeoutMs;
  const end = (state: EndState): Ending => ({ state, polls, last: polls.at(-1), ms: Date.now() - started });
  let pauseMs = firstPauseMs;
  let nonsense = 0;
  for (;;) {
    const poll = await ask({ method: "GET", path: `${path}/last_operation`, query });
    polls.push(poll);
    const state =
      poll.answer?.status === 410 ? "gone" : poll.answer?.status === 200 ? poll.answer.body?.state : undefined;
    if (state === "succeeded" || state === "failed" || state === "gone") return end(state);
    nonsense = state === "in progress" ? 0 : nonsense + 1;
    if (nonsense === patienceWithNonsense || signal.aborted) return end("unclear");
    const wait = Math.min(retryAfterMs(poll) ?? pauseMs, pace.longestPauseMs);
    if (Date.now() + wait > until) return end("stuck");
    await pause(wait, undefined, { signal }).catch(() => undefined);
    pauseMs = pauseMs * growth;
  }
}

function retryAfterMs({ answer }: Exchange): number | undefined {
  const header = answer?.headers["retry-after"] ?? "";
  return /^\d{1,6}$/.test(header) ? Number(header) * 1000 : undefined;
}

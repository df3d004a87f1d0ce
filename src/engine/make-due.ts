/** Makes an operation's next step due now, because its provider said that there is something to see. */
import type { EngineParts } from "./parts.ts";

/** A step takes about as long as one answer of its provider. */
const longestWaitMs = 5_000;
const lookAgainMs = 100;
/** So many writers between a look and a write mean that something is wrong. */
const mostTries = 100;

/**
 * False: a step is under way, which may have looked before there was something to see, and does not end. Nothing is to be
 * done for an operation that is over, of another provider's, or not known.
 */
export async function makeDue(parts: EngineParts, provider: string, token: string): Promise<boolean> {
  const { store, clock } = parts;
  const giveUpAt = clock.now() + longestWaitMs;
  for (let tries = 0; tries < mostTries; tries++) {
    const operation = await store.readOperation(token);
    const now = clock.now();
    if (operation === undefined || operation.provider !== provider || operation.state !== "open") return true;
    const { leaseNumber, lease, dueAt } = operation;
    if (lease !== undefined && lease.until > now) {
      if (now >= giveUpAt) return false;
      await new Promise<void>((resolve) => clock.after(lookAgainMs, resolve));
      continue;
    }
    if (dueAt <= now) return true;
    // Turned away if somebody took the lease meanwhile: that step is waited for then.
    const set = { dueAt: now };
    if (await store.apply([{ update: "operation", token, only: { state: "open", leaseNumber }, set }])) return true;
  }
  return false;
}

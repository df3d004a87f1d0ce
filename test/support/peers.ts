/** Stories that need a real system beside them: told where it is up, and never silently left out. */
import type { Test } from "tap";
import type { Facts } from "../peers/peer.ts";
import { readFacts } from "../peers/places.ts";

/**
 * Tells the stories if all these peers are up. If one is not, the file is skipped and says how to start it; with
 * LOTSE_PEERS=required, as in CI, it fails.
 */
export async function onPeers<Name extends string>(
  t: Test,
  names: readonly Name[],
  stories: (facts: Readonly<Record<Name, Facts>>) => Promise<void>,
): Promise<void> {
  const found = new Map(names.map((name) => [name, readFacts(name)]));
  const missing = names.filter((name) => found.get(name) === undefined);
  if (missing.length === 0) return await stories(Object.fromEntries(found) as Readonly<Record<Name, Facts>>);
  const reason = `not up: npm run peers -- up ${missing.join(" ")}`;
  if (process.env.LOTSE_PEERS === "required") t.fail(reason);
  else t.plan(0, reason);
}

/** As `onPeers`, for one. */
export async function onPeer(t: Test, name: string, stories: (facts: Facts) => Promise<void>): Promise<void> {
  await onPeers(t, [name], (facts) => stories(facts[name] as Facts));
}

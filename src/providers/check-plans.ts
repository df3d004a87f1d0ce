/** What a provider's adapter says of the plans that are offered of it. */
import type { Adapter } from "../core/adapter.ts";
import type { Offering } from "../core/model.ts";

/** A sentence for each thing that is wrong, with the offering's and the plan's name before it. Never throws. */
export async function planProblems(
  offerings: readonly Offering[],
  provider: string,
  adapter: Pick<Adapter, "checkPlan"> | undefined,
  signal: AbortSignal,
): Promise<readonly string[]> {
  if (adapter?.checkPlan === undefined) return [];
  const problems: string[] = [];
  for (const { name, plans } of offerings)
    for (const { id, name: planName, provider: its, backend, maintenanceInfo } of plans) {
      if (its !== provider) continue;
      const version = maintenanceInfo === undefined ? {} : { maintenanceVersion: maintenanceInfo.version };
      const found = await adapter
        .checkPlan({ id, backend, ...version }, signal)
        .catch((error: Error): readonly string[] => [error.message]);
      // The ones after it would say nothing else.
      if (signal.aborted) return [...problems, "There was no time to look at all of its plans. Check it again."];
      problems.push(...found.map((problem) => `${name}/${planName}: ${problem}`));
    }
  return problems;
}

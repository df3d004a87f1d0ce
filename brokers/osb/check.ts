/** Whether the downstream can be used as configured, found out by reading its catalog. */
import type { Downstream } from "./client.ts";
import type { Account } from "./settings.ts";
import { describe } from "./words.ts";

/** Undefined, or what is wrong and what to do. */
export async function check(
  account: Account,
  downstream: Downstream,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    const answer = await downstream.ask({ method: "GET", path: ["v2", "catalog"] }, signal);
    if (answer.status === 401 || answer.status === 403)
      return `The broker at ${account.url} refuses the credentials (${answer.status}). Check username and password, token, or clientId and clientSecret.`;
    if (answer.status === 412)
      return `The broker at ${account.url} does not speak OSB ${account.apiVersion}. Set apiVersion. It says: ${describe(answer, account.secretTexts)}`;
    if (answer.status !== 200 || !Array.isArray(answer.body?.services))
      return `The address ${account.url} does not answer like an OSB broker (${answer.status}). Check url.`;
    return undefined;
  } catch (error) {
    return `The broker at ${account.url} cannot be asked: ${error instanceof Error ? error.message : "no answer"}`;
  }
}

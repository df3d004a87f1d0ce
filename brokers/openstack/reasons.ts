/** A cloud's "no" in words for the person ordering. The cloud's own words stay in the log: they may repeat parameters. */
import { Refused } from "./answers.ts";

/** Undefined: no clear "no" to what was ordered. */
export function reasonOf(error: unknown): string | undefined {
  if (!(error instanceof Refused)) return undefined;
  const { status, words, service } = error;
  if (isQuota(error))
    return `The quota at the cloud is used up${quotaNames(words)}. Return what is not needed any more, choose a smaller plan, or ask the provider for more.`;
  if (status === 409 && /no more ip addresses|IpAddressGenerationFailure/i.test(words))
    return "The cloud has no address left in its network. Try again later, or ask the provider.";
  // Whoever may not do something is not known to have ordered something wrong: the operator has to see to it.
  if (status === 400 || status === 413)
    return `The cloud refuses what was ordered (${service}, ${status}). Check the parameters; the provider finds the cloud's words in Lotse's log.`;
  return undefined;
}

/** Nova says 403, Neutron 409, Cinder 413. */
export function isQuota(error: unknown): boolean {
  return (
    error instanceof Refused &&
    [403, 409, 413].includes(error.status) &&
    /quota exceeded|exceeds? (allowed|available)|limit ?exceeded|maximum number of/i.test(error.words)
  );
}

/** Names of what is used up, as far as the words tell: "Quota exceeded for cores, ram: …", "… for resources: ['port']". */
function quotaNames(words: string): string {
  const found = /exceeded for (?:resources: )?\[?([a-z_', ]+)\]?/i.exec(words)?.[1]?.replace(/'/g, "").trim();
  return found === undefined || found === "" || found === "quota" ? "" : ` (${found})`;
}

/** Why a machine is in the state ERROR. */
export function reasonOfFault(fault: { readonly code: number; readonly message: string } | undefined): string {
  if (/no valid host/i.test(fault?.message ?? ""))
    return "The cloud has no host with room for this machine at the moment (no valid host). Try again later, or choose a smaller plan.";
  if (/quota/i.test(fault?.message ?? ""))
    return "The quota at the cloud is used up. Return what is not needed any more, choose a smaller plan, or ask the provider for more.";
  return `The cloud could not build the machine (fault ${fault?.code ?? "without code"}). Try again; if it fails again, ask the provider.`;
}

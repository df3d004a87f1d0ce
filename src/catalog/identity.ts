/** Ids of what providers offer: derived once from provider and the provider's own id, and so the same for ever. */
import { v5 } from "uuid";

// Any UUID of ours; only names under it matter.
const namespace = "6b6c6f88-6d3e-4d0e-8f2a-0a4f5a1c9e31";

/** `downstream`: the provider's own ids are taken, where the operator knows that nobody else uses them. */
export type Identities = "derived" | "downstream";

/** An offering's or plan's id on Lotse's side. A broker registered twice under two names has two sets of them. */
export function identityOf(
  provider: string,
  identities: Identities,
  what: "offering" | "plan",
  providersOwn: string,
): string {
  return identities === "downstream" ? providersOwn : v5(`${provider}/${what}/${providersOwn}`, namespace);
}

/** Ids that Lotse uses downstream: its own, so that two platforms which chose the same id never meet there. */

import { v5 } from "uuid";
import type { Json, Secret } from "#adapter";

// Any UUID of ours; names in it are Lotse's ids of incarnations, which are never used twice.
const namespace = "0b0a2c54-6f0d-4c8e-9c55-5d6b7a1f3e27";

/** A UUID, because some brokers take nothing else; the same for every call about this incarnation. */
export function downstreamId(lotseId: string): string {
  return v5(lotseId, namespace);
}

/** The id of a thing downstream: the one it had before Lotse, if it was adopted. */
export function idOf(lotseId: string, facts: Secret<Json> | undefined): string {
  const { id } = (facts?.reveal() ?? {}) as { readonly id?: Json };
  return typeof id === "string" ? id : downstreamId(lotseId);
}

/** What this adapter can make at a cloud; each kind of thing is in files of its own, and `index.ts` picks by a plan's `kind`. */
import type { Adapter, Found, JsonSchema } from "#adapter";
import type { Cloud } from "./client.ts";

/** The verbs of one kind of thing. A verb left out is answered with a clear "no". */
export type Verbs = Pick<Adapter, "provision" | "deprovision"> &
  Partial<Pick<Adapter, "update" | "bind" | "unbind" | "poll" | "fetch" | "usage">>;

export interface Offer {
  /** The value of `kind` in a plan's `backend`. */
  readonly kind: string;
  /** An object schema that requires `kind` with this very value. */
  readonly backend: JsonSchema;
  open(cloud: Cloud): Verbs & {
    /** Undefined, or what is wrong and what to do. Nothing is wrong with a cloud that just does not have the service. */
    check(signal: AbortSignal): Promise<string | undefined>;
    /** Everything of this kind with Lotse's marks; nothing where the cloud does not have the service. */
    inventory(signal: AbortSignal): Promise<readonly Found[]>;
  };
}

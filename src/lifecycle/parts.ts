/** What the use cases are made of. */
import type { Adapter } from "../core/adapter.ts";
import type { Requires } from "../core/answer.ts";
import { type Catalog, findPlan } from "../core/catalog.ts";
import type { Moment } from "../core/decision.ts";
import type { Instance } from "../core/model.ts";
import type { Switches } from "../core/switches.ts";
import type { Clock } from "../engine/clock.ts";
import type { Engine } from "../engine/engine.ts";
import type { Store } from "../store/store.ts";

export interface LifecycleParts {
  readonly store: Store;
  readonly engine: Engine;
  /** The catalog as it is now; it may be replaced while the broker runs. */
  readonly catalog: () => Catalog;
  readonly adapters: ReadonlyMap<string, Adapter>;
  readonly clock: Clock;
  readonly newId: () => string;
  readonly switches: Switches;
  readonly patience: Patience;
}

export interface Patience {
  /** How long a request that does not allow 202 is kept waiting. Platforms hang up at about 60 s. */
  readonly syncMs: number;
  /** How long one that allows it is kept waiting for a quick end. The shortest platform limit known is 3 s. */
  readonly quickMs: number;
}

export function momentOf(parts: LifecycleParts): Moment {
  return {
    now: parts.clock.now(),
    token: parts.newId(),
    uid: parts.newId(),
    lease: parts.engine.lease(),
    switches: parts.switches,
  };
}

/** What the bindings of an instance or binding's offering may hold besides credentials. */
export function requiresOf(parts: LifecycleParts, thing: Pick<Instance, "offeringId" | "planId">): Requires {
  return findPlan(parts.catalog(), thing.offeringId, thing.planId)?.offering.requires;
}

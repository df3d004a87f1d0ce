/** Where the keys of bindings come from: one user for each binding, whose policy opens one bucket. */
import type { BindingOrder, Tools } from "#adapter";
import type { Key } from "./clients.ts";

export interface Keys {
  /** The same key for the same operation, also after an answer was lost. May be called by two at once. */
  give(order: BindingOrder, policy: string, tools: Tools): Promise<Key>;
  /** Finding nothing is done. */
  take(user: string, signal: AbortSignal): Promise<void>;
  exists(user: string, signal: AbortSignal): Promise<boolean>;
  /** Names of Lotse's users; of one instance, where one is named. */
  list(instanceId: string | undefined, signal: AbortSignal): Promise<readonly string[]>;
  close(): void;
}

/** The one inline policy of every user. */
export const policyName = "bucket";

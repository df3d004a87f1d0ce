/** What the verbs of one account share. Nothing here is needed after a restart. */
import type { KeptState, States } from "#adapter";
import type { Account } from "./settings.ts";

export interface Desk {
  readonly account: Account;
  readonly states: States;
  /** Runs that this process started and looks after, by the id of their lock. */
  readonly runs: Map<string, Run>;
  /** Runs of this process, those that are being started included. */
  readonly places: { taken: number };
  /** This machine, as far as its processes can be seen from here. */
  readonly host: string;
  /** The account is being closed: runs go on without this process. */
  readonly closing: AbortSignal;
}

export interface Run {
  readonly token: string;
  /** What is being done, for people. */
  note(): string;
  /** OpenTofu ends what it has begun, and begins nothing more. */
  stop(): void;
  readonly ended: Promise<Left>;
}

/** What a run left: its document, or none. `unknown`: the run is left to itself, or its lock was broken; look. */
export type Left = "unknown" | { readonly kept?: KeptState };

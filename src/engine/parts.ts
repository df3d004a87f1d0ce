/** What the engine is made of; everything it touches comes in here. */
import type { Adapter } from "../core/adapter.ts";
import type { OperationKind, Plan } from "../core/model.ts";
import type { Backoff } from "../core/retry.ts";
import type { Store } from "../store/store.ts";
import type { Clock } from "./clock.ts";

export interface EngineParts {
  readonly store: Store;
  /** By provider account. */
  readonly adapters: ReadonlyMap<string, Adapter>;
  /** Plans by id, retired ones included. */
  readonly planOf: (planId: string) => Plan | undefined;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly newId: () => string;
  /** 32 bytes, base64url, the same for the same token and purpose. */
  readonly deriveSecret: (token: string, purpose: string) => string;
  readonly log: EngineLog;
  readonly settings: EngineSettings;
  readonly observe?: (seen: StepSeen) => void;
}

export interface EngineSettings {
  readonly leaseMs: number;
  readonly stepTimeoutMs: number;
  readonly pollMs: number;
  readonly stopGraceMs: number;
  /** How long a provider is waited for when somebody only wants to see what is there; 2 s if absent. */
  readonly fetchMs?: number;
  readonly slotsOf: (provider: string) => number;
  readonly backoff: Backoff;
}

export const defaultEngineSettings: EngineSettings = {
  leaseMs: 15_000,
  stepTimeoutMs: 120_000,
  pollMs: 1_000,
  stopGraceMs: 20_000,
  slotsOf: () => 16,
  backoff: { firstMs: 1_000, maxMs: 300_000 },
};

export interface EngineLog {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** One step as metrics see it. */
export interface StepSeen {
  readonly kind: OperationKind;
  readonly provider: string;
  readonly outcome: string;
  readonly ms: number;
  readonly finished: boolean;
}

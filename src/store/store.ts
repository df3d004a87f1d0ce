/** What the rest of the broker may ask of the database. Two stores keep it: SQLite and PostgreSQL. */
import type { Change } from "../core/change.ts";
import type { Binding, Instance, Lease, Millis, Operation } from "../core/model.ts";
import type { SealingKey } from "./seal.ts";

/** Reads may answer at once (SQLite) or later (PostgreSQL). */
export type Eventually<T> = T | Promise<T>;

/** An operation whose next step is due, and whose provider's slots it needs. */
export interface DueOperation {
  readonly token: string;
  readonly provider: string;
}

export interface Store {
  /**
   * Writes all changes or none, durably before it resolves. False: a guard did not hold or a unique key was taken, so
   * nothing was written; look again and decide anew.
   */
  apply(changes: readonly Change[]): Promise<boolean>;

  /** Newest incarnation under the platform's id, deleted ones included. */
  readInstance(platformId: string, instanceId: string): Eventually<Instance | undefined>;
  readInstanceByUid(uid: string): Eventually<Instance | undefined>;
  readBinding(platformId: string, bindingId: string): Eventually<Binding | undefined>;
  readBindingByUid(uid: string): Eventually<Binding | undefined>;
  /** Bindings of an instance that are not deleted, in the order they were made. */
  readLivingBindings(instanceUid: string): Eventually<readonly Binding[]>;
  readOperation(token: string): Eventually<Operation | undefined>;
  /** The newest operation a platform asked for, on the instance itself or on one binding. */
  readNewestOperation(instanceUid: string, bindingUid: string | undefined): Eventually<Operation | undefined>;

  /** Takes the lease of an open operation that nobody holds and whose interrupted operation nobody holds either. */
  claim(token: string, lease: Lease, now: Millis): Promise<Operation | undefined>;
  /** Open operations that are due and unleased (or whose lease ran out), the longest due first; none of `passedOver`. */
  readDue(now: Millis, limit: number, passedOver?: readonly string[]): Eventually<readonly DueOperation[]>;
  /** Prolongs the owner's leases on these operations that have not run out; returns the tokens of those still open. */
  extendLeases(owner: string, tokens: readonly string[], now: Millis, until: Millis): Promise<readonly string[]>;
  /** Gives the owner's leases on these operations back, so that another process goes on at once. */
  releaseLeases(owner: string, tokens: readonly string[]): Promise<void>;

  /** Makes the oldest unsealed audit rows part of the hash chain; how many. Of two sealers at once one does nothing. */
  sealAudit(key: SealingKey, now: Millis): Promise<number>;

  /** Resolves if the database answers. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

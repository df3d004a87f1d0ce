/** What Lotse keeps for adapters that have no system of their own: tasks for people, and documents with a lock. */
import type { BindingOrder, Order, UpdateOrder, Verb } from "./adapter.ts";
import type { JsonObject } from "./json.ts";
import type { Secret } from "./secret.ts";

export interface House {
  readonly inbox: Inbox;
  readonly states: States;
}

/**
 * Documents that a tool of the adapter wants kept about what it made, as OpenTofu its state: one for an instance or a
 * binding, under its id. Kept sealed, written by whoever holds its lock and by nobody else. Every call may be repeated.
 */
export interface States {
  read(id: string): Promise<KeptState | undefined>;
  /** Of the instance and its bindings. */
  about(instanceId: string): Promise<readonly KeptState[]>;
  /** All of the account, without their bodies. */
  all(): Promise<readonly KeptState[]>;
  /** Takes the lock unless somebody else has it, and returns the state as it stands then: look whose lock it shows. */
  lock(about: StateOwner, lock: Pick<StateLock, "id" | "holder">): Promise<KeptState>;
  /** The lock's holder lives. False: it does not hold the lock (any more), and nothing was written; likewise below. */
  touch(id: string, lockId: string): Promise<boolean>;
  write(id: string, lockId: string, body: Secret<string>): Promise<boolean>;
  /** Gives the lock back and keeps what came of it, in place of what was kept before. */
  release(id: string, lockId: string, result: Secret<JsonObject>): Promise<boolean>;
  /** Nothing stands behind it any more: forgotten, lock and all. */
  remove(id: string, lockId: string): Promise<boolean>;
}

export interface StateOwner {
  /** Lotse's own id of the instance or binding. */
  readonly id: string;
  readonly instanceId: string;
  readonly bindingId?: string;
}

export interface KeptState extends StateOwner {
  /** Absent: none was written yet, or it was not asked for. */
  readonly body?: Secret<string>;
  readonly lock?: StateLock;
  readonly result?: Secret<JsonObject>;
}

export interface StateLock {
  readonly id: string;
  /** Who has it, as that one says. */
  readonly holder: Secret<JsonObject>;
  /** When its holder was heard of last. */
  readonly seenAt: Date;
}

/** Tasks for the people of one provider account, who work on them over the management API. Kept sealed. */
export interface Inbox {
  /** Puts a task, unless one with this key was put; returns it as it stands. Whatever changes it makes its operation due. */
  put(task: NewTask): Promise<InboxTask>;
  /** All that were ever put about an instance and its bindings, the oldest first. */
  about(instanceId: string): Promise<readonly InboxTask[]>;
  /** Nobody needs it any more. One that is over stays as it is. */
  withdraw(key: string, reason: string): Promise<void>;
  /** All tasks, the oldest first, for an inventory. */
  all(): Promise<readonly InboxTask[]>;
}

export interface NewTask {
  /** Unique in the inbox: the order's token, with the binding's id where one operation takes bindings along. */
  readonly key: string;
  /** What is to be done, and with which parameters. */
  readonly order: Order | UpdateOrder | BindingOrder;
  /** By when; counted in the calendar. */
  readonly within: ServiceLevel;
  readonly calendar: Calendar;
}

/** Business time: days, hours, or both added up. */
export interface ServiceLevel {
  readonly businessDays?: number;
  readonly businessHours?: number;
}

/** When people work. */
export interface Calendar {
  /** IANA time zone. */
  readonly zone: string;
  /** HH:MM, local time. */
  readonly opens: string;
  readonly closes: string;
  /** 1 is Monday, 7 Sunday. */
  readonly weekdays: readonly number[];
  /** YYYY-MM-DD. */
  readonly holidays: readonly string[];
}

/** `asked`: the customer has to answer first. `withdrawn`: the order was taken back before it was done. */
export type TaskState = "open" | "claimed" | "asked" | "completed" | "rejected" | "withdrawn";

/** A task as its adapter sees it. */
export interface InboxTask {
  readonly key: string;
  readonly verb: Verb;
  readonly instanceId: string;
  readonly bindingId?: string;
  /** The operation it was put for. */
  readonly token: string;
  /** What a person finds it by. */
  readonly id: string;
  readonly state: TaskState;
  /** Somebody had taken it on, so something may have been begun. */
  readonly begun: boolean;
  readonly dueAt: Date;
  readonly endedAt?: Date;
  /** What the customer is asked, while `asked`. */
  readonly question?: string;
  /** What the customer was told last. */
  readonly remark?: string;
  /** Why it was rejected. */
  readonly reason?: string;
  /** Rejected, and something of what was begun is still there. */
  readonly leftovers: boolean;
  /** What came of it; erased when what it gave access to was taken back. */
  readonly result?: Secret<JsonObject>;
}

/**
 * The adapter interface: the one file an adapter's author reads. Types only. Adapters without a system of their own read
 * `house.ts` as well, which comes along with this one.
 */
import type { House } from "./house.ts";
import type { Json, JsonObject, JsonSchema } from "./json.ts";
import type { Secret } from "./secret.ts";

export type {
  Calendar,
  House,
  Inbox,
  InboxTask,
  KeptState,
  NewTask,
  ServiceLevel,
  StateLock,
  StateOwner,
  States,
  TaskState,
} from "./house.ts";
export type { Json, JsonObject, JsonSchema } from "./json.ts";
export { Secret } from "./secret.ts";

/**
 * Provisioning back ends implement this. Return what you know; throw what you do not know.
 *
 * A thrown error is the outcome "unknown": the engine repeats the call, with the same token, until the deadline.
 * Every verb may be called again with the same token, also while a frozen earlier call is still under way.
 * `test/brokers/promise.ts` tries every promise made here; a new adapter's test brings its back end to it.
 */
export interface Adapter {
  /** Makes the instance. Called again with the same token: find what that token made, never make a second. */
  provision(order: Order, tools: Tools): Promise<Outcome>;
  /** Removes the instance and any half of it, `order.interrupted` included. Finding nothing is `done`. */
  deprovision(order: Order, tools: Tools): Promise<Outcome>;
  /** Moves the instance to `order.plan` and its parameters. Absent: its plans are not offered as updatable. */
  update?(order: UpdateOrder, tools: Tools): Promise<Outcome>;
  /** Makes access. `made.access` is sealed, stored and served by the broker. Absent: its plans are not bindable. */
  bind?(order: BindingOrder, tools: Tools): Promise<Outcome>;
  /** Takes access back, and any half of it. Finding nothing is `done`. */
  unbind?(order: BindingOrder, tools: Tools): Promise<Outcome>;
  /** Goes on from `handle`: looks and, if a next step is due, takes it. Only for adapters that answer `pending`. */
  poll?(order: Order | UpdateOrder | BindingOrder, handle: Json, tools: Tools): Promise<Outcome>;
  /**
   * What is really there now; undefined if surely nothing is. Changes nothing, and has a second or two until its signal
   * is aborted. The order's verb says which thing is meant, `provision` or `bind`; its token is no operation's.
   */
  fetch?(order: Order | BindingOrder, tools: Tools): Promise<Made | undefined>;
  /** Whether the account works, without changing anything: undefined, or what is wrong and what to do. */
  check?(signal: AbortSignal): Promise<string | undefined>;
  /**
   * Whether orders of a plan can come to something at this account, beyond what the schema of `backend` can tell: what is
   * wrong and what to do, a sentence each. Changes nothing, and asks no provider. Called after `check` for every plan that
   * is offered of the account, all with one signal, which has half a minute for them. Absent: no plan is looked at.
   */
  checkPlan?(plan: Order["plan"], signal: AbortSignal): Promise<readonly string[]>;
  /**
   * What the provider offers by a catalog of its own, read whole or not at all: throws with what is wrong in it. `etag`
   * is the one of what was read last. Absent: its plans are written in catalog files.
   */
  catalog?(etag: string | undefined, signal: AbortSignal): Promise<CatalogRead>;
  /**
   * Everything at the provider that carries Lotse's marks, whichever operation left it there: read whole, or thrown.
   * Changes nothing. Absent: what Lotse knows of is looked at one by one with `fetch`.
   */
  inventory?(signal: AbortSignal): Promise<readonly Found[]>;
  /**
   * Looks at a thing that existed before Lotse; `reference` is what the provider calls it, `made.facts` what every later
   * order finds it by. The order's verb says which thing is meant, as in `fetch`. Changes nothing. Absent: nothing can be
   * adopted here.
   */
  adopt?(order: Order | BindingOrder, reference: string, tools: Tools): Promise<Adoptable>;
  /**
   * What the instance used within the period, for a bill to be made of it later: quantities as the provider counted them,
   * no prices. Changes nothing. Absent: the provider does not tell.
   */
  usage?(order: Order, period: Period, tools: Tools): Promise<readonly Usage[]>;
  /** What the provider calls the thing this adapter makes under Lotse's id, so that it is never adopted as well. */
  referenceOf?(id: string): string;
  /**
   * The provider calls (`POST /callbacks/ACCOUNT`). Undefined: it is not from the provider, or too old. What a callback
   * says is not believed: it makes the next step of the operation due, and that step asks the provider for the truth. So
   * it may be answered twice, and nothing is kept of it. Absent: the provider does not call.
   */
  callback?(request: CallbackRequest, now: Date): Callback | undefined;
  close?(): Promise<void>;
}

/** A provider's call as it arrived. */
export interface CallbackRequest {
  /** Names in lower case. */
  readonly headers: { readonly [name: string]: string | undefined };
  /** As it was signed. */
  readonly body: Buffer;
}

export interface Callback {
  /** Whose next step is due; absent: it is genuine, and about nothing that could be due. */
  readonly token?: string;
}

/** From `from` on, up to but not including `to`. */
export interface Period {
  readonly from: Date;
  readonly to: Date;
}

/** A quantity used; FOCUS calls it ConsumedQuantity with its ConsumedUnit. */
export interface Usage {
  /** What was counted, such as `vcpu` or `stored`; one word per meter of an adapter, listed in its README. */
  readonly meter: string;
  /** A decimal number without exponent; text, so that nothing is rounded on the way to the bill. */
  readonly quantity: string;
  /** FOCUS unit format, such as `Hours`, `GB`, `GB-Hours`. */
  readonly unit: string;
  /** The part of the period it was counted for; a value of a moment has `from` equal to `to`. */
  readonly period: Period;
}

export type Adoptable =
  /** `parameters`: as the provider has them, where it tells. */
  | { readonly state: "there"; readonly made: Made; readonly parameters?: JsonObject }
  /** The provider does not let it be looked at, so whoever adopts it has to know that it is there. */
  | { readonly state: "unseen"; readonly made: Made }
  | { readonly state: "gone" }
  /** It is something else than the order's plan says; the reason is shown to whoever adopts it. */
  | { readonly state: "unfit"; readonly reason: string };

/** One thing that an inventory found. */
export interface Found {
  readonly thing: "instance" | "binding";
  /** Lotse's own id of it, read from its name or label. */
  readonly id: string;
  /** Of a binding, Lotse's own id of its instance. */
  readonly instance?: string;
  /** What a person at the provider looks for, such as `database lotse_…`. */
  readonly name: string;
  /** Only what belongs to the thing is left, and no data: the thing itself is not there. */
  readonly remains?: boolean;
  /** Of an instance: bindings that are not listed are nothing beside it, and there as long as it is. */
  readonly bindingsWithin?: boolean;
  /** Token of the operation that made or changed it last, where it can be read. */
  readonly operation?: string;
}

export type CatalogRead =
  | { readonly state: "unchanged" }
  | { readonly state: "read"; readonly etag?: string; readonly offerings: readonly ProviderOffering[] };

/** An offering as its provider describes it, under the provider's own ids. */
export interface ProviderOffering {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly tags?: readonly string[];
  readonly requires?: readonly ("syslog_drain" | "route_forwarding" | "volume_mount")[];
  readonly allowContextUpdates: boolean;
  readonly metadata: JsonObject;
  readonly plans: readonly ProviderPlan[];
}

export interface ProviderPlan {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly free: boolean;
  readonly bindable: boolean;
  readonly planUpdateable: boolean;
  /** Seconds; absent: Lotse's own default. */
  readonly maximumPollingDuration?: number;
  readonly maintenanceInfo?: { readonly version: string; readonly description?: string };
  readonly schemas: { readonly create?: JsonSchema; readonly update?: JsonSchema; readonly bind?: JsonSchema };
  readonly metadata: JsonObject;
  /** What the plan says to the adapter. */
  readonly backend: JsonObject;
}

/** How to get an Adapter; the default export of `brokers/NAME/index.ts`. Both schemas are checked at start. */
export interface AdapterKind {
  readonly name: string;
  /** One provider account: address, credentials. A string under a key named in `secrets` arrives as a `Secret`. */
  readonly settings: JsonSchema;
  /** Names of the top-level settings that hold secrets: `{ env: NAME }` or `{ file: path }` in the configuration. */
  readonly secrets: readonly string[];
  /**
   * Names of the top-level settings that say where secrets are sent, and who is trusted there: whoever changes one of them
   * over the API has to give the secrets again. Absent: all settings that hold none.
   */
  readonly destinations?: readonly string[];
  /** What a plan says to this adapter. */
  readonly backend: JsonSchema;
  /** `house` is there whenever Lotse opens an account to carry out orders; most adapters do not need it. */
  open(settings: Settings, house?: House): Promise<Adapter>;
}

// ---- settings, orders, outcomes ------------------------------------------------------------------------------------

/** A provider account's settings after their schema was checked and their secrets were read. */
export interface Settings {
  readonly values: JsonObject;
  readonly secrets: { readonly [name: string]: Secret<string> };
  /** Where relative paths in the settings start; absent: the directory the process was started in. */
  readonly directory?: string;
  /** Whoever wrote the settings may not name files of the machine Lotse runs on. */
  readonly withoutFiles?: boolean;
}

export type Verb = "provision" | "update" | "deprovision" | "bind" | "unbind";

/** Plain data, so that a test can write one by hand. */
export interface Order {
  readonly verb: Verb;
  /**
   * This operation, on every attempt; put it on whatever you create. A removal that takes bindings along is one operation
   * of several calls: where a back end wants a key for each request, add the binding's id.
   */
  readonly token: string;
  /** 1 on the first call. */
  readonly attempt: number;
  /** A call with this token may have been made before, its answer lost: what is found may be this order's own work. */
  readonly repeated: boolean;
  /** After this the engine gives up and cleans up. A clean-up has no end: there this is no valid date, its time NaN. */
  readonly deadline: Date;
  readonly plan: { readonly id: string; readonly backend: Json; readonly maintenanceVersion?: string };
  /** The originating identity, when the platform sent one: `platform`, its word for itself, and `value`. */
  readonly requester?: Json;
  /** The platform's name for its request, to be found again in the logs of everybody it passed. */
  readonly requestId?: string;
  readonly instance: {
    /** Lotse's own id of this incarnation: 26 lower-case letters and digits, never used twice. Names derive from it. */
    readonly id: string;
    /** The id the platform chose: any string. For labels people look at, not for names. */
    readonly platformInstanceId: string;
    readonly organization?: string;
    readonly space?: string;
    readonly parameters: Secret<JsonObject>;
    readonly context: JsonObject;
    /** What earlier outcomes asked to remember (`made.facts`); null at first. */
    readonly facts: Secret<Json>;
  };
  /** The operation this one cleans up after. */
  readonly interrupted?: { readonly token: string; readonly handle?: Secret<Json> };
}

export interface UpdateOrder extends Order {
  readonly before: {
    readonly planId: string;
    readonly backend: Json;
    readonly parameters: Secret<JsonObject>;
    readonly maintenanceVersion?: string;
  };
}

export interface BindingOrder extends Order {
  readonly binding: {
    /** Lotse's own id of this incarnation of the binding, like `instance.id`. */
    readonly id: string;
    readonly platformBindingId: string;
    readonly parameters: Secret<JsonObject>;
    readonly bindResource: JsonObject;
    readonly facts: Secret<Json>;
    readonly appGuid?: string;
    /** `binding.id` of the predecessor: this is a rotation. */
    readonly predecessorId?: string;
    /** What is remembered of the predecessor, as `facts`. */
    readonly predecessorFacts?: Secret<Json>;
  };
}

export type Outcome =
  | { readonly state: "done"; readonly made?: Made }
  | {
      readonly state: "pending";
      /** Handed to `poll`. Absent or null: the verb is called again. */
      readonly handle?: Json;
      readonly made?: Made;
      /** When to look again, in milliseconds; the engine's own pace when absent. */
      readonly afterMs?: number;
      /** Shown to the user as the description of last_operation. */
      readonly note?: string;
    }
  | {
      readonly state: "failed";
      /** Shown to the user: what was wrong and what to do. Never a secret. */
      readonly reason: string;
      /** Surely nothing is left of what was tried (an update: surely nothing changed). */
      readonly clean: boolean;
      /** Update and deprovision: the instance still works. Absent: true. */
      readonly usable?: boolean;
      /** Update: the same request may succeed later. Absent: true. */
      readonly repeatable?: boolean;
    };

/** What an outcome adds. What it leaves out stays as earlier outcomes of the same instance or binding said it. */
export interface Made {
  /** Kept, sealed, for the thing the order is about; comes back in every later order. Replaces earlier facts whole. */
  readonly facts?: Json;
  /** OSB wants it in the first reply: give it with the first outcome. */
  readonly dashboardUrl?: string;
  /** Labels told replace all earlier labels, attributes all earlier attributes: tell each kind whole, `{}` for none any more. */
  readonly metadata?: {
    readonly labels?: { readonly [key: string]: string };
    readonly attributes?: { readonly [key: string]: Json };
  };
  readonly access?: Access;
}

/** Binding data as OSB words it (Binding, Response body), in camelCase. */
export interface Access {
  readonly credentials?: JsonObject;
  readonly endpoints?: readonly Endpoint[];
  readonly volumeMounts?: readonly JsonObject[];
  readonly routeServiceUrl?: string;
  readonly syslogDrainUrl?: string;
  /** ISO 8601, UTC. */
  readonly expiresAt?: string;
  readonly renewBefore?: string;
}

/** OSB Endpoint Object: `ports` are strings, each a port or a range. */
export interface Endpoint {
  readonly host: string;
  readonly ports: readonly string[];
  readonly protocol?: "tcp" | "udp" | "all";
}

export interface Tools {
  /** Aborted when the operation was cancelled, the lease was lost or the step took too long. */
  readonly signal: AbortSignal;
  readonly log: StepLog;
  readonly now: () => Date;
  /** 32 random-looking bytes (base64url) for this operation and purpose: the same on every attempt, so that a repeated
   *  call sets the same password. Nothing but this broker can compute it. */
  readonly secret: (purpose: string) => string;
}

/** Structured logging for adapters: fields are printed, so secrets stay wrapped. */
export interface StepLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

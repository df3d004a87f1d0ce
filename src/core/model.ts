/** The nouns, as types. Everything here is plain, frozen data. */
import type { Json, JsonObject, JsonSchema } from "./json.ts";
import type { Secret } from "./secret.ts";

/** Epoch milliseconds, UTC. */
export type Millis = number;

// ---- catalog -----------------------------------------------------------------------------------------------------

/** A service offering as it is ordered and shown (OSB Service Offering Object). Ids never change. */
export interface Offering {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly tags?: readonly string[];
  readonly requires?: readonly ("syslog_drain" | "route_forwarding" | "volume_mount")[];
  readonly bindable: boolean;
  readonly planUpdateable: boolean;
  readonly allowContextUpdates: boolean;
  readonly metadata: JsonObject;
  readonly plans: readonly Plan[];
}

/** A plan (Tarif): one provider's variant of an offering (OSB Service Plan Object). */
export interface Plan {
  readonly id: string;
  readonly offeringId: string;
  readonly name: string;
  readonly description: string;
  readonly free: boolean;
  readonly bindable: boolean;
  readonly bindingRotatable: boolean;
  readonly planUpdateable: boolean;
  /** Seconds; also the broker's own deadline for an operation. */
  readonly maximumPollingDuration: number;
  readonly maintenanceInfo?: { readonly version: string; readonly description?: string };
  readonly schemas: { readonly create?: JsonSchema; readonly update?: JsonSchema; readonly bind?: JsonSchema };
  readonly metadata: JsonObject;
  /** Key of the provider account in the configuration. */
  readonly provider: string;
  /** What the plan says to that provider's adapter. */
  readonly backend: Json;
  /**
   * `async`: needs accepts_incomplete; answered 202, or with the result where the first step brings it at once.
   * `sync`: done within the request, 202 only if it takes long and the platform allows it.
   */
  readonly execution: "sync" | "async";
  /** A binding needs an app GUID (OSB RequiresApp). */
  readonly requiresApp: boolean;
  /** Its schemas are the provider's own: where Lotse cannot read one, the provider is left to judge. */
  readonly checkedByProvider?: boolean;
}

// ---- what was ordered --------------------------------------------------------------------------------------------

export type InstanceState =
  | "provisioning"
  | "provision-failed"
  | "ready"
  | "updating"
  | "deprovisioning"
  | "deprovision-failed"
  | "deleted";

/** One incarnation of a service instance. The platform's id may be used again after deletion; `uid` never is. */
export interface Instance {
  readonly uid: string;
  readonly platformId: string;
  readonly instanceId: string;
  /** 1 for the first use of the id, then counted up; unique per id, so that of two first orders one wins. */
  readonly incarnation: number;
  /** Counts binds and unbinds begun, so that an update or removal notices one that began since it looked. */
  readonly bindsBegun: number;
  readonly offeringId: string;
  readonly planId: string;
  /** Its plan's, which no update changes. */
  readonly provider: string;
  readonly organization: string;
  readonly space: string;
  readonly parameters: Secret<JsonObject>;
  readonly context: JsonObject;
  readonly facts: Secret<Json>;
  readonly maintenanceVersion?: string;
  readonly dashboardUrl?: string;
  readonly labels: JsonObject;
  readonly attributes: JsonObject;
  readonly usable: boolean;
  /** It existed before Lotse. `unproven`: no operation has succeeded on it yet, so nothing is undone by itself. */
  readonly adopted?: "unproven" | "proven";
  readonly state: InstanceState;
  /** Token of the operation that holds the instance. */
  readonly operation?: string;
  /** Counts writes; every update names the version it read. */
  readonly version: number;
  readonly createdAt: Millis;
  readonly updatedAt: Millis;
}

export type BindingState = "binding" | "bind-failed" | "bound" | "unbinding" | "unbind-failed" | "deleted";

export interface Binding {
  readonly uid: string;
  readonly platformId: string;
  readonly bindingId: string;
  readonly incarnation: number;
  readonly instanceUid: string;
  readonly instanceId: string;
  readonly offeringId: string;
  readonly planId: string;
  readonly appGuid?: string;
  readonly bindResource: JsonObject;
  readonly parameters: Secret<JsonObject>;
  readonly context: JsonObject;
  /** The platform's binding id of the predecessor (rotation). */
  readonly predecessor?: string;
  readonly predecessorUid?: string;
  readonly facts: Secret<Json>;
  /** Present once bound, erased when unbound. */
  readonly access?: Secret<Json>;
  readonly expiresAt?: Millis;
  readonly state: BindingState;
  readonly operation?: string;
  readonly version: number;
  readonly createdAt: Millis;
  readonly updatedAt: Millis;
}

// ---- operations --------------------------------------------------------------------------------------------------

export type OperationKind = "provision" | "update" | "deprovision" | "bind" | "unbind";

/** One change on its way; `token` is its id, OSB's `operation`, and what adapters key their work on. */
export interface Operation {
  readonly token: string;
  readonly kind: OperationKind;
  /** `request`: a platform asked. `cleanup`: Lotse removes or reverts what a failed or cancelled operation left. */
  readonly purpose: "request" | "cleanup";
  readonly platformId: string;
  readonly instanceUid: string;
  readonly instanceId: string;
  readonly bindingUid?: string;
  readonly bindingId?: string;
  /** Whose adapter carries it out; counts against that provider's slots. */
  readonly provider: string;
  readonly state: "open" | "succeeded" | "failed";
  /** What the row becomes when an update succeeds. */
  readonly target?: UpdateTarget;
  /** Shown to users by last_operation. */
  readonly description?: string;
  /** Failed, and surely nothing was left behind or changed. */
  readonly clean?: boolean;
  readonly usable?: boolean;
  readonly repeatable?: boolean;
  /** Adapter's handle for `poll`. */
  readonly handle?: Secret<Json>;
  /** Token of the operation this one cleans up after; it waits until that one's lease is free. */
  readonly interrupts?: string;
  readonly requester?: Json;
  readonly requestId?: string;
  readonly attempt: number;
  /** Unknown results in a row; decides the pace of repeats. */
  readonly failures: number;
  readonly dueAt: Millis;
  readonly deadlineAt: Millis;
  readonly lease?: Lease;
  /** Number of the newest lease ever given; a write under an older one is turned away. */
  readonly leaseNumber: number;
  /** A late result of the operation this one cleans up after arrived meanwhile: when done, do it once more. */
  readonly again: boolean;
  readonly startedAt: Millis;
  readonly finishedAt?: Millis;
}

export interface Lease {
  readonly owner: string;
  readonly until: Millis;
}

/** An update's aim, complete: what the instance row holds after success. */
export interface UpdateTarget {
  readonly planId: string;
  readonly parameters: Secret<JsonObject>;
  readonly context: JsonObject;
  readonly maintenanceVersion?: string;
  /** The normalised request, to tell a repeat from another request. */
  readonly asked: Secret<JsonObject>;
}

// ---- who asks ----------------------------------------------------------------------------------------------------

/** A registered OSB client (Plattform). */
export interface Platform {
  readonly id: string;
  readonly name: string;
}

/** Who and on which occasion: goes into every audit row. */
export interface Caller {
  readonly platform: Platform;
  /** Parsed X-Broker-API-Originating-Identity. */
  readonly identity?: { readonly platform: string; readonly value: JsonObject };
  /** X-Broker-API-Request-Identity, or one made here. */
  readonly requestId: string;
}

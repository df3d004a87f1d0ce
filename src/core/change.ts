/** What a decision wants written: plain data, carried out all or none by the store's `apply`. */
import type { Json, JsonObject } from "./json.ts";
import type { Binding, Caller, Instance, Millis, Operation } from "./model.ts";

/** A null clears the column; an absent key leaves it. */
type Patch<T, K extends keyof T> = { readonly [P in K]?: T[P] | null };

export type InstancePatch = Patch<
  Instance,
  | "planId"
  | "parameters"
  | "context"
  | "facts"
  | "maintenanceVersion"
  | "dashboardUrl"
  | "labels"
  | "attributes"
  | "usable"
  | "adopted"
  | "state"
  | "operation"
>;

export type BindingPatch = Patch<Binding, "facts" | "access" | "expiresAt" | "state" | "operation">;

export type OperationPatch = Patch<
  Operation,
  | "purpose"
  | "state"
  | "description"
  | "clean"
  | "usable"
  | "repeatable"
  | "handle"
  | "attempt"
  | "failures"
  | "dueAt"
  | "lease"
  | "finishedAt"
  | "again"
>;

export type Change =
  | { readonly insert: "instance"; readonly row: Instance }
  | { readonly insert: "binding"; readonly row: Binding }
  | { readonly insert: "operation"; readonly row: Operation }
  /** Guarded by the version read, and by `bindsBegun` where it matters that no bind began meanwhile. */
  | {
      readonly update: "instance";
      readonly uid: string;
      readonly version: number;
      readonly bindsBegun?: number;
      readonly set: InstancePatch;
      readonly at: Millis;
    }
  /** Counts a bind or unbind on the instance without disturbing other binds; with `bindsBegun` there may be no other. */
  | { readonly count: "bind"; readonly uid: string; readonly version: number; readonly bindsBegun?: number }
  | {
      readonly update: "binding";
      readonly uid: string;
      readonly version: number;
      readonly set: BindingPatch;
      readonly at: Millis;
    }
  | {
      readonly update: "operation";
      readonly token: string;
      readonly only: {
        readonly state?: "open";
        readonly leaseNumber?: number;
        readonly again?: boolean;
        readonly purpose?: Operation["purpose"];
      };
      readonly set: OperationPatch;
    }
  | { readonly insert: "audit"; readonly row: AuditEntry }
  | { readonly insert: "adoption"; readonly row: Adoption };

/** Which thing at a provider an adopted instance or binding is. */
export interface Adoption {
  readonly uid: string;
  readonly provider: string;
  readonly thing: "instance" | "binding";
  /** What the provider calls it; of a binding, together with its instance. */
  readonly reference: string;
  /** 1 for the first adoption of the thing, then counted up; unique, so that of two at once one wins. */
  readonly incarnation: number;
  readonly adoptedAt: Millis;
  readonly adoptedBy: string;
}

/** One line of the audit trail, written in the same transaction as what it tells. Never holds a secret. */
export interface AuditEntry {
  readonly at: Millis;
  /** e.g. `provision.begun`, `bind.succeeded`, `platform.disabled`. */
  readonly action: string;
  readonly outcome: "begun" | "succeeded" | "failed" | "refused";
  readonly platformId?: string;
  /** Originating identity, or who acted on the management side. */
  readonly actor?: Json;
  readonly requestId?: string;
  readonly instanceId?: string;
  readonly bindingId?: string;
  readonly operation?: string;
  readonly details?: JsonObject;
}

export function auditOf(
  operation: Operation,
  at: Millis,
  outcome: AuditEntry["outcome"],
  details?: JsonObject,
): { readonly insert: "audit"; readonly row: AuditEntry } {
  return {
    insert: "audit",
    row: {
      at,
      action: `${operation.kind}.${outcome}`,
      outcome,
      platformId: operation.platformId,
      actor: operation.purpose === "cleanup" ? { by: "lotse" } : (operation.requester ?? null),
      instanceId: operation.instanceId,
      operation: operation.token,
      ...(operation.requestId !== undefined && { requestId: operation.requestId }),
      ...(operation.bindingId !== undefined && { bindingId: operation.bindingId }),
      ...(details !== undefined && { details }),
    },
  };
}

/** The originating identity as adapters and the audit trail see it. */
export function requesterOf(caller: Caller): { requester?: Json; requestId: string } {
  return {
    requestId: caller.requestId,
    ...(caller.identity !== undefined && {
      requester: { platform: caller.identity.platform, value: caller.identity.value },
    }),
  };
}

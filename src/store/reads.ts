/** The hot reads, once for both databases: text with `?`, and how rows become nouns. */
import type { Binding, Instance, Operation } from "../core/model.ts";
import { bindings, decode, instances, operations, type Row } from "./columns.ts";
import type { Seal } from "./seal.ts";

export const reads = {
  instance: "SELECT * FROM instances WHERE platform_id = ? AND instance_id = ? ORDER BY incarnation DESC LIMIT 1",
  instanceByUid: "SELECT * FROM instances WHERE uid = ?",
  binding: "SELECT * FROM bindings WHERE platform_id = ? AND binding_id = ? ORDER BY incarnation DESC LIMIT 1",
  bindingByUid: "SELECT * FROM bindings WHERE uid = ?",
  livingBindings: "SELECT * FROM bindings WHERE instance_uid = ? AND state <> 'deleted' ORDER BY uid",
  operation: "SELECT * FROM operations WHERE token = ?",
  newestInstanceOperation:
    "SELECT * FROM operations WHERE instance_uid = ? AND binding_uid IS NULL AND purpose = 'request' ORDER BY token DESC LIMIT 1",
  newestBindingOperation:
    "SELECT * FROM operations WHERE instance_uid = ? AND binding_uid = ? AND purpose = 'request' ORDER BY token DESC LIMIT 1",
  due: `SELECT token, provider FROM operations
    WHERE state = 'open' AND due_at <= ? AND (lease_until IS NULL OR lease_until <= ?) ORDER BY due_at LIMIT ?`,
  // The interrupted operation's worker may still be making things; the removal waits until it is done or given up.
  claim: `UPDATE operations SET lease_owner = ?, lease_until = ?, lease_number = lease_number + 1
    WHERE token = ? AND state = 'open' AND (lease_until IS NULL OR lease_until <= ?)
    AND NOT EXISTS (SELECT 1 FROM operations other WHERE other.token = operations.interrupts AND other.lease_until > ?)
    RETURNING *`,
  extend: `UPDATE operations SET lease_until = ? WHERE lease_owner = ? AND lease_until > ?
    AND token IN (SELECT value FROM json_each(?)) RETURNING token, state`,
  release: `UPDATE operations SET lease_owner = NULL, lease_until = NULL WHERE lease_owner = ?
    AND token IN (SELECT value FROM json_each(?))`,
} as const;

/** Statements of the audit chain; the placeholders that differ are added by each store. */
export const sealing = {
  end: "SELECT position, hash FROM audit WHERE position IS NOT NULL ORDER BY position DESC LIMIT 1",
  unsealed: "SELECT * FROM audit WHERE position IS NULL ORDER BY id LIMIT ?",
  addSeal: "INSERT INTO audit_seals (last_position, at, hash, key_id, mac)",
} as const;

export interface Decoders {
  readonly instance: (row: Row | undefined) => Instance | undefined;
  readonly binding: (row: Row | undefined) => Binding | undefined;
  readonly operation: (row: Row | undefined) => Operation | undefined;
}

export function createDecoders(seal: Seal): Decoders {
  return {
    instance: (row) => (row === undefined ? undefined : decode(instances, row, seal)),
    binding: (row) => (row === undefined ? undefined : decode(bindings, row, seal)),
    operation: (row) => (row === undefined ? undefined : decode(operations, row, seal)),
  };
}

/** Of the operations whose leases were prolonged, those that nobody cancelled meanwhile. */
export function openTokens(rows: readonly Row[]): string[] {
  return rows.flatMap((row) => (row.state === "open" ? [row.token as string] : []));
}

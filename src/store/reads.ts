/** The hot reads, once for both databases: text with `?`, and how rows become nouns. */
import type { Binding, Instance, Operation } from "../core/model.ts";
import { bindings, decode, instances, operations, positionOf, type Row, selectList, type Table } from "./columns.ts";
import type { Seal } from "./seal.ts";
import type { DueOperation } from "./store.ts";

const instance = `SELECT ${selectList(instances)} FROM instances`;
const binding = `SELECT ${selectList(bindings)} FROM bindings`;
const operation = `SELECT ${selectList(operations)} FROM operations`;

export const reads = {
  // Without ORDER BY: SQLite plans a statement that has one and parameters anew whenever it is run, which costs several
  // times the read. `newest` picks among the few incarnations there are.
  incarnations: `${instance} WHERE platform_id = ? AND instance_id = ?`,
  instanceByUid: `${instance} WHERE uid = ?`,
  bindingIncarnations: `${binding} WHERE platform_id = ? AND binding_id = ?`,
  bindingByUid: `${binding} WHERE uid = ?`,
  livingBindings: `${binding} WHERE instance_uid = ? AND state <> 'deleted'`,
  operation: `${operation} WHERE token = ?`,
  newestInstanceOperation: `${operation}
    WHERE instance_uid = ? AND binding_uid IS NULL AND purpose = 'request' ORDER BY token DESC LIMIT 1`,
  newestBindingOperation: `${operation}
    WHERE instance_uid = ? AND binding_uid = ? AND purpose = 'request' ORDER BY token DESC LIMIT 1`,
  due: `SELECT token, provider FROM operations
    WHERE state = 'open' AND due_at <= ? AND (lease_until IS NULL OR lease_until <= ?)
    AND provider NOT IN (SELECT value FROM json_each(?)) ORDER BY due_at LIMIT ?`,
  // The interrupted operation's worker may still be making things; the removal waits until it is done or given up.
  claim: `UPDATE operations SET lease_owner = ?, lease_until = ?, lease_number = lease_number + 1
    WHERE token = ? AND state = 'open' AND (lease_until IS NULL OR lease_until <= ?)
    AND NOT EXISTS (SELECT 1 FROM operations other WHERE other.token = operations.interrupts AND other.lease_until > ?)
    RETURNING ${selectList(operations)}`,
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
  /** The newest of an id's incarnations. */
  readonly newestInstance: (rows: readonly Row[]) => Instance | undefined;
  readonly instance: (row: Row | undefined) => Instance | undefined;
  readonly newestBinding: (rows: readonly Row[]) => Binding | undefined;
  readonly binding: (row: Row | undefined) => Binding | undefined;
  /** In the order they were made. */
  readonly bindings: (rows: readonly Row[]) => readonly Binding[];
  readonly operation: (row: Row | undefined) => Operation | undefined;
}

export function createDecoders(seal: Seal): Decoders {
  const one =
    <T>(where: Table<T>) =>
    (row: Row | undefined) =>
      row === undefined ? undefined : decode(where, row, seal);
  const instance = one(instances);
  const binding = one(bindings);
  const atInstance = positionOf(instances, "incarnation");
  const atBinding = positionOf(bindings, "incarnation");
  return {
    newestInstance: (rows) => instance(greatest(rows, atInstance)),
    instance,
    newestBinding: (rows) => binding(greatest(rows, atBinding)),
    binding,
    bindings: (rows) =>
      rows
        .map((row) => decode(bindings, row, seal))
        // Keys sort by the time they were made.
        .sort((a, b) => (a.uid < b.uid ? -1 : 1)),
    operation: one(operations),
  };
}

function greatest(rows: readonly Row[], position: number): Row | undefined {
  let [best] = rows;
  for (const row of rows) if (Number(row[position]) > Number(best?.[position])) best = row;
  return best;
}

/** Of the operations whose leases were prolonged (token, state), those that nobody cancelled meanwhile. */
export function openTokens(rows: readonly Row[]): string[] {
  return rows.flatMap(([token, state]) => (state === "open" ? [token as string] : []));
}

/** Token and provider of what is due. */
export function dueOperations(rows: readonly Row[]): DueOperation[] {
  return rows.map(([token, provider]) => ({ token: token as string, provider: provider as string }));
}

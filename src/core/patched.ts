/** What a row is after a change was written, without reading it back. */
import type { Change } from "./change.ts";
import type { Binding, Instance, Operation } from "./model.ts";

export interface Rows {
  readonly operation: Operation;
  readonly instance: Instance;
  readonly binding?: Binding;
}

/** The rows after `changes`; those the changes do not name are as before. */
export function patchedRows(rows: Rows, changes: readonly Change[]): Rows {
  let { operation, instance, binding } = rows;
  for (const change of changes) {
    if (!("update" in change)) continue;
    if (change.update === "operation" && change.token === operation.token) operation = patched(operation, change.set);
    if (change.update === "instance" && change.uid === instance.uid)
      instance = patched(instance, { ...change.set, version: instance.version + 1 });
    if (change.update === "binding" && binding !== undefined && change.uid === binding.uid)
      binding = patched(binding, { ...change.set, version: binding.version + 1 });
  }
  return { operation, instance, ...(binding !== undefined && { binding }) };
}

/** A null in the patch takes the field away. */
function patched<T extends object>(row: T, set: object): T {
  const next = new Map<string, unknown>(Object.entries(row));
  for (const [field, value] of Object.entries(set)) {
    if (value === null) next.delete(field);
    else if (value !== undefined) next.set(field, value);
  }
  return Object.fromEntries(next) as T;
}

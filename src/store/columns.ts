/** How nouns become rows and back: one table of columns per noun, read by everything that writes or reads SQL. */
import type { Adoption, AuditEntry } from "../core/change.ts";
import type { Json, JsonObject } from "../core/json.ts";
import type { Binding, Instance, Operation, UpdateTarget } from "../core/model.ts";
import { Secret } from "../core/secret.ts";
import type { Seal } from "./seal.ts";

export type SqlValue = string | number | Buffer | null;
/** A row as the databases hand it out fastest: values in the order of `selectList`. */
export type Row = readonly (SqlValue | undefined)[];
type Kind = "text" | "number" | "boolean" | "json" | "sealed" | "target" | "lease";

export interface Table<T> {
  readonly name: string;
  /** Field whose value names the row in a seal's place. */
  readonly key: keyof T & string;
  readonly kinds: ReadonlyMap<string, Kind>;
}

function table<T>(name: string, key: keyof T & string, kinds: { readonly [K in keyof T]-?: Kind }): Table<T> {
  return { name, key, kinds: new Map(Object.entries(kinds) as [string, Kind][]) };
}

export const instances = table<Instance>("instances", "uid", {
  uid: "text",
  platformId: "text",
  instanceId: "text",
  incarnation: "number",
  bindsBegun: "number",
  offeringId: "text",
  planId: "text",
  provider: "text",
  organization: "text",
  space: "text",
  parameters: "sealed",
  context: "json",
  facts: "sealed",
  maintenanceVersion: "text",
  dashboardUrl: "text",
  labels: "json",
  attributes: "json",
  usable: "boolean",
  adopted: "text",
  state: "text",
  operation: "text",
  version: "number",
  createdAt: "number",
  updatedAt: "number",
});

export const bindings = table<Binding>("bindings", "uid", {
  uid: "text",
  platformId: "text",
  bindingId: "text",
  incarnation: "number",
  instanceUid: "text",
  instanceId: "text",
  offeringId: "text",
  planId: "text",
  appGuid: "text",
  bindResource: "json",
  parameters: "sealed",
  context: "json",
  predecessor: "text",
  predecessorUid: "text",
  facts: "sealed",
  access: "sealed",
  expiresAt: "number",
  state: "text",
  operation: "text",
  version: "number",
  createdAt: "number",
  updatedAt: "number",
});

export const operations = table<Operation>("operations", "token", {
  token: "text",
  kind: "text",
  purpose: "text",
  platformId: "text",
  instanceUid: "text",
  instanceId: "text",
  bindingUid: "text",
  bindingId: "text",
  provider: "text",
  state: "text",
  target: "target",
  description: "text",
  clean: "boolean",
  usable: "boolean",
  repeatable: "boolean",
  handle: "sealed",
  interrupts: "text",
  requester: "json",
  requestId: "text",
  attempt: "number",
  failures: "number",
  dueAt: "number",
  deadlineAt: "number",
  lease: "lease",
  leaseNumber: "number",
  again: "boolean",
  startedAt: "number",
  finishedAt: "number",
});

export const audit = table<AuditEntry>("audit", "action", {
  at: "number",
  action: "text",
  outcome: "text",
  platformId: "text",
  actor: "json",
  requestId: "text",
  instanceId: "text",
  bindingId: "text",
  operation: "text",
  details: "json",
});

export const adoptions = table<Adoption>("adoptions", "uid", {
  uid: "text",
  provider: "text",
  thing: "text",
  reference: "text",
  incarnation: "number",
  adoptedAt: "number",
  adoptedBy: "text",
});

const columnNames = new Map<string, string>();

/** camelCase to snake_case; the field names are ours, never a caller's. */
export function columnOf(field: string): string {
  let name = columnNames.get(field);
  if (name === undefined) {
    name = field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    columnNames.set(field, name);
  }
  return name;
}

/** The columns a field is kept in: one, but for a lease. */
export function columnsOf(kind: Kind | undefined, field: string): readonly string[] {
  return kind === "lease" ? ["lease_owner", "lease_until"] : [columnOf(field)];
}

/** Appends a field's SQL values in the order of `columnsOf`. NULL stands for parameters of none, and for null. */
export function encode<T>(
  to: SqlValue[],
  where: Table<T>,
  key: string,
  field: string,
  value: unknown,
  seal: Seal,
): void {
  const kind = where.kinds.get(field);
  if (kind === "lease") {
    const lease = value as Operation["lease"] | null;
    to.push(lease?.owner ?? null, lease?.until ?? null);
    return;
  }
  if (value === undefined || value === null) {
    to.push(null);
    return;
  }
  switch (kind) {
    case "boolean":
      to.push(value === true ? 1 : 0);
      return;
    case "json":
      to.push(JSON.stringify(value));
      return;
    case "sealed": {
      const plain = (value as Secret).reveal();
      to.push(
        plain === null || (field === "parameters" && isEmpty(plain))
          ? null
          : seal.close(JSON.stringify(plain), place(where.name, key, field)),
      );
      return;
    }
    case "target": {
      const target = value as UpdateTarget;
      const plain = { ...target, parameters: target.parameters.reveal(), asked: target.asked.reveal() };
      to.push(seal.close(JSON.stringify(plain), place(where.name, key, field)));
      return;
    }
    default:
      to.push(value as SqlValue);
  }
}

/** An order's parameters: mostly there are none, and then nothing has to be sealed. */
function isEmpty(value: Json): boolean {
  for (const _key in value as JsonObject) return false;
  return true;
}

function place(tableName: string, key: string, field: string): string {
  return `${tableName}|${key}|${field}`;
}

/** The columns of a noun, in the order in which `decode` reads them. */
export function selectList<T>({ kinds }: Table<T>): string {
  return [...kinds].flatMap(([field, kind]) => columnsOf(kind, field)).join(", ");
}

/** Where a field's value stands in a row. */
export function positionOf<T>({ kinds }: Table<T>, field: keyof T & string): number {
  let position = 0;
  for (const [name, kind] of kinds) {
    if (name === field) return position;
    position += columnsOf(kind, name).length;
  }
  throw new Error(`There is no column for ${field}.`);
}

/** A row as a noun. NULL becomes an absent field, save for secrets that are always there (an empty one). */
export function decode<T>(where: Table<T>, row: Row, seal: Seal): T {
  const noun: Record<string, unknown> = {};
  // The key is every table's first column.
  const key = row[0] as string;
  let at = 0;
  for (const [field, kind] of where.kinds) {
    const value = row[at++];
    switch (kind) {
      case "lease": {
        const until = row[at++];
        if (typeof value === "string") noun[field] = { owner: value, until };
        break;
      }
      case "sealed":
        if (value instanceof Uint8Array) noun[field] = Secret.lazily(() => unseal(value, where.name, key, field, seal));
        else if (field === "parameters") noun[field] = new Secret({});
        else if (field === "facts") noun[field] = new Secret(null);
        break;
      case "target":
        if (value instanceof Uint8Array)
          noun[field] = targetFrom(unseal(value, where.name, key, field, seal) as JsonObject);
        break;
      default:
        if (value === null || value === undefined) break;
        if (kind === "boolean") noun[field] = value === 1;
        else if (kind === "json") noun[field] = JSON.parse(value as string);
        else noun[field] = value;
    }
  }
  return noun as T;
}

function unseal(value: Uint8Array, tableName: string, key: string, field: string, seal: Seal): Json {
  return JSON.parse(seal.open(value, place(tableName, key, field))) as Json;
}

function targetFrom(plain: JsonObject): UpdateTarget {
  const { parameters, asked, ...rest } = plain as unknown as { parameters: JsonObject; asked: JsonObject };
  return { ...(rest as unknown as UpdateTarget), parameters: new Secret(parameters), asked: new Secret(asked) };
}

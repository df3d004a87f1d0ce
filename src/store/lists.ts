/** Instances, operations and the audit trail as people look through them: never what is sealed. */
import type { Knex } from "knex";
import type { AuditEntry } from "../core/change.ts";
import type { Binding, Instance, InstanceState, Millis, Operation, OperationKind } from "../core/model.ts";
import { audit, bindings, columnOf, instances, operations, type Table } from "./columns.ts";
import { type Condition, mergePages, type Stored, walk } from "./walk.ts";

const instanceFields = [
  "uid",
  "platformId",
  "instanceId",
  "offeringId",
  "planId",
  "provider",
  "organization",
  "space",
  "maintenanceVersion",
  "usable",
  "state",
  "operation",
  "createdAt",
  "updatedAt",
] as const satisfies readonly (keyof Instance)[];

const bindingFields = [
  "uid",
  "bindingId",
  "appGuid",
  "expiresAt",
  "state",
  "operation",
  "createdAt",
  "updatedAt",
] as const satisfies readonly (keyof Binding)[];

const operationFields = [
  "token",
  "kind",
  "purpose",
  "platformId",
  "instanceUid",
  "instanceId",
  "bindingUid",
  "bindingId",
  "provider",
  "state",
  "description",
  "interrupts",
  "requestId",
  "attempt",
  "failures",
  "dueAt",
  "deadlineAt",
  "startedAt",
  "finishedAt",
] as const satisfies readonly (keyof Operation)[];

type InstanceField = (typeof instanceFields)[number];
type OperationField = (typeof operationFields)[number];
type BindingField = (typeof bindingFields)[number];

export type ListedInstance = Pick<Instance, InstanceField>;
export type ListedOperation = Pick<Operation, OperationField>;
export type ListedBinding = Pick<Binding, BindingField>;
export type ListedAudit = AuditEntry & { readonly id: number };

export interface ListAsk {
  readonly limit: number;
  /** Only what is older than this key. */
  readonly before?: string;
  /** Only what belongs to these. */
  readonly providers: "all" | readonly string[];
}

export interface InstanceFilters {
  readonly platformId?: string;
  readonly provider?: string;
  readonly offeringId?: string;
  readonly planId?: string;
  readonly organization?: string;
  readonly state?: InstanceState;
}

export interface OperationFilters {
  readonly platformId?: string;
  readonly provider?: string;
  readonly instanceUid?: string;
  readonly kind?: OperationKind;
  readonly state?: Operation["state"];
}

export interface AuditFilters {
  readonly action?: string;
  readonly platformId?: string;
  readonly instanceId?: string;
  /** Inclusive. */
  readonly since?: Millis;
  /** Exclusive. */
  readonly until?: Millis;
}

export interface Listed<T> {
  readonly rows: readonly T[];
  /** The key behind which the next page begins. */
  readonly next?: string;
}

export interface Lists {
  instances(ask: ListAsk, filters: InstanceFilters): Promise<Listed<ListedInstance>>;
  instance(uid: string): Promise<ListedInstance | undefined>;
  /** Of an instance, in the order they were made; those that are gone too. */
  bindings(instanceUid: string): Promise<readonly ListedBinding[]>;
  operations(ask: ListAsk, filters: OperationFilters): Promise<Listed<ListedOperation>>;
  operation(token: string): Promise<ListedOperation | undefined>;
  audit(ask: Omit<ListAsk, "providers">, filters: AuditFilters): Promise<Listed<ListedAudit>>;
}

export function createLists(knex: Knex): Lists {
  /** A page of what one provider after another has: each has its own place in the index. */
  async function page<T extends object>(
    nouns: Nouns<T>,
    ask: ListAsk,
    provider: string | undefined,
    conditions: (ofProvider: readonly Condition[]) => readonly Condition[],
  ): Promise<Listed<T>> {
    const { providers, limit, before } = ask;
    const all = providers === "all";
    const wanted = provider === undefined ? (all ? [undefined] : providers) : [provider].filter(isAmong(providers));
    const { table, key, columns } = nouns;
    const plan = { table: table.name, key, columns, ...(before !== undefined && { before }) };
    const walks = await Promise.all(
      wanted.map((one) => {
        return walk(knex, { ...plan, conditions: conditions(equals("provider", one)) }, limit + 1);
      }),
    );
    const { rows, next } = mergePages(walks, limit, key);
    return { rows: rows.map(nouns.read), ...(next !== undefined && { next }) };
  }

  return {
    instances: (ask, { organization, planId, state, offeringId, provider, platformId }) =>
      // The most telling first: the first one that has an index leads.
      page(listedInstances, ask, provider, (ofProvider) => [
        ...equals("organization", organization),
        ...rareState(state),
        ...equals("plan_id", planId),
        ...equals("offering_id", offeringId, false),
        ...ofProvider,
        ...equals("platform_id", platformId, false),
      ]),
    async instance(uid) {
      const row: Stored | undefined = await knex("instances").where({ uid }).first(listedInstances.columns);
      return row && listedInstances.read(row);
    },
    async bindings(instanceUid) {
      const rows: Stored[] = await knex("bindings")
        .where({ instance_uid: instanceUid })
        .orderBy("uid")
        .select(listedBindings.columns);
      return rows.map(listedBindings.read);
    },
    operations: (ask, { instanceUid, state, kind, provider, platformId }) =>
      page(listedOperations, ask, provider, (ofProvider) => [
        ...equals("instance_uid", instanceUid),
        ...(state === undefined ? [] : [operationState(state)]),
        ...equals("kind", kind, false),
        ...ofProvider,
        ...equals("platform_id", platformId, false),
      ]),
    async operation(token) {
      const row: Stored | undefined = await knex("operations").where({ token }).first(listedOperations.columns);
      return row && listedOperations.read(row);
    },
    async audit({ limit, before }, { action, platformId, instanceId, since, until }) {
      const start = until === undefined ? undefined : (await auditBefore(knex, until + askewMs)) + 1;
      const floor = since === undefined ? undefined : await auditBefore(knex, since - askewMs);
      const below = Math.min(Number(before ?? Infinity), start ?? Infinity);
      const conditions = [
        ...equals("instance_id", instanceId),
        ...(action === undefined ? [] : [auditAction(action)]),
        ...equals("platform_id", platformId, false),
        ...(since === undefined ? [] : [{ sql: "at >= ?", values: [since], indexed: false }]),
        ...(until === undefined ? [] : [{ sql: "at < ?", values: [until], indexed: false }]),
      ];
      const { table, key, columns } = listedAudit;
      const bounds = { ...(below < Infinity && { before: below }), ...(floor !== undefined && { above: floor }) };
      const walked = await walk(knex, { table: table.name, key, columns, conditions, ...bounds }, limit + 1);
      const { rows, next } = mergePages([walked], limit, key);
      return { rows: rows.map(listedAudit.read), ...(next !== undefined && { next }) };
    },
  };
}

const equal = (column: string, value: string, indexed = true): Condition => ({
  sql: `${column} = ?`,
  values: [value],
  indexed,
});

const equals = (column: string, value: string | undefined, indexed = true): readonly Condition[] =>
  value === undefined ? [] : [equal(column, value, indexed)];

const isAmong =
  (providers: "all" | readonly string[]) =>
  (provider: string): boolean =>
    providers === "all" || providers.includes(provider);

/** As the partial indexes have them, word for word. "ready" has none: it is what most are, or were lately. */
function rareState(state: InstanceState | undefined): readonly Condition[] {
  if (state === undefined) return [];
  if (state === "ready") return [equal("state", state, false)];
  if (state === "deleted") return [{ sql: "state = 'deleted'", values: [], indexed: true }];
  return [{ sql: "state NOT IN ('ready', 'deleted') AND state = ?", values: [state], indexed: true }];
}

function operationState(state: Operation["state"]): Condition {
  if (state === "failed") return { sql: "state = 'failed'", values: [], indexed: true };
  // As many as there are slots: the index of what is due finds them.
  if (state === "open") return { sql: "state = 'open'", values: [], indexed: true };
  return equal("state", state, false);
}

/** An operation's own rows are most of the trail and stand beside their operation; the others have an index. */
const auditAction = (action: string): Condition =>
  /^(provision|update|deprovision|bind|unbind)\./.test(action)
    ? equal("action", action, false)
    : { sql: "operation IS NULL AND action = ?", values: [action], indexed: true };

/** How far the order of times may differ from the order of rows: clocks of replicas, and rows that waited. */
const askewMs = 10 * 60_000;

/** The newest row that was told by then, or 0; found by halving, since ids follow time closely and need no index more. */
async function auditBefore(knex: Knex, time: Millis): Promise<number> {
  const newest: { id: number } | undefined = await knex("audit").orderBy("id", "desc").first("id");
  let low = 0;
  let high = (newest?.id ?? 0) + 1;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    const row: { id: number; at: Millis } | undefined = await knex("audit")
      .where("id", "<=", middle)
      .where("id", ">", low)
      .orderBy("id", "desc")
      .first("id", "at");
    if (row === undefined || row.at <= time) low = middle;
    else high = row.id;
  }
  return low;
}

/** What of a table is listed, and how its rows become nouns. */
interface Nouns<T> {
  readonly table: { readonly name: string };
  readonly key: string;
  readonly columns: readonly string[];
  readonly read: (row: Stored) => T;
}

function nouns<T, Field extends keyof T & string>(
  table: Table<T>,
  key: string,
  fields: readonly Field[],
  more: readonly string[] = [],
): Nouns<Pick<T, Field>> {
  return {
    table,
    key,
    columns: [...more, ...fields.map(columnOf)],
    read(row) {
      const noun: Record<string, unknown> = Object.fromEntries(more.map((column) => [column, row[column]]));
      for (const field of fields) {
        const value = row[columnOf(field)] ?? null;
        if (value === null) continue;
        const kind = table.kinds.get(field);
        if (kind === "sealed" || kind === "target" || kind === "lease") throw new Error(`${field} is not for lists.`);
        noun[field] = kind === "boolean" ? value === 1 : kind === "json" ? JSON.parse(String(value)) : value;
      }
      return noun as Pick<T, Field>;
    },
  };
}

const listedInstances = nouns(instances, "uid", instanceFields);
const listedBindings = nouns(bindings, "uid", bindingFields);
const listedOperations = nouns(operations, "token", operationFields);
const listedAudit = nouns(audit, "id", [...audit.kinds.keys()] as (keyof AuditEntry)[], ["id"]) as Nouns<ListedAudit>;

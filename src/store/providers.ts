/** Providers and the snapshots of their catalogs. Every change that platforms may notice raises the catalog's revision. */
import { hash } from "node:crypto";
import type { Knex } from "knex";
import type { ProviderOffering } from "../core/adapter.ts";
import type { AuditEntry } from "../core/change.ts";
import type { Json, JsonObject } from "../core/json.ts";
import type { Millis } from "../core/model.ts";
import type { CatalogReading, Provider, ProviderDetails, ProviderState } from "../core/provider.ts";
import { Secret } from "../core/secret.ts";
import { insertAudit } from "./audit.ts";
import { raiseRevision } from "./revisions.ts";
import type { Seal } from "./seal.ts";

export type SnapshotState = "held" | "published" | "replaced" | "passed-over";

/** A provider's catalog as it was read once. */
export interface Snapshot {
  readonly id: string;
  readonly provider: string;
  readonly readAt: Millis;
  /** Of its content: two with the same one are the same. */
  readonly hash: string;
  readonly offerings: number;
  readonly plans: number;
  /** Differences from what was published when it was read. */
  readonly changes: readonly Json[];
  /** Why it was held, if it was. */
  readonly reasons: readonly string[];
  readonly state: SnapshotState;
  readonly decidedAt?: Millis;
  readonly decidedBy?: string;
}

export interface NewSnapshot {
  readonly id: string;
  readonly provider: string;
  readonly readAt: Millis;
  readonly content: readonly ProviderOffering[];
  readonly changes: readonly Json[];
  readonly reasons: readonly string[];
}

export interface ProviderChange {
  readonly state?: ProviderState;
  readonly details?: ProviderDetails;
  readonly settings?: Secret<JsonObject>;
  /** Null: its catalog is not read any more. */
  readonly refreshAt?: Millis | null;
  readonly reading?: CatalogReading;
}

export interface Providers {
  list(): Promise<readonly Provider[]>;
  byName(name: string): Promise<Provider | undefined>;
  /** False: the name is or was in use. */
  add(provider: Provider, audit: AuditEntry): Promise<boolean>;
  /** False: somebody changed it since `version` was read. */
  change(name: string, version: number, change: ProviderChange, at: Millis, audit: AuditEntry): Promise<boolean>;
  /** Takes the turn to read a catalog that is due; false: another replica took it. */
  claimReading(name: string, due: Millis, next: Millis): Promise<boolean>;
  noteReading(name: string, reading: CatalogReading): Promise<void>;
  /** Keeps a catalog that differs from the last one kept, and those held before are passed over. */
  keepSnapshot(snapshot: NewSnapshot): Promise<Snapshot>;
  passOverHeld(provider: string): Promise<void>;
  /** Publishes it, if the provider is as it was when `version` was read. */
  publishSnapshot(publication: Publication): Promise<boolean>;
  snapshots(provider: string, before: string | undefined, limit: number): Promise<readonly Snapshot[]>;
  snapshot(id: string): Promise<Snapshot | undefined>;
  newestSnapshot(provider: string): Promise<Snapshot | undefined>;
  /** Undefined: there is no such snapshot. */
  content(id: string): Promise<readonly ProviderOffering[] | undefined>;
  keepReport(report: ProviderReport): Promise<void>;
  report(id: string): Promise<ProviderReport | undefined>;
}

export interface Publication {
  readonly snapshot: string;
  readonly provider: string;
  readonly version: number;
  readonly details: ProviderDetails;
  /** Together with the snapshot the provider itself may be published. */
  readonly state?: ProviderState;
  readonly by: string;
  readonly at: Millis;
  readonly audit: AuditEntry;
}

export interface ProviderReport {
  readonly id: string;
  readonly provider: string;
  readonly at: Millis;
  readonly madeBy: string;
  readonly content: Json;
}

interface ProviderRow {
  readonly name: string;
  readonly origin: Provider["origin"];
  readonly adapter: string;
  readonly settings: Uint8Array | null;
  readonly state: ProviderState;
  readonly details: string;
  readonly refresh_at: Millis | null;
  readonly reading: string;
  readonly version: number;
  readonly created_at: Millis;
  readonly updated_at: Millis;
}

interface SnapshotRow {
  readonly id: string;
  readonly provider: string;
  readonly read_at: Millis;
  readonly hash: string;
  readonly offerings: number;
  readonly plans: number;
  readonly changes: string;
  readonly reasons: string;
  readonly state: SnapshotState;
  readonly decided_at: Millis | null;
  readonly decided_by: string | null;
}

const placeOf = (name: string) => `providers:${name}:settings`;
const snapshotColumns = "id provider read_at hash offerings plans changes reasons state decided_at decided_by".split(
  " ",
);

/** The same for the same content. */
export function hashOf(offerings: readonly ProviderOffering[]): string {
  return hash("sha256", JSON.stringify(offerings), "hex");
}

export function createProviders(knex: Knex, seal: Seal): Providers {
  const sealed = (name: string, settings: Secret<JsonObject>) =>
    seal.close(JSON.stringify(settings.reveal()), placeOf(name));

  const read = (row: ProviderRow): Provider => ({
    name: row.name,
    origin: row.origin,
    adapter: row.adapter,
    ...(row.settings !== null && {
      settings: new Secret(JSON.parse(seal.open(row.settings, placeOf(row.name))) as JsonObject),
    }),
    state: row.state,
    details: JSON.parse(row.details) as ProviderDetails,
    ...(row.refresh_at !== null && { refreshAt: row.refresh_at }),
    reading: JSON.parse(row.reading) as CatalogReading,
    version: row.version,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  });

  async function setProvider(
    transaction: Knex.Transaction,
    name: string,
    version: number,
    { state, details, settings, refreshAt, reading }: ProviderChange,
    at: Millis,
  ): Promise<boolean> {
    const changed: number = await transaction("providers")
      .where({ name, version })
      .update({
        version: version + 1,
        updated_at: at,
        ...(state !== undefined && { state }),
        ...(details !== undefined && { details: JSON.stringify(details) }),
        ...(settings !== undefined && { settings: sealed(name, settings) }),
        ...(refreshAt !== undefined && { refresh_at: refreshAt }),
        ...(reading !== undefined && { reading: JSON.stringify(reading) }),
      });
    return changed === 1;
  }

  return {
    async list() {
      const rows: ProviderRow[] = await knex("providers").orderBy("name");
      return rows.map(read);
    },
    async byName(name) {
      const row: ProviderRow | undefined = await knex("providers").where({ name }).first();
      return row === undefined ? undefined : read(row);
    },
    add: (provider, audit) =>
      knex.transaction(async (transaction) => {
        const added: unknown[] = await transaction("providers")
          .insert({
            name: provider.name,
            origin: provider.origin,
            adapter: provider.adapter,
            settings: provider.settings === undefined ? null : sealed(provider.name, provider.settings),
            state: provider.state,
            details: JSON.stringify(provider.details),
            refresh_at: provider.refreshAt ?? null,
            reading: JSON.stringify(provider.reading),
            version: provider.version,
            created_at: provider.createdAt,
            updated_at: provider.updatedAt,
          })
          .onConflict("name")
          .ignore()
          .returning("name");
        if (added.length === 0) return false;
        await raiseRevision(transaction, "catalog");
        await insertAudit(transaction, audit);
        return true;
      }),
    change: (name, version, change, at, audit) =>
      knex.transaction(async (transaction) => {
        if (!(await setProvider(transaction, name, version, change, at))) return false;
        await raiseRevision(transaction, "catalog");
        await insertAudit(transaction, audit);
        return true;
      }),
    async claimReading(name, due, next) {
      const claimed: number = await knex("providers").where({ name, refresh_at: due }).update({ refresh_at: next });
      return claimed === 1;
    },
    async noteReading(name, reading) {
      await knex("providers")
        .where({ name })
        .update({ reading: JSON.stringify(reading) });
    },
    keepSnapshot: ({ id, provider, readAt, content, changes, reasons }) =>
      knex.transaction(async (transaction) => {
        await transaction("catalog_snapshots").where({ provider, state: "held" }).update({ state: "passed-over" });
        const row: SnapshotRow = {
          id,
          provider,
          read_at: readAt,
          hash: hashOf(content),
          offerings: content.length,
          plans: content.reduce((sum, { plans }) => sum + plans.length, 0),
          changes: JSON.stringify(changes),
          reasons: JSON.stringify(reasons),
          state: "held",
          decided_at: null,
          decided_by: null,
        };
        await transaction("catalog_snapshots").insert({ ...row, content: JSON.stringify(content) });
        return readSnapshot(row);
      }),
    async passOverHeld(provider) {
      await knex("catalog_snapshots").where({ provider, state: "held" }).update({ state: "passed-over" });
    },
    publishSnapshot: ({ snapshot, provider, version, details, state, by, at, audit }) =>
      knex.transaction(async (transaction) => {
        const change = { details: { ...details, publishedSnapshot: snapshot }, ...(state !== undefined && { state }) };
        if (!(await setProvider(transaction, provider, version, change, at))) return false;
        await transaction("catalog_snapshots").where({ provider, state: "published" }).update({ state: "replaced" });
        await transaction("catalog_snapshots")
          .where({ id: snapshot })
          .update({ state: "published", decided_at: at, decided_by: by });
        await raiseRevision(transaction, "catalog");
        await insertAudit(transaction, audit);
        return true;
      }),
    async snapshots(provider, before, limit) {
      const rows: SnapshotRow[] = await knex("catalog_snapshots")
        .select(snapshotColumns)
        .where({ provider })
        .modify((query) => void (before !== undefined && query.where("id", "<", before)))
        .orderBy("id", "desc")
        .limit(limit);
      return rows.map(readSnapshot);
    },
    async snapshot(id) {
      const row: SnapshotRow | undefined = await knex("catalog_snapshots")
        .select(snapshotColumns)
        .where({ id })
        .first();
      return row === undefined ? undefined : readSnapshot(row);
    },
    async newestSnapshot(provider) {
      const row: SnapshotRow | undefined = await knex("catalog_snapshots")
        .select(snapshotColumns)
        .where({ provider })
        .orderBy("id", "desc")
        .first();
      return row === undefined ? undefined : readSnapshot(row);
    },
    async content(id) {
      const row: { content: string } | undefined = await knex("catalog_snapshots")
        .select("content")
        .where({ id })
        .first();
      return row === undefined ? undefined : (JSON.parse(row.content) as ProviderOffering[]);
    },
    async keepReport({ id, provider, at, madeBy, content }) {
      await knex("provider_reports").insert({ id, provider, at, made_by: madeBy, content: JSON.stringify(content) });
    },
    async report(id) {
      const row: { id: string; provider: string; at: Millis; made_by: string; content: string } | undefined =
        await knex("provider_reports").where({ id }).first();
      return row === undefined
        ? undefined
        : { id, provider: row.provider, at: row.at, madeBy: row.made_by, content: JSON.parse(row.content) as Json };
    },
  };
}

function readSnapshot(row: SnapshotRow): Snapshot {
  return {
    id: row.id,
    provider: row.provider,
    readAt: row.read_at,
    hash: row.hash,
    offerings: row.offerings,
    plans: row.plans,
    changes: JSON.parse(row.changes) as Json[],
    reasons: JSON.parse(row.reasons) as string[],
    state: row.state,
    ...(row.decided_at !== null && { decidedAt: row.decided_at }),
    ...(row.decided_by !== null && { decidedBy: row.decided_by }),
  };
}

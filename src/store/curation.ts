/** What operators make of the catalog: overlays, visibility, and the names that were given. */
import type { Knex } from "knex";
import type { AuditEntry } from "../core/change.ts";
import type { Json } from "../core/json.ts";
import type { Millis } from "../core/model.ts";
import type { Grant, Visibility } from "../core/visibility.ts";
import { insertAudit } from "./audit.ts";
import { raiseRevision } from "./revisions.ts";

export type VisibleKind = "provider" | "offering" | "plan";

export interface Curated<T> {
  readonly content: T;
  readonly version: number;
  readonly updatedAt: Millis;
  readonly updatedBy: string;
}

export interface VisibilityEntry extends Curated<readonly Grant[]> {
  readonly kind: VisibleKind;
  readonly thing: string;
}

/** Who writes, over which version (0: there is none yet), and what the audit trail says of it. */
export interface Writing {
  readonly version: number;
  readonly at: Millis;
  readonly by: string;
  readonly audit: AuditEntry;
}

export interface GivenName {
  readonly scope: string;
  readonly id: string;
  readonly name: string;
}

export interface Curation {
  overlays(): Promise<ReadonlyMap<string, Json>>;
  overlay(provider: string): Promise<Curated<Json> | undefined>;
  /** Undefined removes it. False: somebody changed it since `version` was read. */
  setOverlay(provider: string, content: Json | undefined, writing: Writing): Promise<boolean>;
  visibility(): Promise<Visibility>;
  visibilityEntries(): Promise<readonly VisibilityEntry[]>;
  visibilityEntry(kind: VisibleKind, thing: string): Promise<VisibilityEntry | undefined>;
  setVisibility(
    kind: VisibleKind,
    thing: string,
    grants: readonly Grant[] | undefined,
    writing: Writing,
  ): Promise<boolean>;
  names(): Promise<ReadonlyMap<string, ReadonlyMap<string, string>>>;
  giveNames(names: readonly GivenName[]): Promise<void>;
}

interface OverlayRow {
  readonly provider: string;
  readonly content: string;
  readonly version: number;
  readonly updated_at: Millis;
  readonly updated_by: string;
}

interface VisibilityRow {
  readonly kind: VisibleKind;
  readonly thing: string;
  readonly grants: string;
  readonly version: number;
  readonly updated_at: Millis;
  readonly updated_by: string;
}

export function createCuration(knex: Knex): Curation {
  /** Writes one row under its key, guarded by the version its writer saw. */
  function write(
    table: string,
    key: { readonly [column: string]: string },
    value: { readonly [column: string]: string } | undefined,
    { version, at, by, audit }: Writing,
  ): Promise<boolean> {
    return knex.transaction(async (transaction) => {
      const guarded = () => transaction(table).where({ ...key, version });
      const stamped = { ...value, version: version + 1, updated_at: at, updated_by: by };
      let written: number;
      if (value === undefined) written = await guarded().delete();
      else if (version > 0) written = await guarded().update(stamped);
      else {
        const added: unknown[] = await transaction(table)
          .insert({ ...key, ...stamped })
          .onConflict(Object.keys(key))
          .ignore()
          .returning("version");
        written = added.length;
      }
      if (written !== 1) return false;
      await raiseRevision(transaction, "catalog");
      await insertAudit(transaction, audit);
      return true;
    });
  }

  return {
    async overlays() {
      const rows: OverlayRow[] = await knex("overlays");
      return new Map(rows.map(({ provider, content }) => [provider, JSON.parse(content) as Json]));
    },
    async overlay(provider) {
      const row: OverlayRow | undefined = await knex("overlays").where({ provider }).first();
      if (row === undefined) return undefined;
      const { content, version, updated_at, updated_by } = row;
      return { content: JSON.parse(content) as Json, version, updatedAt: updated_at, updatedBy: updated_by };
    },
    setOverlay: (provider, content, writing) =>
      write(
        "overlays",
        { provider },
        content === undefined ? undefined : { content: JSON.stringify(content) },
        writing,
      ),
    async visibility() {
      const rows: VisibilityRow[] = await knex("visibility");
      const of = (kind: VisibleKind) =>
        new Map(
          rows.filter((row) => row.kind === kind).map(({ thing, grants }) => [thing, JSON.parse(grants) as Grant[]]),
        );
      return { providers: of("provider"), offerings: of("offering"), plans: of("plan") };
    },
    async visibilityEntries() {
      const rows: VisibilityRow[] = await knex("visibility").orderBy(["kind", "thing"]);
      return rows.map(readEntry);
    },
    async visibilityEntry(kind, thing) {
      const row: VisibilityRow | undefined = await knex("visibility").where({ kind, thing }).first();
      return row === undefined ? undefined : readEntry(row);
    },
    setVisibility: (kind, thing, grants, writing) =>
      write(
        "visibility",
        { kind, thing },
        grants === undefined ? undefined : { grants: JSON.stringify(grants) },
        writing,
      ),
    async names() {
      const rows: GivenName[] = await knex("catalog_names");
      const scopes = new Map<string, Map<string, string>>();
      for (const { scope, id, name } of rows) scopes.set(scope, (scopes.get(scope) ?? new Map()).set(id, name));
      return scopes;
    },
    async giveNames(names) {
      if (names.length === 0) return;
      await knex.transaction(async (transaction) => {
        for (let from = 0; from < names.length; from += 100)
          await transaction("catalog_names")
            .insert(names.slice(from, from + 100).map(({ scope, id, name }) => ({ scope, id, name })))
            .onConflict(["scope", "id"])
            .merge();
      });
    },
  };
}

function readEntry({ kind, thing, grants, version, updated_at, updated_by }: VisibilityRow): VisibilityEntry {
  return {
    kind,
    thing,
    content: JSON.parse(grants) as Grant[],
    version,
    updatedAt: updated_at,
    updatedBy: updated_by,
  };
}

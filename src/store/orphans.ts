/** The orphan ledger: what was found where, since when, and what became of it. And whose turn it is to look. */
import type { Knex } from "knex";
import type { AuditEntry } from "../core/change.ts";
import type { Millis } from "../core/model.ts";
import { type Finding, type FindingKind, keyOf } from "../core/orphans.ts";
import { insertAudit } from "./audit.ts";

export const orphanStates = ["open", "gone", "dismissed"] as const;
export type OrphanState = (typeof orphanStates)[number];

export interface Orphan extends Finding {
  readonly id: string;
  readonly provider: string;
  /** `dismissed`: somebody looked and said why it stays. `gone`: not found any more. */
  readonly state: OrphanState;
  readonly firstSeen: Millis;
  readonly lastSeen: Millis;
  readonly endedAt?: Millis;
  readonly by?: string;
  readonly reason?: string;
  /** Counts what people and looks did with it. */
  readonly version: number;
}

export interface OrphanFilter {
  readonly state?: OrphanState;
  readonly kind?: FindingKind;
  readonly provider?: string;
  /** Only of these. */
  readonly providers?: readonly string[];
}

export interface Noted {
  readonly found: number;
  readonly fresh: number;
  readonly gone: number;
}

/** A provider's turn. */
export interface Turn {
  readonly provider: string;
  readonly dueAt: Millis;
  /** Behind which uid the looks at single things go on. */
  readonly cursor: string;
  readonly readAt?: Millis;
  readonly failure?: string;
}

export interface Orphans {
  /** Writes what a look found; what was found earlier, and neither again nor among `undecided`, is gone. */
  note(provider: string, findings: readonly Finding[], undecided: ReadonlySet<string>, at: Millis): Promise<Noted>;
  /** The newest first, behind `before`. */
  list(filter: OrphanFilter, before: string | undefined, limit: number): Promise<readonly Orphan[]>;
  byId(id: string): Promise<Orphan | undefined>;
  /** False: it is not open any more, or was changed since `version` was read. */
  dismiss(id: string, version: number, by: string, reason: string, at: Millis, audit: AuditEntry): Promise<boolean>;
  /** Open ones. */
  counts(): Promise<readonly { readonly provider: string; readonly kind: FindingKind; readonly count: number }[]>;
  /** Made where there is none yet, due at `first`. */
  turn(provider: string, first: Millis): Promise<Turn>;
  /** Takes a turn that is due; false: another replica took it. */
  claim(turn: Turn, next: Millis): Promise<boolean>;
  endTurn(
    provider: string,
    end: { readonly cursor?: string; readonly at: Millis; readonly failure?: string },
  ): Promise<void>;
}

interface Row {
  readonly id: string;
  readonly provider: string;
  readonly kind: FindingKind;
  readonly thing: "instance" | "binding";
  readonly uid: string;
  readonly name: string;
  readonly platform_id: string | null;
  readonly instance_id: string | null;
  readonly binding_id: string | null;
  readonly operation: string | null;
  readonly suggestion: string;
  readonly state: OrphanState;
  readonly first_seen: Millis;
  readonly last_seen: Millis;
  readonly ended_at: Millis | null;
  readonly decided_by: string | null;
  readonly reason: string | null;
  readonly version: number;
}

export function createOrphans(knex: Knex, newId: () => string): Orphans {
  return {
    note: (provider, findings, undecided, at) =>
      knex.transaction(async (transaction) => {
        const known: Row[] = await transaction("orphans").where({ provider }).whereNot({ state: "gone" });
        const before = new Map(known.map((row) => [keyOf(row), row]));
        let fresh = 0;
        for (const finding of findings) {
          const row = before.get(keyOf(finding));
          const told = { name: finding.name, suggestion: finding.suggestion, operation: finding.operation ?? null };
          if (row !== undefined)
            await transaction("orphans")
              .where({ id: row.id })
              .update({ ...told, last_seen: at });
          else {
            // Another replica may note the same at once, on somebody's demand.
            const added: unknown[] = await transaction("orphans")
              .insert({ ...rowOf(provider, finding, newId(), at), ...told })
              .onConflict(knex.raw("(provider, kind, thing, uid) WHERE state <> 'gone'"))
              .ignore()
              .returning("id");
            fresh += added.length;
          }
        }
        const again = new Set(findings.map(keyOf));
        const gone = known.filter((row) => !again.has(keyOf(row)) && !undecided.has(keyOf(row)));
        for (const { id, version } of gone)
          await transaction("orphans")
            .where({ id })
            .update({ state: "gone", ended_at: at, version: version + 1 });
        return { found: findings.length, fresh, gone: gone.length };
      }),
    async list({ state, kind, provider, providers }, before, limit) {
      const rows: Row[] = await knex("orphans")
        .modify((query) => {
          if (state !== undefined) query.where({ state });
          if (kind !== undefined) query.where({ kind });
          if (provider !== undefined) query.where({ provider });
          if (providers !== undefined) query.whereIn("provider", [...providers]);
          if (before !== undefined) query.where("id", "<", before);
        })
        .orderBy("id", "desc")
        .limit(limit);
      return rows.map(orphanOf);
    },
    async byId(id) {
      const row: Row | undefined = await knex("orphans").where({ id }).first();
      return row === undefined ? undefined : orphanOf(row);
    },
    dismiss: (id, version, by, reason, at, audit) =>
      knex.transaction(async (transaction) => {
        const changed: number = await transaction("orphans")
          .where({ id, version, state: "open" })
          .update({ state: "dismissed", decided_by: by, reason, ended_at: at, version: version + 1 });
        if (changed !== 1) return false;
        await insertAudit(transaction, audit);
        return true;
      }),
    async counts() {
      const rows: { provider: string; kind: FindingKind; count: number | string }[] = await knex("orphans")
        .where({ state: "open" })
        .groupBy("provider", "kind")
        .select("provider", "kind")
        .count({ count: "*" });
      return rows.map((row) => ({ ...row, count: Number(row.count) }));
    },
    async turn(provider, first) {
      await knex("inventories").insert({ provider, due_at: first, cursor: "" }).onConflict("provider").ignore();
      const row: TurnRow = await knex("inventories").where({ provider }).first();
      return {
        provider,
        dueAt: row.due_at,
        cursor: row.cursor,
        ...(row.read_at !== null && { readAt: row.read_at }),
        ...(row.failure !== null && { failure: row.failure }),
      };
    },
    async claim({ provider, dueAt }, next) {
      const claimed: number = await knex("inventories").where({ provider, due_at: dueAt }).update({ due_at: next });
      return claimed === 1;
    },
    async endTurn(provider, { cursor, at, failure }) {
      await knex("inventories")
        .where({ provider })
        .update({
          failure: failure ?? null,
          ...(failure === undefined && { read_at: at }),
          ...(cursor !== undefined && { cursor }),
        });
    },
  };
}

interface TurnRow {
  readonly due_at: Millis;
  readonly cursor: string;
  readonly read_at: Millis | null;
  readonly failure: string | null;
}

function rowOf(
  provider: string,
  finding: Finding,
  id: string,
  at: Millis,
): Omit<Row, "name" | "suggestion" | "operation"> {
  const { kind, thing, uid, platformId, instanceId, bindingId } = finding;
  return {
    id,
    provider,
    kind,
    thing,
    uid,
    platform_id: platformId ?? null,
    instance_id: instanceId ?? null,
    binding_id: bindingId ?? null,
    state: "open",
    first_seen: at,
    last_seen: at,
    ended_at: null,
    decided_by: null,
    reason: null,
    version: 1,
  };
}

function orphanOf(row: Row): Orphan {
  return {
    id: row.id,
    provider: row.provider,
    kind: row.kind,
    thing: row.thing,
    uid: row.uid,
    name: row.name,
    suggestion: row.suggestion,
    state: row.state,
    firstSeen: row.first_seen,
    lastSeen: row.last_seen,
    version: row.version,
    ...(row.platform_id !== null && { platformId: row.platform_id }),
    ...(row.instance_id !== null && { instanceId: row.instance_id }),
    ...(row.binding_id !== null && { bindingId: row.binding_id }),
    ...(row.operation !== null && { operation: row.operation }),
    ...(row.ended_at !== null && { endedAt: row.ended_at }),
    ...(row.decided_by !== null && { by: row.decided_by }),
    ...(row.reason !== null && { reason: row.reason }),
  };
}

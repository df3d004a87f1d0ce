/** The audit trail, row by row through knex: written beside rare changes, and proven on request. */
import type { Knex } from "knex";
import type { AuditEntry } from "../core/change.ts";
import { type AuditRow, chain, macOf, origin } from "./audit-chain.ts";
import { columnOf, audit as table } from "./columns.ts";
import type { SealingKey } from "./seal.ts";

export async function insertAudit(knex: Knex, entry: AuditEntry): Promise<void> {
  const row: Record<string, string | number | null> = {};
  for (const [field, kind] of table.kinds) {
    const value = entry[field as keyof AuditEntry];
    row[columnOf(field)] = kind === "json" && value !== undefined ? JSON.stringify(value) : ((value as string) ?? null);
  }
  await knex("audit").insert(row);
}

// Rows read at a time.
const batch = 1000;

export interface AuditReport {
  readonly sealed: number;
  readonly unsealed: number;
  /** Hash of the last sealed row: note it elsewhere, and a trail cut short later will show. */
  readonly head: string;
  /** Empty: the chain holds. */
  readonly faults: readonly string[];
}

/** Recomputes the whole chain and holds it against the seals, and against a head noted earlier if one is given. */
export async function verifyAudit(knex: Knex, keys: readonly SealingKey[], noted?: string): Promise<AuditReport> {
  const faults: string[] = [];
  if (noted !== undefined && (await knex("audit").where({ hash: noted }).first("id")) === undefined)
    faults.push("The trail does not hold the entry that was noted: it was cut short, or put back to an earlier day.");
  let position = 0;
  let hash = origin;
  const heads = new Map<number, string>();
  const seals: { last_position: number; hash: string; key_id: string; mac: string }[] =
    await knex("audit_seals").orderBy("last_position");
  const ends = new Set(seals.map((seal) => seal.last_position));
  for (;;) {
    const rows: AuditRow[] = await knex("audit").where("position", ">", position).orderBy("position").limit(batch);
    for (const row of rows) {
      if (row.position !== position + 1) faults.push(`A row is missing after position ${position}.`);
      const expected = chain(hash, row);
      if (expected !== row.hash) faults.push(`The row at position ${row.position} was changed.`);
      position = row.position ?? position + 1;
      hash = row.hash ?? expected;
      if (ends.has(position)) heads.set(position, hash);
    }
    if (rows.length < batch) break;
  }
  for (const seal of seals) {
    const key = keys.find(({ id }) => id === seal.key_id);
    if (key === undefined) faults.push(`The seal at position ${seal.last_position} needs the key "${seal.key_id}".`);
    else if (macOf(key, seal.last_position, seal.hash) !== seal.mac)
      faults.push(`The seal at position ${seal.last_position} was not made with this broker's key.`);
    if (heads.get(seal.last_position) !== seal.hash)
      faults.push(`The rows up to position ${seal.last_position} are not those that were sealed.`);
  }
  if (position > 0 && !ends.has(position)) faults.push("Rows stand in the chain after the last seal.");
  const open = await knex("audit").whereNull("position").count({ count: "*" }).first();
  return { sealed: position, unsealed: Number(open?.count ?? 0), head: hash, faults };
}

/**
 * The audit trail as a hash chain. Rows are written with what they tell, in its transaction; a sealer gives them their
 * place and hash later, in batches, so that the chain never makes writers wait for one another.
 */
import { createHmac, hash as digest } from "node:crypto";
import type { Knex } from "knex";
import type { AuditEntry } from "../core/change.ts";
import type { Millis } from "../core/model.ts";
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

interface AuditRow {
  readonly id: number;
  readonly position: number | null;
  readonly hash: string | null;
  readonly [column: string]: string | number | null;
}

/** What a hash covers: every told column, in a fixed order, after the hash before it. */
function chain(before: string, row: AuditRow): string {
  const told = ["id", ...[...table.kinds.keys()].map(columnOf)].map((column) => row[column] ?? null);
  return digest("sha256", JSON.stringify([before, ...told]), "hex");
}

const origin = "0".repeat(64);
const batch = 1000;

function macOf(key: SealingKey, position: number, hash: string): string {
  const own = createHmac("sha256", key.key).update("lotse audit seal").digest();
  return createHmac("sha256", own).update(`${position} ${hash}`).digest("hex");
}

/** Seals up to a thousand rows; returns how many. Two sealers at once: the unique position lets one win. */
export async function sealAudit(knex: Knex, key: SealingKey, now: Millis): Promise<number> {
  return knex.transaction(async (transaction) => {
    const last: { position: number; hash: string } | undefined = await transaction("audit")
      .whereNotNull("position")
      .orderBy("position", "desc")
      .first("position", "hash");
    const rows: AuditRow[] = await transaction("audit").whereNull("position").orderBy("id").limit(batch);
    let position = last?.position ?? 0;
    let hash = last?.hash ?? origin;
    for (const row of rows) {
      position++;
      hash = chain(hash, row);
      await transaction("audit").where({ id: row.id }).update({ position, hash });
    }
    if (rows.length > 0)
      await transaction("audit_seals").insert({
        last_position: position,
        at: now,
        hash,
        key_id: key.id,
        mac: macOf(key, position, hash),
      });
    return rows.length;
  });
}

export interface AuditReport {
  readonly sealed: number;
  readonly unsealed: number;
  /** Hash of the last sealed row: note it elsewhere, and a trail cut short later will show. */
  readonly head: string;
  /** Empty: the chain holds. */
  readonly faults: readonly string[];
}

/** Recomputes the whole chain and holds it against the seals. */
export async function verifyAudit(knex: Knex, keys: readonly SealingKey[]): Promise<AuditReport> {
  const faults: string[] = [];
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

/**
 * The audit trail as a hash chain. Rows are written with what they tell, in its transaction; a sealer gives them their
 * place and hash later, in batches, so that the chain never makes writers wait for one another.
 */
import { createHmac, hash as digest } from "node:crypto";
import type { Millis } from "../core/model.ts";
import { columnOf, audit as table } from "./columns.ts";
import type { SealingKey } from "./seal.ts";

export interface AuditRow {
  readonly id: number;
  readonly position: number | null;
  readonly hash: string | null;
  readonly [column: string]: string | number | null;
}

/** Where the chain ends so far. */
export interface ChainEnd {
  readonly position: number;
  readonly hash: string;
}

/** What makes a batch of rows part of the chain: each row's place and hash, and one seal over all of them. */
export interface Links {
  readonly rows: readonly { readonly id: number; readonly position: number; readonly hash: string }[];
  readonly seal: {
    readonly lastPosition: number;
    readonly at: Millis;
    readonly hash: string;
    readonly keyId: string;
    readonly mac: string;
  };
}

/** The hash before the first row. */
export const origin = "0".repeat(64);

/** Rows sealed at a time: few enough that a batch takes the event loop for a few milliseconds only. */
export const sealingBatch = 250;

const toldColumns = ["id", ...[...table.kinds.keys()].map(columnOf)];

/** What a hash covers: every told column, in a fixed order, after the hash before it. */
export function chain(before: string, row: AuditRow): string {
  return digest("sha256", JSON.stringify([before, ...toldColumns.map((column) => row[column] ?? null)]), "hex");
}

/** Keyed, so that whoever can write the tables cannot make up a chain of their own. */
export function macOf(key: SealingKey, position: number, hash: string): string {
  const own = createHmac("sha256", key.key).update("lotse audit seal").digest();
  return createHmac("sha256", own).update(`${position} ${hash}`).digest("hex");
}

/** Puts rows, in their order, behind the end of the chain. `unsealed` is not empty. */
export function linkRows(
  end: ChainEnd | undefined,
  unsealed: readonly AuditRow[],
  key: SealingKey,
  now: Millis,
): Links {
  let { position, hash } = end ?? { position: 0, hash: origin };
  const rows = unsealed.map((row) => {
    position++;
    hash = chain(hash, row);
    return { id: row.id, position, hash };
  });
  return { rows, seal: { lastPosition: position, at: now, hash, keyId: key.id, mac: macOf(key, position, hash) } };
}

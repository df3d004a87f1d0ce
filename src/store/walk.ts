/** Pages of long tables, newest first: each request reads a bounded number of rows, whatever it filters by. */
import type { Knex } from "knex";

/** A row as knex hands it out. */
export type Stored = { readonly [column: string]: string | number | null };

export interface Condition {
  readonly sql: string;
  readonly values: readonly (string | number)[];
  /** There is an index of just these rows, in the order of the key. */
  readonly indexed: boolean;
}

export interface Walk {
  readonly table: string;
  /** Unique, and greater the newer the row. */
  readonly key: string;
  readonly columns: readonly string[];
  /** The first indexed one leads; the others are tried on the rows it leads to. */
  readonly conditions: readonly Condition[];
  /** Only keys below, and only keys above. */
  readonly before?: string | number;
  readonly above?: string | number;
}

export interface Walked {
  readonly rows: readonly Stored[];
  /** Down to this key all that fits was found; undefined: down to the end. */
  readonly seenTo?: string | number;
}

/**
 * Rows read for one page when no index has just those that fit. Few enough that the reader of SQLite, who reads within
 * the event loop, holds nobody up for long; a page that finds too little among them is short, and the next goes on.
 */
const windowRows = 5_000;

/** Up to `want` rows. */
export async function walk(knex: Knex, plan: Walk, want: number): Promise<Walked> {
  const { key, columns, conditions } = plan;
  const leader = conditions.find(({ indexed }) => indexed);
  const rest = conditions.filter((condition) => condition !== leader);
  const led = () => {
    const query = knex(plan.table).orderBy(key, "desc");
    if (leader !== undefined) query.whereRaw(leader.sql, leader.values);
    if (plan.before !== undefined) query.where(key, "<", plan.before);
    if (plan.above !== undefined) query.where(key, ">", plan.above);
    return query;
  };
  const keyOf = (row: Stored | undefined): string | number | undefined => row?.[key] ?? undefined;
  if (rest.length === 0) {
    const rows: Stored[] = await led().select(columns).limit(want);
    return walked(rows, rows.length === want ? keyOf(rows.at(-1)) : undefined);
  }
  const query = knex.from(led().select(columns).limit(windowRows).as("looked_at")).orderBy(key, "desc").limit(want);
  for (const { sql, values } of rest) query.whereRaw(sql, values);
  const rows: Stored[] = await query.select(columns);
  if (rows.length === want) return walked(rows, keyOf(rows.at(-1)));
  const end: Stored | undefined = await led()
    .select(key)
    .offset(windowRows - 1)
    .first();
  return walked(rows, keyOf(end));
}

const walked = (rows: readonly Stored[], seenTo: string | number | undefined): Walked =>
  seenTo === undefined ? { rows } : { rows, seenTo };

/** What several walks over the same table found together, as one page of at most `limit` rows. */
export function mergePages(
  walks: readonly Walked[],
  limit: number,
  key: string,
): { readonly rows: readonly Stored[]; readonly next?: string } {
  const keyOf = (row: Stored): string | number => row[key] ?? "";
  let bound: string | number | undefined;
  for (const { seenTo } of walks) if (seenTo !== undefined && (bound === undefined || seenTo > bound)) bound = seenTo;
  const found = walks
    .flatMap(({ rows }) => rows)
    // Below, a walk that was not finished may still find rows that come first.
    .filter((row) => bound === undefined || keyOf(row) >= bound)
    .sort((a, b) => (keyOf(a) > keyOf(b) ? -1 : 1));
  const rows = found.slice(0, limit);
  const last = rows.at(-1);
  const next = found.length > limit && last !== undefined ? keyOf(last) : bound;
  return next === undefined ? { rows } : { rows, next: String(next) };
}

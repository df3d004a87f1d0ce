/** Makes an operation due because something it waits for has happened, or because somebody does not want to wait. */
import type { Knex } from "knex";
import type { AuditEntry } from "../core/change.ts";
import type { Millis } from "../core/model.ts";
import { insertAudit } from "./audit.ts";

/**
 * The open operation with this token is due now, on whichever replica looks first; false: there is none. `knex` may be
 * the transaction that writes what has happened, so that neither is there without the other.
 *
 * A step under way may have looked before it happened, and would put the next look off by days. So its lease is taken
 * from it: what it saves is turned away, and the step is taken again, under the same token.
 */
export async function makeDue(knex: Knex, token: string, now: Millis): Promise<boolean> {
  const changed: number = await knex("operations")
    .where({ token, state: "open" })
    .update({
      due_at: knex.raw("CASE WHEN due_at > ? THEN ? ELSE due_at END", [now, now]),
      lease_number: knex.raw("lease_number + CASE WHEN lease_until > ? THEN 1 ELSE 0 END", [now]),
      lease_owner: null,
      lease_until: null,
    });
  return changed === 1;
}

/**
 * Makes an open operation due at `audit.at`, and notes who wanted it. False: there is nothing to hurry, because a step is
 * under way or was due already, or because the operation is over.
 */
export type RetryNow = (token: string, audit: AuditEntry) => Promise<boolean>;

export const createRetry =
  (knex: Knex): RetryNow =>
  (token, audit) =>
    knex.transaction(async (transaction) => {
      const changed: number = await transaction("operations")
        .where({ token, state: "open" })
        .where("due_at", ">", audit.at)
        .where((free) => free.whereNull("lease_until").orWhere("lease_until", "<=", audit.at))
        .update({ due_at: audit.at });
      if (changed === 0) return false;
      await insertAudit(transaction, audit);
      return true;
    });

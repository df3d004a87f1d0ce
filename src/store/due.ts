/** Makes an operation due because something it waits for has happened: a task was changed, a provider called back. */
import type { Knex } from "knex";
import type { Millis } from "../core/model.ts";

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

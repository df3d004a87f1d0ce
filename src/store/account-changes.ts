/** How an account is changed: one transaction, which other changes wait for, with its line in the audit trail. */
import type { Knex } from "knex";
import type { AuditEntry } from "../core/change.ts";
import { insertAudit } from "./audit.ts";
import { raiseRevision } from "./revisions.ts";

/** Undoes the transaction; not a failure, but an answer. */
class Undone extends Error {
  readonly outcome: string;

  constructor(outcome: string) {
    super(outcome);
    this.outcome = outcome;
  }
}

/**
 * Does `work`, audited. Any outcome but "done" undoes everything. The revision is raised first: that makes two changes
 * wait for one another on both databases, so that `work` may look before it writes.
 */
export async function changeAccounts<Outcome extends string>(
  knex: Knex,
  audit: AuditEntry,
  work: (transaction: Knex.Transaction) => Promise<"done" | Outcome>,
): Promise<"done" | Outcome> {
  try {
    return await knex.transaction(async (transaction) => {
      await raiseRevision(transaction, "accounts");
      const outcome = await work(transaction);
      if (outcome !== "done") throw new Undone(outcome);
      await insertAudit(transaction, audit);
      return outcome;
    });
  } catch (error) {
    if (error instanceof Undone) return error.outcome as Outcome;
    throw error;
  }
}

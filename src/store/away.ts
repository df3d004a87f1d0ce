/** Tells a database that does not answer for the moment from everything else that may go wrong. */

/** The database does not answer for the moment; nobody knows whether what was asked last took effect. */
export class DatabaseAway extends Error {
  constructor(cause: unknown) {
    super("The database does not answer.", { cause });
  }
}

// Of connecting, and of a server that goes down or comes up.
const awayCodes = new Set(["ECONNREFUSED", "ECONNRESET", "EPIPE", "ETIMEDOUT", "ENOTFOUND", "57P01", "57P02", "57P03"]);

/** Also of what the driver or its pool threw, as reads that lists and reports are made of let it through. */
export function isAway(error: unknown): boolean {
  if (error instanceof DatabaseAway) return true;
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
  if (awayCodes.has(String(code))) return true;
  return typeof message === "string" && /connection.*(terminated|timeout)|timeout.*connect/i.test(message);
}

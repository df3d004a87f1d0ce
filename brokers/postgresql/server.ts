/** Connections to the provider's server: bounded in number, verified, and ended when the broker stops waiting. */
import pg from "pg";
import type { Account } from "./settings.ts";

export interface Server {
  readonly account: Account;
  /** Runs `work` on a session in the administrative database; at most `maxConnections` at a time. */
  session<T>(signal: AbortSignal, work: (session: Session) => Promise<T>): Promise<T>;
  /** A second session, in another database, for work that runs inside `session`; it counts with that one. */
  inside<T>(database: string, signal: AbortSignal, work: (session: Session) => Promise<T>): Promise<T>;
}

export interface Session {
  query(text: string, values?: readonly unknown[]): Promise<pg.QueryResult>;
  /** A name, quoted by the driver. */
  name(identifier: string): string;
  /** A text, quoted by the driver; for statements that take no parameters. */
  text(value: string): string;
}

export function connectTo(account: Account): Server {
  let busy = 0;
  const waiting: (() => void)[] = [];

  async function slot(): Promise<void> {
    if (busy < account.maxConnections) {
      busy++;
      return;
    }
    await new Promise<void>((free) => waiting.push(free));
  }
  function giveBack(): void {
    const next = waiting.shift();
    if (next === undefined) busy--;
    else next();
  }

  return {
    account,
    async session(signal, work) {
      await slot();
      try {
        return await onClient(account, account.database, signal, work);
      } finally {
        giveBack();
      }
    },
    inside: (database, signal, work) => onClient(account, database, signal, work),
  };
}

async function onClient<T>(
  account: Account,
  database: string,
  signal: AbortSignal,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  const client = new pg.Client({ ...configOf(account), database });
  // An error between two queries comes with the next query, too.
  client.on("error", () => undefined);
  // Ends the connection at once, also in the middle of a statement.
  const onAbort = () => void client.end().catch(() => undefined);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    await client.connect();
    return await work({
      query: (text, values) => client.query(text, values === undefined ? undefined : [...values]),
      name: (identifier) => client.escapeIdentifier(identifier),
      text: (value) => client.escapeLiteral(value),
    });
  } finally {
    signal.removeEventListener("abort", onAbort);
    await client.end().catch(() => undefined);
  }
}

function configOf(account: Account): pg.ClientConfig {
  const { host, port, user, password, tls } = account;
  return {
    host,
    port,
    user,
    password,
    application_name: "lotse",
    connectionTimeoutMillis: account.connectTimeoutMs,
    statement_timeout: account.statementTimeoutMs,
    query_timeout: account.statementTimeoutMs + 5_000,
    ssl: tls === "off" ? false : { ...(tls.ca !== undefined && { ca: tls.ca }), servername: tls.servername ?? host },
  };
}

/** SQLSTATE of a server's answer, if the error is one. */
export function sqlState(error: unknown): string | undefined {
  const { code } = error as { readonly code?: unknown };
  return typeof code === "string" && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
}

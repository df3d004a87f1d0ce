/** Connections to the provider's server: bounded in number, verified, and ended when the broker stops waiting. */
import { Socket } from "node:net";
import { checkServerIdentity } from "node:tls";
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
  const waiting = new Set<() => void>();

  /** Resolves when it is this caller's turn; rejects when the signal is aborted before. */
  async function slot(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (busy < account.maxConnections) {
      busy++;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const onFree = () => {
        signal.removeEventListener("abort", onAbort);
        resolve();
      };
      const onAbort = () => {
        waiting.delete(onFree);
        reject(signal.reason);
      };
      waiting.add(onFree);
      signal.addEventListener("abort", onAbort, { once: true });
    });
  }
  function giveBack(): void {
    const [next] = waiting;
    if (next === undefined) {
      busy--;
      return;
    }
    waiting.delete(next);
    next();
  }

  return {
    account,
    async session(signal, work) {
      await slot(signal);
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
  const socket = new Socket();
  const client = new pg.Client({ ...configOf(account), database, stream: () => socket });
  // An error between two queries comes with the next query, too.
  client.on("error", () => undefined);
  // The driver's own end() waits for a server that may never answer; without its socket every call ends at once.
  const onAbort = () => void socket.destroy(new Error("The call was told to end.", { cause: signal.reason }));
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    await connect(client);
    return await work({
      query: (text, values) => client.query(text, values === undefined ? undefined : [...values]),
      name: (identifier) => client.escapeIdentifier(identifier),
      text: (value) => client.escapeLiteral(value),
    });
  } finally {
    await client.end().catch(() => undefined);
    signal.removeEventListener("abort", onAbort);
  }
}

/** A session that was refused says nothing about the order: its error hides the state that a statement's would have. */
async function connect(client: pg.Client): Promise<void> {
  try {
    await client.connect();
  } catch (cause) {
    throw new Error("There is no session with the provider's server.", { cause });
  }
}

// The server notices within half a minute that the machine it was talking to is gone.
const keepAlive = "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=4";

/**
 * A session holds its instance's lock until it ends; so the server ends those of a broker that was frozen or lost its
 * power, or nobody else could ever go on. A session idles only while another one works inside the instance's database.
 */
function configOf(account: Account): pg.ClientConfig {
  const { host, port, user, password, tls } = account;
  const idleMs = account.statementTimeoutMs * 2;
  return {
    host,
    port,
    user,
    password,
    application_name: "lotse",
    connectionTimeoutMillis: account.connectTimeoutMs,
    statement_timeout: account.statementTimeoutMs,
    query_timeout: account.statementTimeoutMs + 5_000,
    options: `-c idle_session_timeout=${idleMs} -c idle_in_transaction_session_timeout=${idleMs} ${keepAlive}`,
    ssl: tls !== "off" && {
      rejectUnauthorized: true,
      ...(tls.ca !== undefined && { ca: tls.ca }),
      // Given here, as the driver names the host it connects to, whatever name the certificate should have.
      checkServerIdentity: (_host, certificate) => checkServerIdentity(tls.servername ?? host, certificate),
    },
  };
}

/** SQLSTATE of a server's answer, if the error is one. */
export function sqlState(error: unknown): string | undefined {
  const { code } = error as { readonly code?: unknown };
  return typeof code === "string" && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
}

/** What the vendor keeps, in a SQLite file of its own. Every request and every turn of its work is one transaction. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";

export interface Subscription {
  readonly client: string;
  readonly id: string;
  readonly product: string;
  readonly plan: string;
  readonly seats: number;
  readonly title: string;
  readonly state: "ordered" | "active" | "cancelled";
  /** Of the request that changed it last. */
  readonly key: string;
}

export interface AccessRow {
  readonly client: string;
  readonly subscription: string;
  readonly id: string;
  readonly username: string;
  readonly hash: string;
  readonly role: string;
  readonly state: "active" | "revoked";
}

export interface Order {
  readonly id: string;
  readonly client: string;
  readonly key: string;
  /** `withdrawn`: a request that was given up before it arrived. */
  readonly action: "order" | "change" | "cancel" | "grant" | "revoke" | "withdrawn";
  readonly subscription: string;
  readonly access: string | null;
  readonly state: "in-progress" | "completed" | "rejected";
  readonly reason: string | null;
  /** What a change will make of the subscription, as JSON. */
  readonly target: string | null;
  readonly due_at: number;
  readonly callback_url: string | null;
  /** When to call next; null: nothing is to be called. */
  readonly callback_at: number | null;
  readonly callback_tries: number;
}

const schema = `
  CREATE TABLE IF NOT EXISTS subscriptions (
    client TEXT NOT NULL, id TEXT NOT NULL, product TEXT NOT NULL, plan TEXT NOT NULL, seats INTEGER NOT NULL,
    title TEXT NOT NULL, state TEXT NOT NULL, key TEXT NOT NULL, PRIMARY KEY (client, id)) STRICT;
  CREATE TABLE IF NOT EXISTS accesses (
    client TEXT NOT NULL, subscription TEXT NOT NULL, id TEXT NOT NULL, username TEXT NOT NULL, hash TEXT NOT NULL,
    role TEXT NOT NULL, state TEXT NOT NULL, PRIMARY KEY (client, subscription, id)) STRICT;
  CREATE TABLE IF NOT EXISTS orders (
    id TEXT NOT NULL PRIMARY KEY, client TEXT NOT NULL, key TEXT NOT NULL, action TEXT NOT NULL,
    subscription TEXT NOT NULL, access TEXT, state TEXT NOT NULL, reason TEXT, target TEXT, due_at INTEGER NOT NULL,
    callback_url TEXT, callback_at INTEGER, callback_tries INTEGER NOT NULL DEFAULT 0, UNIQUE (client, key)) STRICT;
  CREATE TABLE IF NOT EXISTS entries (
    subscription TEXT NOT NULL, at INTEGER NOT NULL, author TEXT NOT NULL, text TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS sign_ins (subscription TEXT NOT NULL, at INTEGER NOT NULL) STRICT;
  CREATE INDEX IF NOT EXISTS sign_ins_of ON sign_ins (subscription, at);
`;

export type Store = ReturnType<typeof openStore>;

export function openStore(directory: string) {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const database = new Database(join(directory, "vendor.db"));
  database.pragma("journal_mode = WAL");
  database.pragma("synchronous = FULL");
  database.exec(schema);
  const one = <T>(sql: string) => {
    const statement = database.prepare<unknown[], T>(sql);
    return (...values: unknown[]): T | undefined => statement.get(...values);
  };
  const all = <T>(sql: string) => {
    const statement = database.prepare<unknown[], T>(sql);
    return (...values: unknown[]): T[] => statement.all(...values);
  };
  const run = (sql: string) => {
    const statement = database.prepare<unknown[]>(sql);
    return (...values: unknown[]): void => void statement.run(...values);
  };
  return {
    /** All or nothing. */
    together: <T>(work: () => T): T => database.transaction(work).immediate(),
    subscription: one<Subscription>("SELECT * FROM subscriptions WHERE client = ? AND id = ?"),
    active: one<Subscription>("SELECT * FROM subscriptions WHERE id = ? AND state = 'active'"),
    page: all<Subscription>(
      "SELECT * FROM subscriptions WHERE client = ? AND id > ? AND state <> 'cancelled' ORDER BY id LIMIT ?",
    ),
    putSubscription: ({ client, id, product, plan, seats, title, state, key }: Subscription): void =>
      void database
        .prepare("INSERT OR REPLACE INTO subscriptions VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
        .run(client, id, product, plan, seats, title, state, key),
    access: one<AccessRow>("SELECT * FROM accesses WHERE client = ? AND subscription = ? AND id = ?"),
    accesses: all<AccessRow>("SELECT * FROM accesses WHERE client = ? AND subscription = ? AND state = 'active'"),
    login: one<AccessRow>("SELECT * FROM accesses WHERE subscription = ? AND username = ? AND state = 'active'"),
    putAccess: ({ client, subscription, id, username, hash, role, state }: AccessRow): void =>
      void database
        .prepare("INSERT OR REPLACE INTO accesses VALUES (?, ?, ?, ?, ?, ?, ?)")
        .run(client, subscription, id, username, hash, role, state),
    revokeAll: run("UPDATE accesses SET state = 'revoked', hash = '' WHERE client = ? AND subscription = ?"),
    order: one<Order>("SELECT * FROM orders WHERE client = ? AND id = ?"),
    orderByKey: one<Order>("SELECT * FROM orders WHERE client = ? AND key = ?"),
    underWay: one<Order>("SELECT * FROM orders WHERE client = ? AND subscription = ? AND state = 'in-progress'"),
    putOrder: (order: Order): void =>
      void database
        .prepare("INSERT OR REPLACE INTO orders VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
        .run(
          order.id,
          order.client,
          order.key,
          order.action,
          order.subscription,
          order.access,
          order.state,
          order.reason,
          order.target,
          order.due_at,
          order.callback_url,
          order.callback_at,
          order.callback_tries,
        ),
    dueOrders: all<Order>("SELECT * FROM orders WHERE state = 'in-progress' AND due_at <= ?"),
    dueCallbacks: all<Order>("SELECT * FROM orders WHERE callback_at <= ?"),
    nextDue: one<{ at: number | null }>(
      `SELECT min(at) AS at FROM (SELECT min(due_at) AS at FROM orders WHERE state = 'in-progress'
       UNION ALL SELECT min(callback_at) FROM orders)`,
    ),
    signedIn: run("INSERT INTO sign_ins VALUES (?, ?)"),
    signIns: one<{ count: number }>(
      "SELECT count(*) AS count FROM sign_ins WHERE subscription = ? AND at >= ? AND at < ?",
    ),
    addEntry: run("INSERT INTO entries VALUES (?, ?, ?, ?)"),
    entries: all<{ at: number; author: string; text: string }>(
      "SELECT at, author, text FROM entries WHERE subscription = ? ORDER BY at DESC LIMIT 50",
    ),
    forget: run("DELETE FROM entries WHERE subscription = ?"),
    close: () => void database.close(),
  };
}

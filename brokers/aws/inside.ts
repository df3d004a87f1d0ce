/** From a server at AWS to the database inside: the postgresql adapter's work, done as the master user. */
import type { Json, Order, Secret } from "#adapter";
import { connectTo, type Server } from "../postgresql/server.ts";
import type { DatabaseServer } from "./rds.ts";
import { type Account, readBackend } from "./settings.ts";

/** The user that RDS makes with a server; no superuser. */
export const masterUser = "lotse";

/** What is remembered of an instance. */
export interface Facts {
  /** The master user's. */
  readonly password: string;
  /** The database was finished, so there may be a customer's data in it. */
  readonly ready: boolean;
}

/** Undefined before the first outcome. */
export function readFacts(facts: Secret<Json>): Facts | undefined {
  const { password, ready } = (facts.reveal() ?? {}) as Partial<Facts>;
  return password === undefined ? undefined : { password, ready: ready ?? false };
}

/** Sessions are verified against the account's authorities, and the name that AWS gave the server. */
export function openServer(
  account: Account,
  endpoint: NonNullable<DatabaseServer["endpoint"]>,
  password: string,
): Server {
  return connectTo({
    ...endpoint,
    user: masterUser,
    password,
    database: "postgres",
    tls: { ca: account.databaseCa },
    publicHost: endpoint.host,
    publicPort: endpoint.port,
    maxConnections: 8,
    connectTimeoutMs: account.connectTimeoutMs,
    statementTimeoutMs: 60_000,
  });
}

/** The order as the postgresql adapter reads it. */
export function insideOrder<Kind extends Order>(order: Kind): Kind {
  return { ...order, plan: { ...order.plan, backend: readBackend(order.plan.backend).database } };
}

/** Whether the account is fit for its work, found out without changing anything. */
import { databasePrefix } from "./names.ts";
import type { Server } from "./server.ts";

const oldest = 150000;

/** Undefined, or what is wrong and what to do. */
export async function check(server: Server, signal: AbortSignal): Promise<string | undefined> {
  const { host, port, user } = server.account;
  try {
    return await server.session(signal, async (session) => {
      const version = await session.query("SELECT current_setting('server_version_num')::int AS number");
      if (Number(version.rows[0]?.number) < oldest) return `The server ${host}:${port} is older than PostgreSQL 15.`;
      const role = await session.query(
        "SELECT rolsuper OR (rolcreatedb AND rolcreaterole AND rolinherit) AS fit FROM pg_roles WHERE rolname = current_user",
      );
      if (role.rows[0]?.fit !== true)
        return `The role "${user}" needs CREATEDB, CREATEROLE and INHERIT on ${host}:${port}.`;
      const open = await session.query(
        `SELECT datname FROM pg_database WHERE datallowconn AND NOT starts_with(datname::text, $1)
           AND has_database_privilege('public', oid, 'CONNECT') ORDER BY 1`,
        [databasePrefix],
      );
      if (open.rows.length === 0) return undefined;
      const names = open.rows.map((row: { datname: string }) => `"${row.datname}"`).join(", ");
      return `Every customer on ${host}:${port} could connect to ${names}. REVOKE CONNECT ON DATABASE … FROM PUBLIC.`;
    });
  } catch (error) {
    return `The server ${host}:${port} cannot be used as "${user}": ${reasonOf(error)}.`;
  }
}

/** The innermost message; what Node throws after it tried several addresses has only codes. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return "no answer";
  if (error.cause !== undefined) return reasonOf(error.cause);
  const { code } = error as { readonly code?: unknown };
  return error.message || String(code ?? "no answer");
}

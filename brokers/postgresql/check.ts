/** Whether the account is fit for its work, found out without changing anything. */
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
        "SELECT rolsuper OR (rolcreatedb AND rolcreaterole) AS fit FROM pg_roles WHERE rolname = current_user",
      );
      if (role.rows[0]?.fit === true) return undefined;
      return `The role "${user}" needs CREATEDB and CREATEROLE on ${host}:${port}.`;
    });
  } catch (error) {
    return `The server ${host}:${port} cannot be used as "${user}": ${error instanceof Error ? error.message : "no answer"}`;
  }
}

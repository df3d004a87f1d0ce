/** What is said to the server. Every function may be repeated: it looks first and makes what is missing. */
import type { InstanceNames } from "./names.ts";
import type { Session } from "./server.ts";
import type { Backend } from "./settings.ts";

/** Holds until the session ends, so that two calls for one instance take turns. */
export async function lockInstance(session: Session, instanceId: string): Promise<void> {
  await session.query("SELECT pg_advisory_lock(hashtextextended($1, 0))", [`lotse ${instanceId}`]);
}

export async function roleExists(session: Session, role: string): Promise<boolean> {
  return ((await session.query("SELECT 1 FROM pg_roles WHERE rolname = $1", [role])).rowCount ?? 0) > 0;
}

export async function databaseExists(session: Session, database: string): Promise<boolean> {
  return ((await session.query("SELECT 1 FROM pg_database WHERE datname = $1", [database])).rowCount ?? 0) > 0;
}

export async function loginRoles(session: Session, names: InstanceNames): Promise<string[]> {
  const found = await session.query("SELECT rolname FROM pg_roles WHERE starts_with(rolname::text, $1) ORDER BY 1", [
    names.loginPrefix,
  ]);
  return found.rows.map((row: { rolname: string }) => row.rolname);
}

export async function makeGroupRole(session: Session, role: string): Promise<void> {
  if (!(await roleExists(session, role))) await session.query(`CREATE ROLE ${session.name(role)} NOLOGIN`);
  // An administrator that is no superuser must be a member to hand databases and objects to the role.
  await session.query(`GRANT ${session.name(role)} TO CURRENT_USER`);
}

export async function makeDatabase(session: Session, names: InstanceNames, backend: Backend): Promise<void> {
  if (await databaseExists(session, names.database)) return;
  await session.query(
    `CREATE DATABASE ${session.name(names.database)} OWNER ${session.name(names.owner)} TEMPLATE template0
     ENCODING ${session.text(backend.encoding)} LOCALE_PROVIDER libc LOCALE ${session.text(backend.locale)}
     ALLOW_CONNECTIONS true CONNECTION LIMIT ${Math.trunc(backend.connectionLimit)}`,
  );
}

/** Who may connect, the plan's limit and settings, and a note for the operator. One transaction. */
export async function shapeDatabase(
  session: Session,
  names: InstanceNames,
  backend: Backend,
  note: string,
): Promise<void> {
  const database = session.name(names.database);
  await session.query("BEGIN");
  await session.query(`REVOKE ALL ON DATABASE ${database} FROM PUBLIC`);
  await session.query(`GRANT CONNECT, TEMPORARY, CREATE ON DATABASE ${database} TO ${session.name(names.owner)}`);
  await session.query(`GRANT CONNECT ON DATABASE ${database} TO ${session.name(names.reader)}`);
  await session.query(`ALTER DATABASE ${database} CONNECTION LIMIT ${Math.trunc(backend.connectionLimit)}`);
  await session.query(`ALTER DATABASE ${database} RESET ALL`);
  for (const [setting, value] of Object.entries(backend.settings))
    await session.query(`ALTER DATABASE ${database} SET ${session.name(setting)} TO ${session.text(value)}`);
  await session.query(`COMMENT ON DATABASE ${database} IS ${session.text(note)}`);
  await session.query("COMMIT");
}

/** Inside the instance's database: its schema and extensions, and what readers may see now and later. */
export async function shapeInside(
  session: Session,
  names: InstanceNames,
  extensions: readonly string[],
): Promise<void> {
  const owner = session.name(names.owner);
  const reader = session.name(names.reader);
  await session.query("BEGIN");
  await session.query(`ALTER SCHEMA public OWNER TO ${owner}`);
  await session.query(`GRANT USAGE ON SCHEMA public TO ${reader}`);
  for (const kind of ["SELECT ON TABLES", "SELECT ON SEQUENCES", "USAGE ON SCHEMAS"])
    await session.query(`ALTER DEFAULT PRIVILEGES FOR ROLE ${owner} GRANT ${kind} TO ${reader}`);
  for (const extension of extensions) await session.query(`CREATE EXTENSION IF NOT EXISTS ${session.name(extension)}`);
  await session.query("COMMIT");
}

/** A login whose sessions act as the owner role, so that whatever it makes belongs to all; or one that only reads. */
export async function makeLogin(
  session: Session,
  names: InstanceNames,
  login: string,
  verifier: string,
  readOnly: boolean,
): Promise<void> {
  const role = session.name(login);
  const database = session.name(names.database);
  const group = session.name(readOnly ? names.reader : names.owner);
  await session.query("BEGIN");
  if (!(await roleExists(session, login))) await session.query(`CREATE ROLE ${role} NOLOGIN`);
  await session.query(`GRANT ${group} TO ${role}`);
  await session.query(
    readOnly
      ? `ALTER ROLE ${role} IN DATABASE ${database} SET default_transaction_read_only TO on`
      : `ALTER ROLE ${role} IN DATABASE ${database} SET role TO ${session.text(names.owner)}`,
  );
  await session.query(`ALTER ROLE ${role} LOGIN PASSWORD ${session.text(verifier)}`);
  await session.query("COMMIT");
}

/** No new sessions, and the present ones end. */
export async function closeLogin(session: Session, login: string): Promise<void> {
  await session.query(`ALTER ROLE ${session.name(login)} NOLOGIN`);
  // An administrator that is no superuser may only end sessions of roles it is a member of.
  await session.query(`GRANT ${session.name(login)} TO CURRENT_USER`);
  await session.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1", [login]);
}

/** Inside the instance's database: what the login made in its own name goes to the owner role. */
export async function handOver(session: Session, names: InstanceNames, login: string): Promise<void> {
  await session.query(`REASSIGN OWNED BY ${session.name(login)} TO ${session.name(names.owner)}`);
  await session.query(`DROP OWNED BY ${session.name(login)}`);
}

export async function dropRole(session: Session, role: string): Promise<void> {
  await session.query(`DROP ROLE IF EXISTS ${session.name(role)}`);
}

export async function dropDatabase(session: Session, database: string): Promise<void> {
  await session.query(`DROP DATABASE IF EXISTS ${session.name(database)} WITH (FORCE)`);
}

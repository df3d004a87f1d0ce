/** What is said to the server. Every function may be repeated: it is told what is there, and makes what is missing. */
import type { InstanceNames } from "./names.ts";
import type { Session } from "./server.ts";
import type { Backend } from "./settings.ts";

/** Holds until the session ends, so that two calls for one instance take turns. */
export async function lockInstance(session: Session, instanceId: string): Promise<void> {
  await session.query("SELECT pg_advisory_lock(hashtextextended($1, 0))", [`lotse ${instanceId}`]);
}

/** Those of the names that are names of roles or databases on the server. */
export async function findNames(session: Session, names: readonly string[]): Promise<ReadonlySet<string>> {
  const found = await session.query(
    "SELECT rolname AS name FROM pg_roles WHERE rolname = ANY($1) UNION ALL SELECT datname FROM pg_database WHERE datname = ANY($1)",
    [names],
  );
  return new Set(found.rows.map((row: { name: string }) => row.name));
}

export interface Named {
  readonly kind: "database" | "role";
  readonly name: string;
  /** A database's comment. */
  readonly note: string | null;
}

/** All databases and roles whose names begin as ours do. */
export async function allNames(session: Session): Promise<readonly Named[]> {
  const found = await session.query(
    `SELECT 'database' AS kind, datname AS name, shobj_description(oid, 'pg_database') AS note
       FROM pg_database WHERE starts_with(datname::text, 'lotse_')
     UNION ALL
     SELECT 'role', rolname, NULL FROM pg_roles
       WHERE starts_with(rolname::text, 'lotse_') OR starts_with(rolname::text, 'l_') ORDER BY 1, 2`,
  );
  return found.rows;
}

/** Login roles of the instance, whichever bindings they were made for. */
export async function loginRoles(session: Session, names: InstanceNames): Promise<string[]> {
  const found = await session.query("SELECT rolname FROM pg_roles WHERE starts_with(rolname::text, $1) ORDER BY 1", [
    names.loginPrefix,
  ]);
  return found.rows.map((row: { rolname: string }) => row.rolname);
}

export async function makeGroupRoles(
  session: Session,
  { owner, reader }: InstanceNames,
  there: ReadonlySet<string>,
): Promise<void> {
  await together(
    session,
    [owner, reader].flatMap((role) => [
      ...(there.has(role) ? [] : [`CREATE ROLE ${session.name(role)} NOLOGIN`]),
      // An administrator that is no superuser must be a member to hand objects to the role.
      `GRANT ${session.name(role)} TO CURRENT_USER`,
    ]),
  );
}

/** The administrator owns it: a database's owner may lift its limits and let others in. */
export async function makeDatabase(session: Session, { database }: InstanceNames, backend: Backend): Promise<void> {
  await session.query(
    `CREATE DATABASE ${session.name(database)} TEMPLATE template0 ENCODING ${session.text(backend.encoding)}
     LOCALE_PROVIDER libc LOCALE ${session.text(backend.locale)} CONNECTION LIMIT ${Math.trunc(backend.connectionLimit)}`,
  );
}

/** Who may connect, and make schemas and trusted extensions. */
export async function grantDatabase(session: Session, { database, owner, reader }: InstanceNames): Promise<void> {
  const name = session.name(database);
  await together(session, [
    `REVOKE ALL ON DATABASE ${name} FROM PUBLIC`,
    `GRANT CONNECT, TEMPORARY, CREATE ON DATABASE ${name} TO ${session.name(owner)}`,
    `GRANT CONNECT ON DATABASE ${name} TO ${session.name(reader)}`,
  ]);
}

/** The plan's limit and settings, and a note for the operator. All or nothing. */
export async function limitDatabase(
  session: Session,
  names: InstanceNames,
  backend: Backend,
  note: string,
): Promise<void> {
  const database = session.name(names.database);
  await together(session, [
    `ALTER DATABASE ${database} CONNECTION LIMIT ${Math.trunc(backend.connectionLimit)}`,
    `ALTER DATABASE ${database} RESET ALL`,
    ...Object.entries(backend.settings).map(
      ([setting, value]) => `ALTER DATABASE ${database} SET ${session.name(setting)} TO ${session.text(value)}`,
    ),
    `COMMENT ON DATABASE ${database} IS ${session.text(note)}`,
  ]);
}

/** Inside the instance's database: the schema is the customer's, and readers see what is there now and later. */
export async function shareSchema(session: Session, { owner, reader }: InstanceNames): Promise<void> {
  await inTurn(session, [
    `ALTER SCHEMA public OWNER TO ${session.name(owner)}`,
    `GRANT USAGE ON SCHEMA public TO ${session.name(reader)}`,
    ...["SELECT ON TABLES", "SELECT ON SEQUENCES", "USAGE ON SCHEMAS"].map(
      (kind) => `ALTER DEFAULT PRIVILEGES FOR ROLE ${session.name(owner)} GRANT ${kind} TO ${session.name(reader)}`,
    ),
  ]);
}

/** Inside the instance's database, all or none. CASCADE: a plan that allows an extension allows what it is built on. */
export async function addExtensions(session: Session, extensions: readonly string[]): Promise<void> {
  await inTurn(
    session,
    extensions.map((extension) => `CREATE EXTENSION IF NOT EXISTS ${session.name(extension)} CASCADE`),
  );
}

/** A login whose sessions act as the owner role, so that whatever it makes belongs to all; or one that only reads. */
export async function makeLogin(
  session: Session,
  names: InstanceNames,
  login: { readonly name: string; readonly verifier: string; readonly readOnly: boolean; readonly exists: boolean },
): Promise<void> {
  const role = session.name(login.name);
  const setting = login.readOnly ? "default_transaction_read_only TO on" : `role TO ${session.text(names.owner)}`;
  await together(session, [
    ...(login.exists ? [] : [`CREATE ROLE ${role} NOLOGIN`]),
    `GRANT ${session.name(login.readOnly ? names.reader : names.owner)} TO ${role}`,
    `ALTER ROLE ${role} IN DATABASE ${session.name(names.database)} SET ${setting}`,
    `ALTER ROLE ${role} LOGIN PASSWORD ${session.text(login.verifier)}`,
  ]);
}

/** No new sessions, and the present ones end before this returns. */
export async function closeLogins(session: Session, logins: readonly string[]): Promise<void> {
  if (logins.length === 0) return;
  await together(
    session,
    logins.flatMap((login) => [
      `ALTER ROLE ${session.name(login)} NOLOGIN`,
      // An administrator that is no superuser may only end sessions of roles it is a member of.
      `GRANT ${session.name(login)} TO CURRENT_USER`,
    ]),
  );
  await endSessions(session, logins);
}

// Longer than a backend takes to notice, shorter than a statement may take.
const endWithinMs = 5_000;

async function endSessions(session: Session, logins: readonly string[]): Promise<void> {
  await session.query(
    `SELECT pg_terminate_backend(pid, ${endWithinMs}) FROM pg_stat_activity WHERE usename = ANY($1)`,
    [logins],
  );
}

/** Whether anything in the database belongs to the role, or was granted to it: then `handOver` is needed. */
export async function ownsAnything(session: Session, database: string, role: string): Promise<boolean> {
  const found = await session.query(
    `SELECT 1 FROM pg_shdepend WHERE refclassid = 'pg_authid'::regclass
       AND refobjid = (SELECT oid FROM pg_roles WHERE rolname = $2)
       AND dbid = (SELECT oid FROM pg_database WHERE datname = $1) LIMIT 1`,
    [database, role],
  );
  return (found.rowCount ?? 0) > 0;
}

/** Inside the instance's database: what the login made in its own name goes to the owner role. */
export async function handOver(session: Session, names: InstanceNames, login: string): Promise<void> {
  const role = session.name(login);
  await inTurn(session, [`REASSIGN OWNED BY ${role} TO ${session.name(names.owner)}`, `DROP OWNED BY ${role}`]);
}

/** A session that got in while its login was being closed ends now. */
export async function dropLogin(session: Session, login: string): Promise<void> {
  await endSessions(session, [login]);
  await dropRoles(session, [login]);
}

export async function dropRoles(session: Session, roles: readonly string[]): Promise<void> {
  await together(
    session,
    roles.map((role) => `DROP ROLE IF EXISTS ${session.name(role)}`),
  );
}

export async function dropDatabase(session: Session, database: string): Promise<void> {
  await session.query(`DROP DATABASE IF EXISTS ${session.name(database)} WITH (FORCE)`);
}

export async function databaseSize(session: Session, database: string): Promise<number> {
  const size = await session.query("SELECT pg_database_size($1::name)::float8 AS bytes", [database]);
  return Number(size.rows[0]?.bytes ?? 0);
}

/** One round trip and one transaction, as PostgreSQL treats statements that arrive in one message. */
async function together(session: Session, statements: readonly string[]): Promise<void> {
  await session.query(statements.join(";\n"));
}

/**
 * The same inside the instance's database, after whoever is at it there: a call whose session was cut goes on at the server,
 * and holds the instance's lock no more.
 */
async function inTurn(session: Session, statements: readonly string[]): Promise<void> {
  await together(session, ["SELECT pg_advisory_xact_lock(hashtextextended('lotse', 0))", ...statements]);
}

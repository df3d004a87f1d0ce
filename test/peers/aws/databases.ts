/** Real PostgreSQL servers, one for every database instance of the RDS that moto plays. */
import { execFile } from "node:child_process";
import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import pg from "pg";
import { type EmbeddedPostgresql, startPostgresql } from "../../../src/embedded/postgresql.ts";
import { chooseServerUser } from "../../../src/embedded/server-user.ts";
import { createAuthority } from "../../support/certificates.ts";

export interface Database {
  readonly address: string;
  readonly port: number;
  setPassword(user: string, password: string): Promise<void>;
  /** Stops the server and deletes its data. */
  remove(): Promise<void>;
}

export interface Databases {
  create(name: string, user: string, password: string, database?: string): Promise<Database>;
}

// RDS keeps the superuser for itself, too.
const superuserPassword = "rdsadmin's own";
const run = promisify(execFile);

/** Ends what a former life left behind, and makes the cluster that all others are copied from. */
export async function openDatabases(directory: string): Promise<Databases> {
  const [template, instances] = [join(directory, "template"), join(directory, "instances")];
  endFormerServers(instances);
  rmSync(instances, { recursive: true, force: true });
  mkdirSync(instances, { recursive: true, mode: 0o755 });
  if (!existsSync(join(template, "finished"))) {
    rmSync(template, { recursive: true, force: true });
    const server = await start(template);
    await as(server, "ALTER SYSTEM SET ssl TO on; CREATE ROLE rds_superuser NOLOGIN", { apart: true });
    await server.stop();
    writeFileSync(join(template, "finished"), "");
  }
  // Certificates are valid for a day, so every start has its own.
  const authority = createAuthority("RDS of the tests");
  const { key, cert } = authority.certify("127.0.0.1", "localhost");
  const user = chooseServerUser();
  for (const [name, text] of [["server.key", key] as const, ["server.crt", cert] as const]) {
    const path = join(template, "cluster", name);
    writeFileSync(path, text, { mode: 0o600 });
    if (user.uid !== undefined && user.gid !== undefined) chownSync(path, user.uid, user.gid);
  }
  writeFileSync(join(directory, "ca.pem"), authority.ca);

  return {
    async create(name, user, password, database) {
      const home = join(instances, name);
      await run("cp", ["-a", template, home]);
      rmSync(join(home, "port"), { force: true });
      const server = await start(home);
      const [login, words] = [pg.escapeIdentifier(user), pg.escapeLiteral(password)];
      // As RDS does: the master user is no superuser, and everybody may connect to the database postgres.
      await as(
        server,
        `CREATE ROLE ${login} LOGIN CREATEDB CREATEROLE IN ROLE rds_superuser PASSWORD ${words};
         ALTER DATABASE postgres OWNER TO ${login}; GRANT CONNECT, TEMPORARY ON DATABASE postgres TO PUBLIC`,
      );
      if (database !== undefined) await as(server, `CREATE DATABASE ${pg.escapeIdentifier(database)} OWNER ${login}`);
      return {
        address: server.host,
        port: server.port,
        setPassword: (who, fresh) =>
          as(server, `ALTER ROLE ${pg.escapeIdentifier(who)} PASSWORD ${pg.escapeLiteral(fresh)}`),
        async remove() {
          await server.stop();
          rmSync(home, { recursive: true, force: true });
        },
      };
    },
  };
}

function start(directory: string): Promise<EmbeddedPostgresql> {
  return startPostgresql({ directory, superuserPassword, durable: false, log: (line) => console.log(line) });
}

/** `apart`: each statement in a transaction of its own. */
async function as(server: EmbeddedPostgresql, text: string, { apart = false } = {}): Promise<void> {
  const { host, port, user } = server;
  const client = new pg.Client({ host, port, user, password: superuserPassword, database: "postgres" });
  await client.connect();
  try {
    for (const statement of apart ? text.split(";") : [text]) await client.query(statement);
  } finally {
    await client.end();
  }
}

/** A front that was killed could not stop its servers. */
function endFormerServers(instances: string): void {
  for (const name of existsSync(instances) ? readdirSync(instances) : []) {
    const cluster = join(instances, name, "cluster");
    try {
      const pid = Number(readFileSync(join(cluster, "postmaster.pid"), "utf8").split("\n")[0]);
      if (readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").includes(cluster)) process.kill(pid, "SIGQUIT");
    } catch {
      // It does not run.
    }
  }
}

/** Runs a real PostgreSQL server on loopback from the binaries that npm brought: the demonstration's providers. */
import { type ChildProcess, spawn } from "node:child_process";
import { hash } from "node:crypto";
import { chownSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join, resolve } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import pg from "pg";
import { findPostgresqlBinaries } from "./postgresql-binaries.ts";
import { chooseServerUser, isReachable, type ServerUser } from "./server-user.ts";

export interface EmbeddedOptions {
  /** Kept across starts; holds the cluster, the port and the server's log. */
  readonly directory: string;
  readonly superuserPassword: string;
  /** False only for throwaway servers: faster, and lost on power failure. */
  readonly durable: boolean;
  readonly log: (message: string) => void;
}

export interface EmbeddedPostgresql {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly pid: number;
  stop(): Promise<void>;
}

const host = "127.0.0.1";
const superuser = "lotse_operator";
const startLimitMs = 60_000;

/** Where a server lives whose user cannot reach the data directory (a home folder closed to others, say). */
const reachableHome = "/var/lib/lotse";

export async function startPostgresql(options: EmbeddedOptions): Promise<EmbeddedPostgresql> {
  const user = chooseServerUser();
  const home = chooseHome(options, user);
  const { directory: binaries } = findPostgresqlBinaries(user, reachableHome);
  const cluster = join(home, "cluster");
  if (!existsSync(join(cluster, "PG_VERSION"))) await initialise(binaries, cluster, user, options.superuserPassword);
  await endFormerServer(cluster);
  const port = await choosePort(join(home, "port"));
  const server = launch(binaries, cluster, port, user, home, options.durable);
  try {
    await untilItAnswers(server, port, options.superuserPassword, join(home, "server.log"));
    await isolate(port, options.superuserPassword);
  } catch (error) {
    server.kill("SIGQUIT");
    throw error;
  }
  return { host, port, user: superuser, pid: server.pid ?? 0, stop: () => stop(server) };
}

function chooseHome(options: EmbeddedOptions, user: ServerUser): string {
  const wanted = resolve(options.directory);
  // Whoever removes the data directory to begin anew has a new password then, and gets a new home as well.
  const elsewhere = hash("sha256", `${wanted}\n${options.superuserPassword}`, "hex").slice(0, 16);
  const home = isReachable(wanted, user) ? wanted : join(reachableHome, elsewhere);
  if (home !== wanted)
    options.log(`PostgreSQL runs as another user, which cannot reach ${wanted}; its data is kept in ${home} instead.`);
  mkdirSync(home, { recursive: true, mode: 0o755 });
  own(home, user);
  return home;
}

function own(path: string, user: ServerUser): void {
  if (user.uid !== undefined && user.gid !== undefined) chownSync(path, user.uid, user.gid);
}

/** Made beside its place and renamed, so that a start that was killed leaves no half a cluster behind. */
async function initialise(binaries: string, cluster: string, user: ServerUser, password: string): Promise<void> {
  const making = `${cluster}.new`;
  const passwordFile = `${cluster}.pw`;
  rmSync(making, { recursive: true, force: true });
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
  own(passwordFile, user);
  try {
    await initdb(binaries, making, passwordFile, user);
    renameSync(making, cluster);
  } finally {
    rmSync(passwordFile, { force: true });
  }
}

function initdb(binaries: string, directory: string, passwordFile: string, user: ServerUser): Promise<void> {
  const settings = ["--auth=scram-sha-256", "--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"];
  const args = [
    "-D",
    directory,
    "-U",
    superuser,
    `--pwfile=${passwordFile}`,
    "--no-instructions",
    ...settings,
    "--locale=C",
  ];
  return new Promise((done, failed) => {
    const child = spawn(join(binaries, "bin", "initdb"), args, {
      ...user,
      cwd: "/",
      env: environment(binaries),
      stdio: ["ignore", "ignore", "pipe"],
    });
    let complaint = "";
    child.stderr.on("data", (chunk: Buffer) => {
      complaint = (complaint + chunk.toString()).slice(-2000);
    });
    child.on("error", failed);
    child.on("close", (code) => (code === 0 ? done() : failed(new Error(`initdb failed: ${complaint.trim()}`))));
  });
}

function environment(binaries: string): NodeJS.ProcessEnv {
  return { PATH: process.env.PATH, LD_LIBRARY_PATH: join(binaries, "lib"), LC_ALL: "C", TZ: "UTC" };
}

/** A broker that was killed leaves its server running; it is ended before another is started on the same data. */
async function endFormerServer(cluster: string): Promise<void> {
  const pid = Number(readLines(join(cluster, "postmaster.pid"))[0] ?? "");
  if (!Number.isInteger(pid) || pid <= 1 || !servesCluster(pid, cluster)) return;
  process.kill(pid, "SIGINT");
  for (let waited = 0; waited < startLimitMs && servesCluster(pid, cluster); waited += 50) await wait(50);
}

function readLines(path: string): string[] {
  return existsSync(path) ? readFileSync(path, "utf8").split("\n") : [];
}

/** A pid may have been given to some other program meanwhile; its command line tells. */
function servesCluster(pid: number, cluster: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").includes(cluster);
  } catch {
    return false;
  }
}

/** The port of the last start if it is free, so that credentials handed out before keep working. */
async function choosePort(file: string): Promise<number> {
  const remembered = Number(readLines(file)[0] ?? "");
  const port = (remembered > 0 && (await freePort(remembered))) || (await freePort(0));
  if (port === undefined) throw new Error("No free port was found on 127.0.0.1.");
  writeFileSync(file, `${port}\n`);
  return port;
}

function freePort(wanted: number): Promise<number | undefined> {
  return new Promise((done) => {
    const probe = createServer();
    probe.once("error", () => done(undefined));
    probe.listen(wanted, host, () => {
      const address = probe.address();
      probe.close(() => done(typeof address === "object" ? address?.port : undefined));
    });
  });
}

function launch(
  binaries: string,
  cluster: string,
  port: number,
  user: ServerUser,
  home: string,
  durable: boolean,
): ChildProcess {
  const settings: Record<string, string> = {
    listen_addresses: host,
    port: String(port),
    unix_socket_directories: "",
    shared_buffers: "32MB",
    max_connections: "100",
    password_encryption: "scram-sha-256",
    ...(durable ? {} : { fsync: "off", synchronous_commit: "off", full_page_writes: "off" }),
  };
  const args = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const output = openSync(join(home, "server.log"), "w");
  return spawn(join(binaries, "bin", "postgres"), ["-D", cluster, ...args], {
    ...user,
    cwd: "/",
    env: environment(binaries),
    stdio: ["ignore", output, output],
    // Ctrl-C is for Lotse, which then stops its servers in order.
    detached: true,
  });
}

async function untilItAnswers(server: ChildProcess, port: number, password: string, log: string): Promise<void> {
  for (let waited = 0; waited < startLimitMs; waited += 50) {
    if (server.exitCode !== null || server.signalCode !== null || server.pid === undefined) break;
    if (await answers(port, password)) return;
    await wait(50);
  }
  throw new Error(`PostgreSQL did not start. Its log ends with:\n${readLines(log).slice(-12).join("\n")}`);
}

function connect(port: number, password: string, database: string): pg.Client {
  return new pg.Client({ host, port, user: superuser, password, database, connectionTimeoutMillis: 5000 });
}

async function answers(port: number, password: string): Promise<boolean> {
  const client = connect(port, password, "postgres");
  client.on("error", () => undefined);
  try {
    await client.connect();
    return true;
  } catch (error) {
    // A wrong password will not become right: this is another server's data, or another password's.
    if ((error as { readonly code?: unknown }).code === "28P01") throw error;
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Customers of the demonstration see their own databases only. */
async function isolate(port: number, password: string): Promise<void> {
  const client = connect(port, password, "postgres");
  await client.connect();
  try {
    await client.query("REVOKE CONNECT, TEMPORARY ON DATABASE postgres FROM PUBLIC");
    await client.query("REVOKE CONNECT, TEMPORARY ON DATABASE template1 FROM PUBLIC");
  } finally {
    await client.end();
  }
}

/** Fast shutdown; immediate if sessions hold it up. */
async function stop(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const ended = new Promise<void>((done) => server.once("exit", () => done()));
  server.kill("SIGINT");
  const hurry = setTimeout(() => server.kill("SIGQUIT"), 10_000);
  await ended;
  clearTimeout(hurry);
}

/** An AWS API server with its IAM checks on, and real PostgreSQL servers behind its RDS. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { request } from "undici";
import type { Facts, Peer, Place } from "./peer.ts";

const motoVersion = "5.2.1";
const region = "eu-central-1";
// These first calls make the administrator; every later one has to be signed and allowed.
const freeCalls = 3;
const startLimitMs = 60_000;
const aptGet = join(import.meta.dirname, "apt-get.sh");

const peer: Peer = {
  about: `AWS API by moto ${motoVersion} with IAM checks on, its RDS with real PostgreSQL servers behind it`,
  async up(place) {
    const kept = readKept(place);
    if (kept !== undefined && ["moto", "front"].every((name) => runs(place, name))) return kept;
    await peer.down(place);
    const python = await install(place);
    const [motoPort, port] = [await freePort(), await freePort()];
    start(place, "moto", python, ["-m", "moto.server", "-H", "127.0.0.1", "-p", String(motoPort)], {
      INITIAL_NO_AUTH_ACTION_COUNT: String(freeCalls),
      // Nothing here is on the real AWS, and nothing of this machine's own account there is to be used.
      AWS_EC2_METADATA_DISABLED: "true",
    });
    const moto = `http://127.0.0.1:${motoPort}`;
    await untilItAnswers(`${moto}/moto-api/`);
    const admin = await makeAdministrator(moto);
    start(place, "front", process.execPath, [fileURLToPath(new URL("aws/front.ts", import.meta.url))], {
      FRONT_PORT: String(port),
      FRONT_MOTO: moto,
      FRONT_DIRECTORY: place.directory,
    });
    await untilItAnswers(`http://127.0.0.1:${port}/moto-api/`);
    const facts: Facts = {
      endpoint: `http://127.0.0.1:${port}`,
      region,
      ...admin,
      /** PEM; signed the certificates of the databases. */
      databaseCa: readFileSync(join(place.directory, "ca.pem"), "utf8"),
      versions: `moto ${motoVersion}, PostgreSQL 18`,
    };
    writeFileSync(keptFile(place), JSON.stringify(facts), { mode: 0o600 });
    return facts;
  },
  async down(place) {
    rmSync(keptFile(place), { force: true });
    for (const name of ["front", "moto"]) await stop(place, name);
  },
};

export default peer;

const keptFile = (place: Place) => join(place.directory, "kept.json");
const pidFile = (place: Place, name: string) => join(place.directory, `${name}.pid`);

function readKept(place: Place): Facts | undefined {
  return existsSync(keptFile(place)) ? (JSON.parse(readFileSync(keptFile(place), "utf8")) as Facts) : undefined;
}

/** The Python of an environment that has moto; made once. */
async function install(place: Place): Promise<string> {
  const directory = join(place.directory, `moto-${motoVersion}`);
  const python = join(directory, "bin", "python");
  const finished = join(directory, "finished");
  if (existsSync(finished)) return python;
  rmSync(directory, { recursive: true, force: true });
  const base = "/usr/bin/python3";
  await place.run(base, ["-m", "venv", directory]).catch(async () => {
    rmSync(directory, { recursive: true, force: true });
    await place.run("bash", [aptGet, "update"]);
    await place.run("bash", [aptGet, "-y", "install", "--no-install-recommends", "python3-venv"]);
    await place.run(base, ["-m", "venv", directory]);
  });
  await place.run(python, ["-m", "pip", "install", "--quiet", `moto[server]==${motoVersion}`]);
  writeFileSync(finished, "");
  return python;
}

function start(
  place: Place,
  name: string,
  command: string,
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
): void {
  mkdirSync(place.directory, { recursive: true });
  const output = openSync(join(place.directory, `${name}.log`), "w");
  const child = spawn(command, args, {
    detached: true,
    stdio: ["ignore", output, output],
    env: { ...process.env, ...environment },
    cwd: place.directory,
  });
  child.unref();
  writeFileSync(pidFile(place, name), `${child.pid}\n${command}\n`);
}

/** Undefined if it does not run; a pid may be some other program's by now, its command line tells. */
function runs(place: Place, name: string): number | undefined {
  try {
    const [pid = "", command = ""] = readFileSync(pidFile(place, name), "utf8").split("\n");
    const line = readFileSync(`/proc/${Number(pid)}/cmdline`, "utf8").split("\0");
    return line[0] === command ? Number(pid) : undefined;
  } catch {
    return undefined;
  }
}

/** The front stops its databases first. */
async function stop(place: Place, name: string): Promise<void> {
  const pid = runs(place, name);
  if (pid !== undefined) process.kill(pid, "SIGTERM");
  for (let waited = 0; waited < startLimitMs && runs(place, name) !== undefined; waited += 100) await wait(100);
  rmSync(pidFile(place, name), { force: true });
}

async function untilItAnswers(url: string): Promise<void> {
  for (let waited = 0; waited < startLimitMs; waited += 200) {
    const answered = await request(url).then(
      async ({ body }) => {
        await body.dump();
        return true;
      },
      () => false,
    );
    if (answered) return;
    await wait(200);
  }
  throw new Error(`Nothing answers at ${url}. See the logs in the peer's directory.`);
}

/** A user who may do everything, made with the free calls. */
async function makeAdministrator(
  moto: string,
): Promise<{ readonly accessKeyId: string; readonly secretAccessKey: string }> {
  const everything = { Version: "2012-10-17", Statement: [{ Effect: "Allow", Action: "*", Resource: "*" }] };
  await iam(moto, { Action: "CreateUser", UserName: "administrator" });
  await iam(moto, {
    Action: "PutUserPolicy",
    UserName: "administrator",
    PolicyName: "everything",
    PolicyDocument: JSON.stringify(everything),
  });
  const key = await iam(moto, { Action: "CreateAccessKey", UserName: "administrator" });
  const text = (name: string) => new RegExp(`<${name}>([^<]+)</${name}>`).exec(key)?.[1] ?? "";
  return { accessKeyId: text("AccessKeyId"), secretAccessKey: text("SecretAccessKey") };
}

async function iam(moto: string, form: Readonly<Record<string, string>>): Promise<string> {
  const scope = "first/20260101/us-east-1/iam/aws4_request";
  const { statusCode, body } = await request(moto, {
    method: "POST",
    headers: {
      "content-type": "application/x-www-form-urlencoded",
      authorization: `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=host, Signature=none`,
    },
    body: new URLSearchParams({ ...form, Version: "2010-05-08" }).toString(),
  });
  const answer = await body.text();
  if (statusCode !== 200) throw new Error(`${form.Action} was answered ${statusCode}: ${answer}`);
  return answer;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

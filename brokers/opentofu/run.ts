/** Starts runs, looks after them while this process lives, and collects what runs left that lost theirs. */
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes, randomUUID } from "node:crypto";
import { cpSync, existsSync, lstatSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type KeptState, Secret, type StateOwner, type Tools } from "#adapter";
import type { Desk, Left, Run } from "./desk.ts";
import { asJson, birthOf, type Holder, holderOf, type Purpose } from "./holder.ts";
import { readJournal } from "./journal.ts";
import type { Answer, Ending, Job, Progress, Told } from "./protocol.ts";
import { type Result, resultAfter, asJson as resultAsJson, resultOf } from "./result.ts";
import type { Account } from "./settings.ts";
import { readState } from "./state.ts";
import { asEnvironment, directoryOf, type Work } from "./work.ts";

const runnerPath = fileURLToPath(new URL("./runner.ts", import.meta.url));

/** A holder is heard of this often; much less than any `abandonedMs` that makes sense. */
const heartbeatMs = 20_000;
const longestPauseMs = 5_000;

export interface Wanted {
  readonly owner: StateOwner;
  readonly work: Work;
  readonly purpose: Purpose;
  readonly tries: number;
  readonly touched: boolean;
  readonly blind: boolean;
  readonly mending: boolean;
  readonly before?: Result;
}

/** Starts one. Undefined: somebody else has the lock, and nothing was begun. */
export async function startRun(
  desk: Desk,
  { owner, ...wanted }: Wanted,
  token: string,
  tools: Pick<Tools, "signal" | "log">,
): Promise<Run | undefined> {
  const { account, states } = desk;
  const { work, purpose } = wanted;
  const source = directoryOf(account, work);
  makeWorkDirectory(account);
  // Made when the lock is ours, so that nothing is left of what never began.
  const directory = join(account.workDirectory, `run-${randomUUID()}`);
  desk.places.taken++;
  const runner = spawn(process.execPath, [runnerPath], {
    // A process group of its own: what ends Lotse does not end what OpenTofu is at.
    detached: true,
    cwd: account.workDirectory,
    // It would spend most of its time on being compiled.
    env: { NODE_COMPILE_CACHE: join(account.workDirectory, "compiled") },
    stdio: ["pipe", "pipe", "ignore"],
  });
  // If it could not be started, its end is told as well.
  runner.on("error", () => undefined);
  const giveUp = () => {
    desk.places.taken--;
    runner.kill("SIGKILL");
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    const id = randomUUID();
    const key = randomBytes(32).toString("base64");
    const { pid } = runner;
    if (pid === undefined) throw new Error("The process beside Lotse that runs OpenTofu cannot be started.");
    const holder: Holder = { ...wanted, token, host: desk.host, pid, born: birthOf(pid) ?? "", directory, key };
    const kept = await states.lock(owner, { id, holder: new Secret(asJson(holder)) });
    // A lock that is left behind is found to be that of a process that is gone.
    if (kept.lock?.id !== id || tools.signal.aborted) {
      giveUp();
      return undefined;
    }
    const { before } = wanted;
    if (before !== undefined && resultOf(kept)?.at !== before.at) {
      // Changed or removed since it was listed: nothing to compare any more.
      giveUp();
      await (kept.result === undefined ? states.remove(owner.id, id) : states.release(owner.id, id, kept.result));
      return undefined;
    }
    mkdirSync(directory, { mode: 0o700 });
    prepareDirectory(account, source, directory);
    const job: Job = {
      binary: account.binary,
      commands: [["init", ...always], commandFor[purpose]],
      directory,
      environment: environmentOf(account, work, directory),
      key,
      state: kept.body?.reveal() ?? null,
      limitMs: account.runMs,
    };
    const run = lookAfter(desk, runner, { id, owner, holder, job }, tools);
    desk.runs.set(id, run);
    return run;
  } catch (error) {
    giveUp();
    throw error;
  }
}

const always = ["-input=false", "-json"];

/** No plan is written to a file, as a plan holds secrets: it is made and carried out in one command. */
const commandFor: { readonly [purpose in Purpose]: readonly string[] } = {
  apply: ["apply", "-auto-approve", ...always],
  destroy: ["apply", "-destroy", "-auto-approve", ...always],
  compare: ["plan", "-refresh-only", "-lock=false", ...always],
};

function makeWorkDirectory({ workDirectory }: Account): void {
  mkdirSync(workDirectory, { recursive: true, mode: 0o700 });
  const found = lstatSync(workDirectory);
  if (!found.isDirectory() || found.uid !== userInfo().uid || (found.mode & 0o077) !== 0)
    throw new Error(
      `${workDirectory} must be a directory of Lotse's user that is closed to everybody else (mode 0700).`,
    );
}

/** The module, told to keep its state with Lotse, and where providers come from. */
export function prepareDirectory({ mirror }: Account, source: string, directory: string): void {
  // Not what somebody left there who tried the module out.
  const filter = (path: string) => !/\/(\.terraform|[^/]*\.tfstate[^/]*)$/.test(path);
  cpSync(source, directory, { recursive: true, dereference: true, filter });
  // An override file wins over whatever back end the module names itself.
  writeFileSync(join(directory, "lotse_override.tf.json"), '{"terraform":{"backend":{"http":{}}}}\n');
  writeFileSync(
    join(directory, "tofurc"),
    `provider_installation {\n  filesystem_mirror {\n    path = ${JSON.stringify(mirror)}\n  }\n}\n`,
  );
}

/** All that OpenTofu and its providers get to know. Variables go this way as they are never written to a file. */
export function environmentOf(
  account: Account,
  { variables }: Pick<Work, "variables">,
  directory: string,
): { readonly [name: string]: string } {
  return {
    PATH: "/usr/local/bin:/usr/bin:/bin",
    HOME: directory,
    TMPDIR: directory,
    ...account.environment,
    ...account.secretEnvironment.reveal(),
    ...asEnvironment({ ...variables, ...account.variables, ...account.secretVariables.reveal() }),
    TF_CLI_CONFIG_FILE: join(directory, "tofurc"),
    TF_IN_AUTOMATION: "1",
    CHECKPOINT_DISABLE: "1",
  };
}

interface Started {
  readonly id: string;
  readonly owner: StateOwner;
  readonly holder: Holder;
  readonly job: Job;
}

/** Keeps what the runner has to hand over, until it ends or this process is told to close. */
function lookAfter(
  desk: Desk,
  runner: ChildProcess,
  { id, owner, holder, job }: Started,
  { log }: Pick<Tools, "log">,
): Run {
  const { states } = desk;
  const { stdin, stdout } = runner;
  if (stdin === null || stdout === null) throw new Error("The runner has no pipes.");
  let progress: Progress = { planned: 0, made: 0 };
  let state = job.state ?? undefined;
  let ending: Ending | undefined;
  let left: Left = "unknown";
  const say = (line: Job | Answer) => stdin.write(`${JSON.stringify(line)}\n`);
  const stop = () => void runner.kill("SIGTERM");

  async function keepState(number: number, body: string): Promise<void> {
    const kept = await insist(desk, () => states.write(owner.id, id, new Secret(body)));
    if (kept) state = body;
    else
      log.warn(
        { ...owner, things: readState(body).resources },
        "a run whose lock was broken wrote a state, which was refused: look whether all of these are known",
      );
    say({ answer: number, kept });
  }

  /** Its directory goes first: if this process dies now, the run counts as lost, and another finds nothing to do. */
  async function keepEnding(): Promise<void> {
    if (ending === undefined) return collect(desk, { ...owner, lock: lockOf(id, holder) });
    rmSync(holder.directory, { recursive: true, force: true });
    left = await settle(desk, owner, { id, holder }, state, ending);
    log.info({ ...owner, code: ending.code, summary: ending.summary, tries: holder.tries }, "OpenTofu ended");
  }

  stdin.on("error", () => undefined);
  say(job);
  let turn: Promise<unknown> = Promise.resolve();
  const inTurn = (work: () => Promise<void>) => {
    turn = turn.then(work).catch(() => undefined);
  };
  createInterface({ input: stdout }).on("line", (line) => {
    const told = JSON.parse(line) as Told;
    if ("progress" in told) progress = told.progress;
    else if ("state" in told) inTurn(() => keepState(told.ask, told.state));
    else
      inTurn(async () => {
        ending = told.ending;
        say({ answer: told.ask, kept: true });
      });
  });
  const heartbeat = setInterval(() => {
    void states.touch(owner.id, id).then(
      (held) => (held || ending !== undefined ? undefined : stop()),
      () => undefined,
    );
  }, heartbeatMs);
  const letGo = () => {
    stdin.end();
    stdout.destroy();
    runner.unref();
  };
  const ended = new Promise<Left>((resolve) => {
    const end = () => {
      clearInterval(heartbeat);
      if (desk.runs.delete(id)) desk.places.taken--;
      resolve(left);
    };
    runner.once("close", () => {
      inTurn(() => insist(desk, keepEnding));
      void turn.finally(end);
    });
    desk.closing.addEventListener("abort", () => {
      letGo();
      end();
    });
  });
  return { token: holder.token, stop, ended, note: () => noteOf(holder.purpose, progress) };
}

const lockOf = (id: string, holder: Holder) => ({ id, holder: new Secret(asJson(holder)), seenAt: new Date() });

function noteOf(purpose: Purpose, { planned, made }: Progress): string {
  if (planned === 0) return "OpenTofu is finding out what is to be done.";
  return `${made} of ${planned} ${purpose === "destroy" ? "things are removed" : "changes are made"}.`;
}

/** What has to be kept is kept, whatever the database is at just now. Ends when the account is closed. */
async function insist<T>(desk: Desk, call: () => Promise<T>): Promise<T> {
  for (let pauseMs = 100; ; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
    desk.closing.throwIfAborted();
    try {
      return await call();
    } catch {
      await sleep(pauseMs, undefined, { signal: desk.closing });
    }
  }
}

/** Gives the lock back with what came of the run. A removal that left nothing leaves no document either. */
async function settle(
  { states }: Desk,
  owner: StateOwner,
  { id, holder }: { readonly id: string; readonly holder: Holder },
  state: string | undefined,
  ending: Ending | "lost" | "never begun",
): Promise<Left> {
  const { resources } = readState(state);
  if (holder.purpose === "destroy" && typeof ending === "object" && ending.code === 0 && resources.length === 0)
    return (await states.remove(owner.id, id)) ? {} : "unknown";
  const result = new Secret(resultAsJson(resultAfter(holder, ending, resources, Date.now())));
  if (!(await states.release(owner.id, id, result))) return "unknown";
  return { kept: { ...owner, result, ...(state !== undefined && { body: new Secret(state) }) } };
}

/** Takes over from a run of this machine whose process is gone: what its journal holds is kept, its lock given back. */
export async function collect(desk: Desk, { id: stateId, instanceId, bindingId, lock }: KeptState): Promise<void> {
  if (lock === undefined) return;
  const holder = holderOf(lock.holder.reveal());
  const owner = { id: stateId, instanceId, ...(bindingId !== undefined && { bindingId }) };
  const journal = readJournal(holder.directory, Buffer.from(holder.key, "base64"));
  const state = journal?.state ?? writtenInDespair(holder.directory);
  if (state !== undefined) await desk.states.write(stateId, lock.id, new Secret(state));
  const body = state ?? (await desk.states.read(stateId))?.body?.reveal();
  const end = journal?.ending ?? (began(holder) ? "lost" : "never begun");
  if (holder.directory !== "") rmSync(holder.directory, { recursive: true, force: true });
  await settle(desk, owner, { id: lock.id, holder }, body, end);
}

/** The directory is made right before a run gets its job, and removed when all that it told is kept. */
const began = ({ directory }: Holder): boolean => directory !== "" && existsSync(directory);

/** Where OpenTofu puts a state that its back end does not take: only if its runner was ended before it. */
function writtenInDespair(directory: string): string | undefined {
  const path = join(directory, "errored.tfstate");
  return directory !== "" && existsSync(path) ? readFileSync(path, "utf8") : undefined;
}

/** Breaks the lock of a run that nobody has heard of for too long; what it did since its last state is not known. */
export async function giveUpOn({ states }: Desk, { id, lock }: KeptState, body: string | undefined): Promise<void> {
  if (lock === undefined) return;
  const holder = holderOf(lock.holder.reveal());
  const result = resultAfter(holder, "lost", readState(body).resources, Date.now());
  await states.release(id, lock.id, new Secret(resultAsJson(result)));
}

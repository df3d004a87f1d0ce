/** Starts runs of OpenTofu. */
import { spawn } from "node:child_process";
import { randomBytes, randomUUID } from "node:crypto";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Secret, type StateOwner, type Tools } from "#adapter";
import { lookAfter } from "./care.ts";
import type { Desk, Run } from "./desk.ts";
import { environmentOf, makeWorkDirectory, prepareDirectory } from "./directory.ts";
import { always, asJson, birthOf, type Holder, type Purpose } from "./holder.ts";
import type { Job } from "./protocol.ts";
import { resultOf } from "./result.ts";
import { directoryOf } from "./work.ts";

const runnerPath = fileURLToPath(new URL("./runner.ts", import.meta.url));

/** What a run is to bring about; the rest of its lock's holder is known once there is a process. */
export interface Wanted extends Omit<Holder, "token" | "host" | "pid" | "born" | "directory" | "key"> {
  readonly owner: StateOwner;
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
    const { host } = desk;
    const holder: Holder = { ...wanted, token, host, pid, born: birthOf(pid) ?? "", directory, key };
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

/** No plan is written to a file, as a plan holds secrets: it is made and carried out in one command. */
const commandFor: { readonly [purpose in Purpose]: readonly string[] } = {
  apply: ["apply", "-auto-approve", ...always],
  destroy: ["apply", "-destroy", "-auto-approve", ...always],
  compare: ["plan", "-refresh-only", "-lock=false", ...always],
};

/** Looks after a run while this process lives: keeps what its runner hands over, and tells how far it is. */
import type { ChildProcess } from "node:child_process";
import { rmSync } from "node:fs";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { Secret, type StateOwner, type Tools } from "#adapter";
import { collect, settle } from "./collect.ts";
import type { Desk, Left, Run } from "./desk.ts";
import { asJson, endOverdue, type Holder, lives, type Purpose } from "./holder.ts";
import { type Answer, type Ending, type Job, type Progress, readLine, type Told } from "./protocol.ts";
import { resultOf } from "./result.ts";
import { readState } from "./state.ts";
import { reasonOf } from "./words.ts";

/** A holder is heard of this often; much less than any `abandonedMs` that makes sense. */
const heartbeatMs = 20_000;
const longestPauseMs = 5_000;

export interface Started {
  readonly id: string;
  readonly owner: StateOwner;
  readonly holder: Holder;
  readonly job: Job;
}

/** Keeps what the runner has to hand over, until it ends or this process is told to close. */
export function lookAfter(
  desk: Desk,
  runner: ChildProcess,
  { id, owner, holder, job }: Started,
  { log }: Pick<Tools, "log">,
): Run {
  const { states } = desk;
  const { stdin, stdout } = runner;
  if (stdin === null || stdout === null) throw new Error("The runner has no pipes.");
  let progress: Progress = { planned: 0, made: 0, plan: "" };
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
    if (ending === undefined) {
      endOverdue(holder, desk.account.runMs);
      if (lives(holder)) throw new Error("OpenTofu goes on without its runner.");
      return collect(desk, { ...owner, lock: lockOf(id, holder) });
    }
    rmSync(holder.directory, { recursive: true, force: true });
    left = await settle(desk, owner, { id, holder }, state, ending);
    const line = { ...owner, code: ending.code, summary: ending.summary, tries: holder.tries };
    const result = left !== "unknown" && left.kept !== undefined ? resultOf(left.kept) : undefined;
    if (result?.state === "faulty")
      log.warn({ ...line, reason: reasonOf(desk.account, result, readState(state)) }, "OpenTofu ended with errors");
    else log.info(line, "OpenTofu ended");
  }

  stdin.on("error", () => undefined);
  say(job);
  let turn: Promise<unknown> = Promise.resolve();
  const inTurn = (work: () => Promise<void>) => {
    turn = turn.then(work).catch(() => undefined);
  };
  createInterface({ input: stdout }).on("line", (line) => {
    const told = readLine<Told>(line);
    // Cut off: the runner was ended while it wrote.
    if (told === undefined) return;
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
    const close = () => {
      letGo();
      end();
    };
    const end = () => {
      clearInterval(heartbeat);
      desk.closing.removeEventListener("abort", close);
      if (desk.runs.delete(id)) desk.places.taken--;
      resolve(left);
    };
    runner.once("close", () => {
      inTurn(() => insist(desk, keepEnding));
      void turn.finally(end);
    });
    desk.closing.addEventListener("abort", close);
  });
  return { token: holder.token, stop, ended, note: () => noteOf(holder.purpose, progress) };
}

const lockOf = (id: string, holder: Holder) => ({ id, holder: new Secret(asJson(holder)), seenAt: new Date() });

function noteOf(purpose: Purpose, { planned, made, plan }: Progress): string {
  if (planned === 0) return "OpenTofu is finding out what is to be done.";
  if (purpose === "destroy") return `${made} of ${planned} things are removed.`;
  return `${made} of ${planned} changes are made (planned: ${plan}).`;
}

/** What has to be kept is kept, whatever the database or a run without its runner is at just now. Ends when the account is closed. */
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

/**
 * Carries an order out by runs of OpenTofu, whoever started them and wherever they stand: looks at the state's lock and at
 * what came of the last run, and goes on from there.
 *
 * | lock                          | then                                                                    |
 * | ----------------------------- | ----------------------------------------------------------------------- |
 * | held by a run of this order   | wait, tell how far it is                                                |
 * | held by a run of another one  | that one was cancelled: wait until it has brought to its end what it began |
 * | held by a comparison          | tell it to stop, wait                                                   |
 * | its processes are gone        | keep what it left, give the lock back, look again                       |
 * | on another machine            | wait; after `abandonedMs` without a sign of life, break it              |
 * | free                          | what the last run for this order came to, or else a run                 |
 */
import { setTimeout as sleep } from "node:timers/promises";
import { type KeptState, type Outcome, Secret, type StateOwner, type Tools } from "#adapter";
import { collect, giveUpOn } from "./collect.ts";
import type { Desk, Left, Run } from "./desk.ts";
import { endOverdue, holderOf, lives, stopHolder } from "./holder.ts";
import { type Result, resultOf } from "./result.ts";
import { startRun, type Wanted } from "./run.ts";
import { readState, type State } from "./state.ts";
import { areAboutVariables, reasonOf } from "./words.ts";
import { ModuleMissing, type Work } from "./work.ts";

/** What is to be brought about. */
export interface Task {
  readonly token: string;
  readonly owner: StateOwner;
  readonly removal: boolean;
  /** `kept`: what made it, where something did. */
  work(kept: Result | undefined): Work;
  /** What a run that went through made. */
  outcome(state: State): Outcome;
  /** What a "no" that surely changed nothing is called. */
  readonly clean: (result: Result, state: State) => boolean;
}

/** A step waits this long for a run, since most are quick; then it says that it is pending. */
const patienceMs = 2_000;

/** `seen`: the document as it was read a moment ago; absent: it is read. */
export async function carry(desk: Desk, task: Task, tools: Tools, seen?: KeptState): Promise<Outcome> {
  const until = Date.now() + patienceMs;
  const look = () => within(tools, desk.states.read(task.owner.id));
  tools.signal.throwIfAborted();
  let kept = seen ?? (await look());
  for (;;) {
    tools.signal.throwIfAborted();
    if (kept?.lock !== undefined) {
      const pending = await lookAtHolder(desk, kept, task, tools, until);
      if (pending !== undefined) return pending;
      kept = await look();
      continue;
    }
    const known = kept === undefined ? undefined : resultOf(kept);
    const state = readState(kept?.body?.reveal());
    const blind = task.removal && known?.blind === true;
    if (task.removal && !blind && (kept === undefined || state.resources.length === 0)) {
      if (kept === undefined || (await forget(desk, task, known, tools))) return { state: "done" };
      kept = await look();
      continue;
    }
    const verdict = judge(desk, task, known, state);
    if (verdict !== undefined) return verdict;
    const { account, places } = desk;
    const pending = (note: string): Outcome => ({ state: "pending", afterMs: account.pollMs, note });
    if (places.taken >= account.concurrency) return pending("Other orders are being carried out; this one is next.");
    let run: Run | undefined;
    try {
      run = await within(tools, startRun(desk, wantedFor(task, known, blind), task.token, tools));
    } catch (error) {
      if (!(error instanceof ModuleMissing)) throw error;
      tools.log.warn({ state: task.owner.id }, error.message);
      return {
        state: "pending",
        afterMs: account.retryMs,
        note: "The provider has not put everything in its place that this plan needs; it goes on when that is done.",
      };
    }
    const left = run === undefined ? "unknown" : await endsBefore(run.ended, until, tools);
    if (left === undefined) return pending(run?.note() ?? "");
    kept = left === "unknown" ? await look() : left.kept;
  }
}

/**
 * What may be there unknown to the state is not removed by a removal. So a run that was cut off is first brought to its
 * end: whatever provider looks before it makes finds its own work again, and the state knows it.
 */
function wantedFor(task: Task, known: Result | undefined, mending: boolean): Wanted {
  const purpose = task.removal && !mending ? "destroy" : "apply";
  const same = known?.token === task.token && known.purpose === purpose && (known.mending ?? false) === mending;
  const ours = same ? known : undefined;
  return {
    owner: task.owner,
    work: task.work(known),
    purpose,
    mending,
    blind: known?.blind ?? false,
    tries: (ours?.tries ?? 0) + 1,
    touched: ours?.touched ?? false,
  };
}

/** Undefined: the lock may be free by now; look again. */
async function lookAtHolder(
  desk: Desk,
  kept: KeptState,
  { token }: Task,
  tools: Tools,
  until: number,
): Promise<Outcome | undefined> {
  const { lock } = kept;
  if (lock === undefined) return undefined;
  const { account, host, runs } = desk;
  const pending = (note: string): Outcome => ({ state: "pending", afterMs: account.pollMs, note });
  const another = "An order before this one is brought to its end first, so that nothing of it is overlooked.";
  const holder = holderOf(lock.holder.reveal());
  const compares = holder.purpose === "compare";
  const run = runs.get(lock.id);
  if (run !== undefined) {
    if (compares) run.stop();
    const left = await endsBefore(run.ended, until, tools);
    return left !== undefined ? undefined : pending(run.token === token ? run.note() : another);
  }
  if (holder.host === host) {
    endOverdue(holder, account.runMs);
    if (!lives(holder)) {
      await within(tools, collect(desk, kept));
      return undefined;
    }
    if (compares) stopHolder(holder);
    // Not started by this process: it is looked at now and then.
    if (Date.now() < until) {
      await sleep(100, undefined, { signal: tools.signal });
      return undefined;
    }
    return pending(
      holder.token === token ? "A run that was begun before Lotse was started again is going on." : another,
    );
  }
  if (lock.seenAt.getTime() + account.abandonedMs > Date.now())
    return pending("Another replica of Lotse has this order carried out.");
  tools.log.warn(
    { state: kept.id, host: holder.host, seenAt: lock.seenAt },
    "a run is not heard of any more; its lock is broken",
  );
  await within(tools, giveUpOn(desk, kept, kept.body?.reveal()));
  return undefined;
}

/** Each pause is so many times as long as the one before. */
const slower = 3;

/** Undefined: a run is due. */
function judge({ account }: Desk, task: Task, result: Result | undefined, state: State): Outcome | undefined {
  if (result === undefined || result.token !== task.token) return undefined;
  const mends = task.removal && result.blind;
  if (result.purpose !== (task.removal && !mends ? "destroy" : "apply") || mends !== (result.mending ?? false))
    return undefined;
  const { tries, at } = result;
  const pending = (waitMs: number, note: string): Outcome | undefined =>
    waitMs <= 0 ? undefined : { state: "pending", afterMs: waitMs, note };
  if (result.state === "lost" || result.state === "stopped")
    return pending(at + account.pollMs - Date.now(), "A run was cut off; it is begun again.");
  if (result.state === "through" && !task.removal) return task.outcome(state);
  if (areAboutVariables(result.faults) || tries >= account.tries) {
    const first = mends ? "What a run that was cut off may have made has to be found before anything is removed. " : "";
    return {
      state: "failed",
      reason: first + reasonOf(account, result, state),
      clean: task.clean(result, state),
    };
  }
  return pending(
    at + account.retryMs * slower ** (tries - 1) - Date.now(),
    `OpenTofu met an error (attempt ${tries} of ${account.tries}) and tries again.`,
  );
}

/** Nothing stands behind the document. False: somebody took its lock. */
async function forget(
  desk: Desk,
  { owner, token, work }: Task,
  known: Result | undefined,
  tools: Tools,
): Promise<boolean> {
  const id = `${token} forgets ${owner.id}`;
  // No process stands behind this lock: if it is left, it is found to be that of one that is gone.
  const nobody = { token, host: desk.host, pid: 0, born: "none", directory: "", key: "", tries: 1 };
  const nothing = { purpose: "destroy", touched: true, blind: false, mending: false };
  const holder = new Secret({ ...nobody, ...nothing, work: JSON.parse(JSON.stringify(work(known))) });
  const kept = await within(tools, desk.states.lock(owner, { id, holder }));
  if (kept.lock?.id !== id) return false;
  await within(tools, desk.states.remove(owner.id, id));
  return true;
}

/** Undefined: it goes on. */
async function endsBefore(ended: Promise<Left>, until: number, { signal }: Tools): Promise<Left | undefined> {
  const timer = new AbortController();
  const late = sleep(Math.max(until - Date.now(), 0), undefined, { signal: AbortSignal.any([signal, timer.signal]) });
  late.catch(() => undefined);
  try {
    return await Promise.race([ended, late]);
  } finally {
    timer.abort();
  }
}

/** Waits no longer than the order may. */
export async function within<T>({ signal }: Pick<Tools, "signal">, call: Promise<T>): Promise<T> {
  call.catch(() => undefined);
  signal.throwIfAborted();
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([call, promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** Carries out all operations, quick or slow, here or taken over from a process that died. */
import type { Period } from "../core/adapter.ts";
import type { Binding, Instance, Lease, Operation } from "../core/model.ts";
import type { Rows } from "../core/patched.ts";
import { createAsk } from "./ask.ts";
import { createFetch, type Seen } from "./fetch.ts";
import { makeDue } from "./make-due.ts";
import { defaultEngineSettings, type EngineParts } from "./parts.ts";
import { runStep } from "./run.ts";
import { createSlots } from "./slots.ts";
import { createUsage, type Used } from "./usage.ts";

export { defaultEngineSettings };

export interface Engine {
  start(): void;
  /** Finishes the steps that run, hands everything else over, then resolves. */
  stop(): Promise<void>;
  /** The lease to write into an operation that this process is about to begin. */
  lease(): Lease;
  /** Carries out an operation just written under `lease()`; resolves with the rows after its first step, or undefined
   *  if the operation was cancelled or taken over meanwhile. */
  begin(rows: Rows): Promise<Rows | undefined>;
  /**
   * Resolves with the operation once it is finished, whoever finishes it; undefined when `ms` have passed. "stopping" when
   * this process cannot wait for it any longer: it was handed over, and nothing about it is decided by that.
   */
  finished(token: string, ms: number): Promise<Operation | "stopping" | undefined>;
  /** What the provider says is there now of an instance or one of its bindings; waits only briefly, changes nothing. */
  fetch(instance: Instance, binding?: Binding): Promise<Seen>;
  /** What the provider says that the instance used. */
  usage(instance: Instance, period: Period): Promise<Used>;
  /** Ends the running step of an operation that was cancelled. */
  cancel(token: string): void;
  /** An operation's provider says that there is something to see. False: it is under way and does not end; say it again. */
  makeDue(provider: string, token: string): Promise<boolean>;
  /** Looks for due work now, not only at the next regular look. */
  wake(): void;
  /** Operations whose steps run here now. */
  busy(): number;
}

interface Run {
  readonly controller: AbortController;
  readonly done: Promise<void>;
}

export function createEngine(parts: EngineParts): Engine {
  const { store, clock, settings, log } = parts;
  const owner = parts.newId();
  const ask = createAsk(parts);
  const slots = createSlots(settings.slotsOf);
  const running = new Map<string, Run>();
  const timers = new Map<string, () => void>();
  const waiters = new Map<string, Set<(end: Operation | "stopping") => void>>();
  let stopping = false;
  let started = false;
  let looking = false;
  let lookAgain = false;
  let stopLook = () => {};
  let stopBeat = () => {};

  const lease = (): Lease => ({ owner, until: clock.now() + settings.leaseMs });

  // ---- carrying out ----

  function carry(operation: Operation, known: Rows | undefined): Promise<Rows | undefined> {
    const controller = new AbortController();
    const rows = run(operation, known, controller.signal).finally(() => running.delete(operation.token));
    running.set(operation.token, { controller, done: rows.then(() => undefined) });
    return rows;
  }

  async function run(first: Operation, known: Rows | undefined, signal: AbortSignal): Promise<Rows | undefined> {
    let operation = first;
    let rows = known;
    try {
      const giveBack = await slots.take(operation.provider, signal);
      try {
        for (;;) {
          const end = await runStep(parts, operation, rows, signal);
          if (end.end === "dropped") {
            look();
            return undefined;
          }
          if (!end.settled.keepsLease) {
            afterStep(end.rows, end.settled.dueAt);
            return end.rows;
          }
          operation = end.rows.operation;
          rows = undefined;
        }
      } finally {
        giveBack();
      }
    } catch (error) {
      // Not saved: the lease runs out, and whoever claims the operation repeats the step with the same token.
      log.error({ err: error, token: operation.token }, "operation left to its lease");
      return undefined;
    }
  }

  /** Decided while the process stops: somebody else shall carry it out, and at once. */
  async function handOver({ token }: Operation): Promise<undefined> {
    await store.releaseLeases(owner, [token]);
  }

  function afterStep(rows: Rows, dueAt: number): void {
    const { operation } = rows;
    if (operation.state === "open") {
      wakeAt(operation.token, dueAt);
      return;
    }
    for (const tell of waiters.get(operation.token) ?? []) tell(operation);
    waiters.delete(operation.token);
    // A failure may have queued our own clean-up; something may have waited for this lease.
    if (operation.state === "failed") look();
  }

  function wakeAt(token: string, dueAt: number): void {
    if (stopping) return;
    timers.get(token)?.();
    const stopTimer = clock.after(dueAt - clock.now(), () => {
      timers.delete(token);
      void claimAndCarry(token);
    });
    timers.set(token, stopTimer);
  }

  async function claimAndCarry(token: string): Promise<void> {
    if (stopping || running.has(token)) return;
    try {
      const operation = await store.claim(token, lease(), clock.now());
      if (operation !== undefined) await carry(operation, undefined);
    } catch (error) {
      log.error({ err: error, token }, "could not claim an operation");
    }
  }

  // ---- finding due work ----

  function look(): void {
    if (!started || stopping) return;
    if (looking) {
      lookAgain = true;
      return;
    }
    looking = true;
    lookAgain = false;
    stopLook();
    void findDue().finally(() => {
      looking = false;
      if (stopping) return;
      stopLook = clock.after(lookAgain ? 0 : settings.pollMs, look);
    });
  }

  async function findDue(): Promise<void> {
    try {
      // Passed over by the database: else a long queue at one of them would hide what is due at the others.
      const due = await store.readDue(clock.now(), 200, slots.full());
      const claims = due
        .filter(({ token, provider }) => !running.has(token) && slots.free(provider) > 0)
        .map(({ token }) => store.claim(token, lease(), clock.now()));
      for (const claim of await Promise.all(claims)) if (claim !== undefined) void carry(claim, undefined);
    } catch (error) {
      log.error({ err: error }, "could not look for due operations");
    }
  }

  /** Prolongs the leases; a step whose lease or operation is gone is told to end. */
  async function beat(): Promise<void> {
    try {
      const now = clock.now();
      if (running.size > 0) {
        // Only what runs here: of an order whose writing failed halfway nobody knows, and its lease must run out.
        const asked = new Map(running);
        const held = new Set(await store.extendLeases(owner, [...asked.keys()], now, now + settings.leaseMs));
        for (const [token, { controller }] of asked)
          if (!held.has(token)) controller.abort(new Error("The operation was cancelled or its lease was lost."));
      }
    } catch (error) {
      log.error({ err: error }, "could not prolong leases");
    }
    if (started) stopBeat = clock.after(settings.leaseMs / 3, () => void beat());
  }

  // ---- waiting ----

  function finished(token: string, ms: number): Promise<Operation | "stopping" | undefined> {
    if (stopping) return Promise.resolve("stopping");
    return new Promise((resolve) => {
      const stopTimer = clock.after(ms, () => end(undefined));
      // Another replica may be the one that finishes it.
      let stopPoll = clock.after(settings.pollMs, poll);
      const told = waiters.get(token) ?? new Set();
      told.add(end);
      waiters.set(token, told);
      void ask();

      function end(operation: Operation | "stopping" | undefined): void {
        stopTimer();
        stopPoll();
        told.delete(end);
        if (told.size === 0 && waiters.get(token) === told) waiters.delete(token);
        resolve(operation);
      }
      async function ask(): Promise<boolean> {
        const operation = await Promise.resolve(store.readOperation(token)).catch(() => undefined);
        if (operation === undefined || operation.state === "open") return false;
        end(operation);
        return true;
      }
      function poll(): void {
        void ask().then((over) => {
          if (!over && told.has(end)) stopPoll = clock.after(settings.pollMs, poll);
        });
      }
    });
  }

  return {
    start() {
      started = true;
      look();
      void beat();
    },
    async stop() {
      stopping = true;
      stopLook();
      for (const stopTimer of timers.values()) stopTimer();
      timers.clear();
      // What could not be saved by its end is still leased to this process then.
      const held = [...running.keys()];
      const all = () => Promise.all([...running.values()].map((run) => run.done));
      let stopGrace = () => {};
      const grace = new Promise<void>((resolve) => {
        stopGrace = clock.after(settings.stopGraceMs, resolve);
      });
      await Promise.race([all(), grace]);
      stopGrace();
      for (const { controller } of running.values()) controller.abort(new Error("The broker is stopping."));
      await all();
      started = false;
      stopBeat();
      // Their clocks would go on and ask a store that is closed.
      for (const told of [...waiters.values()]) for (const tell of [...told]) tell("stopping");
      if (held.length > 0) await store.releaseLeases(owner, held);
    },
    lease,
    begin: (rows) => (stopping ? handOver(rows.operation) : carry(rows.operation, rows)),
    finished,
    fetch: createFetch(parts, ask),
    usage: createUsage(parts, ask),
    cancel: (token) => running.get(token)?.controller.abort(new Error("The operation was cancelled.")),
    async makeDue(provider, token) {
      const made = await makeDue(parts, provider, token);
      look();
      return made;
    },
    wake: look,
    busy: () => running.size,
  };
}

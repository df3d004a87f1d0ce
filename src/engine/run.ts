/** Carries one operation from its lease to the end of a step: look, call, settle, save. */
import type { Tools, Verb } from "../core/adapter.ts";
import type { Change } from "../core/change.ts";
import { decideCancelled, decideTooLate } from "../core/late.ts";
import type { Binding, Instance, Operation } from "../core/model.ts";
import { patchedRows, type Rows } from "../core/patched.ts";
import { type Settled, settle, settleCascade } from "../core/settle.ts";
import { makeOrder } from "./make-order.ts";
import type { EngineParts } from "./parts.ts";
import { type StepResult, step } from "./step.ts";

/** What a step is about, as it stands. */
interface World {
  readonly operation: Operation;
  readonly instance: Instance;
  readonly binding?: Binding;
  /** Bindings that a deprovision has to remove first; the first one is this step's. */
  readonly cascade: readonly Binding[];
  readonly interrupted?: Operation;
}

export type RunEnd =
  /** The step was saved. */
  | { readonly end: "saved"; readonly rows: Rows; readonly settled: Settled }
  /** Cancelled, or the lease went to somebody else: nothing more to do here. */
  | { readonly end: "dropped" };

/** How long an adapter that ignores its signal is waited for. */
const abandonAfterMs = 5_000;

/** One step under the lease that `operation` holds. `known` saves reading rows that were just written. */
export async function runStep(
  parts: EngineParts,
  operation: Operation,
  known: Rows | undefined,
  signal: AbortSignal,
): Promise<RunEnd> {
  const world = await look(parts, operation, known);
  const startedAt = parts.clock.now();
  const result = await call(parts, world, signal);
  const saved = await save(parts, world, result, operation.lease?.owner ?? "");
  const seen = {
    token: operation.token,
    kind: operation.kind,
    provider: operation.provider,
    instance: operation.instanceId,
    attempt: operation.attempt,
    outcome: result.state,
    ms: parts.clock.now() - startedAt,
    ...(operation.bindingId !== undefined && { binding: operation.bindingId }),
    ...(operation.purpose === "cleanup" && { purpose: "cleanup" }),
    ...(saved.end === "dropped" && { dropped: true }),
    ...("error" in result && { err: result.error }),
    ...(result.state === "unknown" && !("error" in result) && { reason: result.reason }),
    ...(result.state === "failed" && { reason: result.reason, clean: result.clean }),
  };
  parts.log[result.state === "unknown" || result.state === "failed" ? "warn" : "info"](seen, "step");
  const finished = saved.end === "saved" && saved.settled.finished;
  parts.observe?.({ kind: seen.kind, provider: seen.provider, outcome: seen.outcome, ms: seen.ms, finished });
  return saved;
}

async function look(parts: EngineParts, operation: Operation, known: Rows | undefined): Promise<World> {
  const { store } = parts;
  if (known !== undefined && operation.kind !== "deprovision") return { ...known, operation, cascade: [] };
  const instance = known?.instance ?? (await store.readInstanceByUid(operation.instanceUid));
  if (instance === undefined) throw new Error(`Operation ${operation.token} has no instance row.`);
  const binding = operation.bindingUid === undefined ? undefined : await store.readBindingByUid(operation.bindingUid);
  const interrupted = operation.interrupts === undefined ? undefined : await store.readOperation(operation.interrupts);
  const cascade = operation.kind === "deprovision" ? await store.readLivingBindings(operation.instanceUid) : [];
  return {
    operation,
    instance,
    cascade,
    ...(binding !== undefined && { binding }),
    ...(interrupted !== undefined && { interrupted }),
  };
}

async function call(parts: EngineParts, world: World, signal: AbortSignal): Promise<StepResult> {
  const { operation, instance } = world;
  const adapter = parts.adapters.get(operation.provider);
  const before = parts.planOf(instance.planId);
  const plan = parts.planOf(operation.target?.planId ?? instance.planId);
  if (adapter === undefined || plan === undefined || before === undefined) {
    const missing = adapter === undefined ? `provider account "${operation.provider}"` : "plan";
    return { state: "unknown", reason: `The ${missing} is not configured.` };
  }
  const [first] = world.cascade;
  const verb: Verb = first === undefined ? operation.kind : "unbind";
  const binding = first ?? world.binding;
  const rotated = verb === "bind" ? binding?.predecessorUid : undefined;
  const predecessor = rotated === undefined ? undefined : await parts.store.readBindingByUid(rotated);
  const order = makeOrder({
    operation,
    instance,
    plan,
    before,
    verb,
    ...(binding !== undefined && { binding }),
    ...(predecessor !== undefined && { predecessor }),
    ...(world.interrupted !== undefined && { interrupted: world.interrupted }),
  });
  const { token, provider } = operation;
  return bounded(
    parts,
    signal,
    (bound) => step(adapter, order, operation.handle?.reveal(), toolsFor(parts, { token, provider }, bound)),
    (late) => void afterAbandoned(parts, operation, late),
  );
}

/** What a call gets from the broker; `about` goes into each of its log lines. */
export function toolsFor(parts: EngineParts, about: Pick<Operation, "token" | "provider">, signal: AbortSignal): Tools {
  return {
    signal,
    now: () => new Date(parts.clock.now()),
    secret: (purpose) => parts.deriveSecret(about.token, purpose),
    log: {
      info: (fields, message) => parts.log.info({ ...about, ...fields }, message),
      warn: (fields, message) => parts.log.warn({ ...about, ...fields }, message),
    },
  };
}

/** The result of a call that was given up: the provider may have carried it out or not. */
const abandonedCall: StepResult = {
  state: "unknown",
  reason: "The adapter did not end its call when it was told to.",
};

/**
 * Ends a call that takes longer than a step may. If the adapter does not listen to its signal the call is given up, and
 * `late` is told how it ended after all.
 */
async function bounded(
  parts: EngineParts,
  outer: AbortSignal,
  run: (signal: AbortSignal) => Promise<StepResult>,
  late: (result: StepResult) => void,
): Promise<StepResult> {
  const controller = new AbortController();
  const stopTimer = parts.clock.after(parts.settings.stepTimeoutMs, () =>
    controller.abort(new Error("The step took too long.")),
  );
  const onAbort = () => controller.abort(outer.reason);
  if (outer.aborted) onAbort();
  outer.addEventListener("abort", onAbort, { once: true });
  let stopGrace = () => {};
  const abandoned = new Promise<StepResult>((resolve) => {
    controller.signal.addEventListener("abort", () => {
      stopGrace = parts.clock.after(abandonAfterMs, () => resolve(abandonedCall));
    });
  });
  try {
    const running = run(controller.signal);
    const result = await Promise.race([running, abandoned]);
    if (result === abandonedCall) void running.then(late);
    return result;
  } finally {
    stopTimer();
    stopGrace();
    outer.removeEventListener("abort", onAbort);
  }
}

// ---- saving ------------------------------------------------------------------------------------------------------

// Losing a race for a row is rare; losing it this often means that something writes it all the time.
const triesToSave = 20;

async function save(parts: EngineParts, seen: World, result: StepResult, owner: string): Promise<RunEnd> {
  let world = seen;
  for (let attempt = 1; attempt <= triesToSave; attempt++) {
    const settled = settleWorld(parts, world, result);
    if (await persist(parts, settled.changes))
      return { end: "saved", rows: patchedRows(world, settled.changes), settled };
    const fresh = await parts.store.readOperation(world.operation.token);
    if (fresh === undefined) return { end: "dropped" };
    if (fresh.leaseNumber !== seen.operation.leaseNumber || fresh.state !== "open")
      return afterwards(parts, seen.operation, fresh, result, owner);
    // Every step that is saved counts the attempt: this one was, and only the word of it was lost. Settled again, its
    // result would stand for the step after it: a deprovision would be over when the last binding was gone.
    if (fresh.attempt !== seen.operation.attempt) return savedBefore(parts, fresh);
    // Still ours: a request touched the rows (adopted a clean-up, a late result came in). Settle on what is there now.
    world = await look(parts, fresh, undefined);
  }
  throw new Error(`Operation ${seen.operation.token}: the result of a step could not be saved.`);
}

async function savedBefore(parts: EngineParts, fresh: Operation): Promise<RunEnd> {
  const { operation, instance, binding } = await look(parts, fresh, undefined);
  const keepsLease = fresh.lease !== undefined;
  const settled: Settled = { changes: [], finished: false, keepsLease, dueAt: fresh.dueAt };
  return { end: "saved", rows: { operation, instance, ...(binding !== undefined && { binding }) }, settled };
}

function settleWorld(parts: EngineParts, world: World, result: StepResult): Settled {
  const moment = {
    now: parts.clock.now(),
    random: parts.random(),
    token: parts.newId(),
    backoff: parts.settings.backoff,
  };
  const { operation, instance, binding, cascade } = world;
  if (cascade.length > 0) return settleCascade(operation, instance, cascade, result, moment);
  return settle(operation, { instance, ...(binding !== undefined && { binding }) }, result, moment);
}

/** The database may be away for a moment; a result is worth waiting for as long as the lease may last. */
async function persist(parts: EngineParts, changes: readonly Change[]): Promise<boolean> {
  const giveUpAt = parts.clock.now() + parts.settings.leaseMs;
  for (;;) {
    try {
      return await parts.store.apply(changes);
    } catch (error) {
      if (parts.clock.now() >= giveUpAt) throw error;
      parts.log.warn({ err: error }, "could not save a step, trying again");
      await new Promise<void>((resolve) => parts.clock.after(parts.settings.leaseMs / 15, resolve));
    }
  }
}

/** The operation was closed, or taken by another worker, while the step ran. */
async function afterwards(
  parts: EngineParts,
  mine: Operation,
  fresh: Operation,
  result: StepResult,
  owner: string,
): Promise<RunEnd> {
  if (fresh.state === "open") return { end: "dropped" };
  const now = parts.clock.now();
  const held = fresh.leaseNumber === mine.leaseNumber && fresh.lease?.owner === owner;
  // No lease left although nobody else had one: our own save did take effect, and only its answer was lost.
  if (!held && fresh.leaseNumber === mine.leaseNumber) return { end: "dropped" };
  const inTime = held && fresh.lease !== undefined && fresh.lease.until > now;
  await writeLate(parts, fresh, result, { held, inTime });
  return { end: "dropped" };
}

/**
 * A call that was given up has ended. While its operation is open the next attempt, with the same token, finds what it
 * made; later nobody would.
 */
async function afterAbandoned(parts: EngineParts, { token, provider }: Operation, result: StepResult): Promise<void> {
  const about = { token, provider, outcome: result.state };
  try {
    parts.log.warn(about, "a call that was given up has ended");
    const fresh = await parts.store.readOperation(token);
    if (fresh !== undefined && fresh.state !== "open")
      await writeLate(parts, fresh, result, { held: false, inTime: false });
  } catch (error) {
    parts.log.error({ ...about, err: error }, "could not write down how a call ended that was given up");
  }
}

/** `held`: the lease is still that of the step whose result this is; `inTime`: and it has not run out. */
async function writeLate(
  parts: EngineParts,
  fresh: Operation,
  result: StepResult,
  { held, inTime }: { readonly held: boolean; readonly inTime: boolean },
): Promise<void> {
  const now = parts.clock.now();
  for (let attempt = 1; attempt <= triesToSave; attempt++) {
    const world = await look(parts, fresh, undefined);
    const { instance, binding } = world;
    const about = { instance, ...(binding !== undefined && { binding }) };
    const removalToken = fresh.bindingUid === undefined ? instance.operation : binding?.operation;
    const removal = removalToken === undefined ? undefined : await parts.store.readOperation(removalToken);
    // A removal of the whole instance takes over what was given up without waiting for it.
    const awaited = inTime && removal?.interrupts === fresh.token;
    const harmless = awaited || (result.state === "failed" && result.clean);
    const changes = [
      ...(held ? decideCancelled(fresh, about, result, now) : []),
      ...(harmless ? [] : decideTooLate(fresh, instance, binding, removal, { now, token: parts.newId() })),
    ];
    if (await persist(parts, changes)) return;
  }
}

/** Compares, in turns, what Lotse believes with what providers report, and writes the differences into the ledger. */
import type { Adapter, Found } from "../core/adapter.ts";
import type { Binding, Instance, Millis } from "../core/model.ts";
import { compare, isBelieved, type Look, type Sight } from "../core/orphans.ts";
import type { Beliefs } from "../store/beliefs.ts";
import type { Noted, Orphans } from "../store/orphans.ts";
import type { Store } from "../store/store.ts";

export interface Inventory {
  /** Takes the turns that are due; of several replicas one takes each. */
  runDue(): Promise<void>;
  /** Looks at one provider now, for somebody who waits; undefined: there is no such provider. */
  run(provider: string): Promise<InventoryRun | undefined>;
  /** Ends a look under way. */
  close(): void;
}

export type InventoryRun =
  | ({ readonly is: "compared"; readonly asked: number } & Noted)
  /** Nothing was written: what nobody could read says nothing. */
  | { readonly is: "unread"; readonly reason: string };

export interface InventoryParts {
  readonly adapters: ReadonlyMap<string, Adapter>;
  readonly beliefs: Beliefs;
  readonly orphans: Orphans;
  readonly store: Pick<Store, "readInstanceByUid" | "readBindingByUid">;
  /** Asks for one thing, briefly, and never at the cost of operations. */
  readonly fetch: (instance: Instance, binding?: Binding) => Promise<{ readonly state: Sight }>;
  readonly now: () => Millis;
  /** In [0, 1). */
  readonly random: () => number;
  readonly everyMs: number;
  /** How long one inventory may take. */
  readonly timeoutMs?: number;
  /** Things looked at one by one in a turn, where a provider cannot list them. */
  readonly looksPerTurn?: number;
  readonly log: { info(fields: object, message: string): void; warn(fields: object, message: string): void };
}

const defaultTimeoutMs = 60_000;
const defaultLooks = 200;

export function createInventory(parts: InventoryParts): Inventory {
  const { adapters, beliefs, orphans, now, log } = parts;
  const ended = new AbortController();
  const underWay = new Map<string, Promise<InventoryRun>>();

  /** A tenth earlier or later, so that providers are not all asked in one moment. */
  const nextTurn = () => now() + Math.round(parts.everyMs * (0.9 + parts.random() * 0.2));

  async function runDue(): Promise<void> {
    for (const provider of [...adapters.keys()]) {
      if (ended.signal.aborted) return;
      const turn = await orphans.turn(provider, now());
      if (turn.dueAt > now() || !(await orphans.claim(turn, nextTurn()))) continue;
      await run(provider);
    }
  }

  /** Two looks at one provider at once would ask it twice for the same. */
  async function run(provider: string): Promise<InventoryRun | undefined> {
    const adapter = adapters.get(provider);
    if (adapter === undefined) return undefined;
    const running = underWay.get(provider) ?? lookAt(provider, adapter).finally(() => underWay.delete(provider));
    underWay.set(provider, running);
    return running;
  }

  async function lookAt(provider: string, adapter: Adapter): Promise<InventoryRun> {
    const { cursor } = await orphans.turn(provider, nextTurn());
    const before = await beliefs.look(provider);
    try {
      const found = await list(adapter);
      const asked = thingsToAsk(before, adapter, cursor);
      const seen = await askFor(asked);
      const after = await lookAgain(provider, found);
      const { findings, undecided } = compare({ provider, before, after, seen, ...(found !== undefined && { found }) });
      const told = await Promise.all(
        findings.map(async (finding) => {
          const operation = (await beliefs.newestOperation(finding.thing, finding.uid)) ?? finding.operation;
          return { ...finding, ...(operation !== undefined && { operation }) };
        }),
      );
      const noted = await orphans.note(provider, told, undecided, now());
      await orphans.endTurn(provider, { cursor: asked.at(-1) ?? "", at: now() });
      const line = { provider, listed: found?.length, asked: asked.length, ...noted };
      log[noted.fresh > 0 ? "warn" : "info"](line, "what is believed was compared with what the provider has");
      return { is: "compared", asked: asked.length, ...noted };
    } catch (error) {
      if (ended.signal.aborted) return { is: "unread", reason: "The broker is stopping." };
      const reason = error instanceof Error ? error.message : "unknown reason";
      await orphans.endTurn(provider, { at: now(), failure: reason });
      log.warn({ provider, err: error }, "the provider's inventory cannot be read");
      return { is: "unread", reason };
    }
  }

  async function list(adapter: Adapter): Promise<readonly Found[] | undefined> {
    const limit = AbortSignal.any([ended.signal, AbortSignal.timeout(parts.timeoutMs ?? defaultTimeoutMs)]);
    return adapter.inventory?.(limit);
  }

  /** What no inventory lists: a limited number, going on behind where the turn before stopped. */
  function thingsToAsk(look: Look, adapter: Adapter, cursor: string): readonly string[] {
    if (adapter.fetch === undefined) return [];
    const alone = [...look.values()].filter(
      (row) => isBelieved(row) && (adapter.inventory === undefined || row.adopted !== undefined),
    );
    const uids = alone.map(({ uid }) => uid).sort();
    const from = uids.findIndex((uid) => uid > cursor);
    const turned = from === -1 ? uids : [...uids.slice(from), ...uids.slice(0, from)];
    return turned.slice(0, parts.looksPerTurn ?? defaultLooks);
  }

  /** One at a time: the looks of people who wait shall find a place as well. */
  async function askFor(uids: readonly string[]): Promise<ReadonlyMap<string, Sight>> {
    const seen = new Map<string, Sight>();
    for (const uid of uids) {
      ended.signal.throwIfAborted();
      const binding = await parts.store.readBindingByUid(uid);
      const instance = await parts.store.readInstanceByUid(binding?.instanceUid ?? uid);
      if (instance !== undefined) seen.set(uid, (await parts.fetch(instance, binding)).state);
    }
    return seen;
  }

  async function lookAgain(provider: string, found: readonly Found[] | undefined): Promise<Look> {
    const after = await beliefs.look(provider);
    const strangers = (found ?? []).map(({ id }) => id).filter((id) => !after.has(id));
    return strangers.length === 0 ? after : new Map([...(await beliefs.find(strangers)), ...after]);
  }

  return { runDue, run, close: () => ended.abort(new Error("The broker is stopping.")) };
}

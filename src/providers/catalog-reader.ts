/** Reads providers' own catalogs, each at its pace, and decides what becomes of what was read. */
import { compareCatalogs } from "../catalog/compare.ts";
import { identityOf } from "../catalog/identity.ts";
import { reasonsToHold } from "../catalog/publication.ts";
import type { Adapter, ProviderOffering } from "../core/adapter.ts";
import type { Json } from "../core/json.ts";
import type { Millis } from "../core/model.ts";
import type { Provider } from "../core/provider.ts";
import { rulesWith } from "../core/publication-rules.ts";
import { hashOf, type Providers, type Snapshot } from "../store/providers.ts";
import type { CatalogKeeper } from "./catalog-keeper.ts";

export interface CatalogReader {
  /** Reads what is due; of several replicas one does. */
  readDue(): Promise<void>;
  /** Reads one now; what is published is served after the keeper's next look. Throws an Error with what is wrong if it cannot be read. */
  read(provider: Provider, adapter?: Adapter): Promise<ReadResult>;
}

export type ReadResult =
  /** `snapshot`: the one that the provider's catalog is as. */
  | { readonly is: "unchanged"; readonly snapshot: Snapshot }
  | { readonly is: "published" | "held"; readonly snapshot: Snapshot };

export interface ReaderParts {
  readonly providers: Providers;
  readonly keeper: Pick<CatalogKeeper, "follow" | "objections">;
  readonly adapters: ReadonlyMap<string, Adapter>;
  readonly livingInstances: (planIds: readonly string[]) => Promise<ReadonlyMap<string, number>>;
  readonly now: () => Millis;
  /** In [0, 1). */
  readonly random: () => number;
  readonly newId: () => string;
  readonly everyMs: number;
  readonly timeoutMs: number;
  readonly log: { info(fields: object, message: string): void; warn(fields: object, message: string): void };
}

/** Catalogs read at once: a slow broker holds up few others, and many do not come in one moment. */
const atOnce = 4;
/** After a failure sooner than usual, then at a doubling pace. */
const firstRetryMs = 15_000;

export function createCatalogReader(parts: ReaderParts): CatalogReader {
  const { providers, now } = parts;

  /** A tenth earlier or later, so that providers registered together are not read together for ever. */
  const jittered = (ms: number) => Math.round(ms * (0.9 + parts.random() * 0.2));

  async function readDue(): Promise<void> {
    const due = (await providers.list()).filter(
      ({ refreshAt, state }) => refreshAt !== undefined && refreshAt <= now() && state !== "retired",
    );
    const queue = [...due];
    const work = async () => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) await readInTurn(next);
    };
    await Promise.all(Array.from({ length: Math.min(atOnce, due.length) }, work));
    // Once for all of them: making a catalog of ten thousand plans takes a while.
    if (due.length > 0) await parts.keeper.follow();
  }

  async function readInTurn(provider: Provider): Promise<void> {
    const { name, refreshAt, reading } = provider;
    if (refreshAt === undefined) return;
    const pause =
      reading.failures === 0 ? parts.everyMs : Math.min(parts.everyMs, firstRetryMs * 2 ** reading.failures);
    if (!(await providers.claimReading(name, refreshAt, now() + jittered(pause)))) return;
    try {
      const result = await read(provider);
      if (result.is !== "unchanged")
        parts.log.info({ provider: name, snapshot: result.snapshot.id, is: result.is }, "catalog read");
    } catch (error) {
      parts.log.warn({ provider: name, reason: messageOf(error) }, "a provider's catalog cannot be read");
    }
  }

  async function read(provider: Provider, adapter = parts.adapters.get(provider.name)): Promise<ReadResult> {
    const { name, reading } = provider;
    try {
      if (adapter?.catalog === undefined) throw new Error("The provider's adapter reads no catalogs.");
      const newest = await providers.newestSnapshot(name);
      const signal = AbortSignal.timeout(parts.timeoutMs);
      const seen = await adapter.catalog(newest === undefined ? undefined : reading.etag, signal);
      if (seen.state === "unchanged") {
        if (newest === undefined)
          throw new Error("The broker says that its catalog is unchanged, and it was never read.");
        await providers.noteReading(name, { ...withoutFailure(reading), readAt: now(), failures: 0 });
        // Passed over: the provider went back to what is published, and was read then.
        const published = newest.state === "passed-over" ? await publishedOf(provider) : undefined;
        return { is: "unchanged", snapshot: published ?? newest };
      }
      // The snapshot before the etag: whoever dies between the two reads it once more.
      const result = await judge(provider, seen.offerings, newest);
      const { etag } = seen;
      await providers.noteReading(name, { readAt: now(), failures: 0, ...(etag !== undefined && { etag }) });
      return result;
    } catch (error) {
      const failures = reading.failures + 1;
      await providers.noteReading(name, { ...reading, failure: messageOf(error), failures });
      throw error;
    }
  }

  async function judge(
    provider: Provider,
    offerings: readonly ProviderOffering[],
    newest: Snapshot | undefined,
  ): Promise<ReadResult> {
    const digest = hashOf(offerings);
    if (digest === newest?.hash && (newest.state === "held" || newest.state === "published"))
      return { is: "unchanged", snapshot: newest };
    const published = await publishedOf(provider);
    if (digest !== published?.hash) return keep(provider, offerings);
    // Back to what is served: what was held meanwhile waits for nobody any more.
    await providers.passOverHeld(provider.name);
    return { is: "unchanged", snapshot: published };
  }

  async function publishedOf({ details }: Provider): Promise<Snapshot | undefined> {
    return details.publishedSnapshot === undefined ? undefined : providers.snapshot(details.publishedSnapshot);
  }

  async function keep(provider: Provider, offerings: readonly ProviderOffering[]): Promise<ReadResult> {
    const { name, details } = provider;
    const before =
      details.publishedSnapshot === undefined ? undefined : await providers.content(details.publishedSnapshot);
    const living = await livingIn(provider, [...(before ?? []), ...offerings]);
    const changes = compareCatalogs(before ?? [], offerings, (planId) => living.get(planId) ?? 0);
    const reasons = [
      ...(before === undefined && provider.origin === "registered" ? ["It is the provider's first catalog."] : []),
      ...(details.pinned === true ? ["An earlier catalog was gone back to."] : []),
      ...reasonsToHold(before ?? [], offerings, before === undefined ? [] : changes, rulesWith(details.publication)),
      ...(await objectionsTo(provider, offerings, living.size > 0)),
    ];
    const snapshot = await providers.keepSnapshot({
      id: parts.newId(),
      provider: name,
      readAt: now(),
      content: offerings,
      changes: changes as readonly object[] as readonly Json[],
      reasons,
    });
    if (reasons.length > 0) return { is: "held", snapshot };
    const published = await providers.publishSnapshot({
      snapshot: snapshot.id,
      provider: name,
      version: provider.version,
      details,
      by: "lotse",
      at: now(),
      audit: {
        at: now(),
        action: "catalog.published",
        outcome: "succeeded",
        actor: { by: "lotse" },
        details: { provider: name, snapshot: snapshot.id, changes: changes.length },
      },
    });
    // Somebody changed the provider meanwhile: what was decided may not hold any more, and a person looks.
    if (!published) return { is: "held", snapshot };
    return { is: "published", snapshot: { ...snapshot, state: "published" } };
  }

  /** To merge everything for it is dear: only plans with instances could move, and only brought ids could be another's. */
  async function objectionsTo(
    { name, details }: Provider,
    offerings: readonly ProviderOffering[],
    lives: boolean,
  ): Promise<readonly string[]> {
    if (!lives && details.identities === "derived") return [];
    const { moved, taken } = await parts.keeper.objections({ provider: name, offerings });
    return [...moved, ...taken];
  }

  /** Living instances by the provider's own plan ids, of those plans that have any. */
  async function livingIn(
    { name, details }: Provider,
    offerings: readonly ProviderOffering[],
  ): Promise<ReadonlyMap<string, number>> {
    const own = new Map(
      offerings.flatMap(({ plans }) =>
        plans.map(({ id }) => [identityOf(name, details.identities, "plan", id), id] as const),
      ),
    );
    const counts = await parts.livingInstances([...own.keys()]);
    return new Map([...counts].map(([id, count]) => [own.get(id) ?? id, count]));
  }

  return { readDue, read };
}

function withoutFailure({ failure: _, ...reading }: Provider["reading"]): Provider["reading"] {
  return reading;
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : "unknown reason");

/** What people do with providers' catalogs: read them now, release what is held, go back. */
import type { Millis } from "../core/model.ts";
import type { Providers, Snapshot } from "../store/providers.ts";
import type { CatalogKeeper } from "./catalog-keeper.ts";
import type { CatalogReader, ReadResult } from "./catalog-reader.ts";
import { type Actor, auditOf, type Obstacle, obstacle, type Result, seen, stale, unknown } from "./result.ts";

export interface Releasing {
  /** Reads its catalog now. */
  refresh(name: string): Promise<Result<ReadResult>>;
  /** Releases a held catalog, or goes back to an earlier one; then nothing is published by itself until a later one is. */
  publishSnapshot(name: string, version: number, snapshot: string, by: Actor): Promise<Result<Snapshot>>;
  /** What would be wrong with publishing it: plans with instances that would move. */
  objection(name: string, snapshot: string): Promise<{ readonly obstacle: Obstacle } | undefined>;
}

export interface ReleasingParts {
  readonly providers: Providers;
  readonly keeper: CatalogKeeper;
  readonly reader: CatalogReader;
  readonly now: () => Millis;
}

/** A catalog that is all wrong would fill pages. */
const toldAtMost = 5;

function told(reasons: readonly string[]): string {
  const more = reasons.length > toldAtMost ? ` And ${reasons.length - toldAtMost} more.` : "";
  return reasons.slice(0, toldAtMost).join(" ") + more;
}

export function createReleasing({ providers, keeper, reader, now }: ReleasingParts): Releasing {
  async function objection(name: string, snapshot: string) {
    const content = await providers.content(snapshot);
    if (content === undefined) return undefined;
    const { moved, taken } = await keeper.objections({ provider: name, offerings: content });
    if (taken.length > 0) return obstacle("IdTaken", told(taken));
    return moved.length > 0 ? obstacle("HasInstances", told(moved)) : undefined;
  }

  return {
    objection,

    async refresh(name) {
      const provider = await providers.byName(name);
      if (provider === undefined) return unknown(name);
      if (provider.refreshAt === undefined)
        return obstacle("NoCatalog", "Its plans are written in catalog files; there is no catalog to read.");
      try {
        // Its adapter is to be the one of its settings, also if they were changed at another replica a moment ago.
        await keeper.follow();
        const result = await reader.read(provider);
        if (result.is === "published") await keeper.rebuild();
        return { done: result };
      } catch (error) {
        return obstacle("Unreadable", error instanceof Error ? error.message : "Its catalog cannot be read.");
      }
    },

    async publishSnapshot(name, version, id, by) {
      const found = await seen(providers, name, version);
      if ("obstacle" in found) return found;
      const { details, origin } = found.done;
      const snapshot = await providers.snapshot(id);
      if (snapshot?.provider !== name) return obstacle("Unknown", `The provider "${name}" has no such catalog.`);
      if (snapshot.state === "published") return { done: snapshot };
      if (details.publishedSnapshot === undefined && origin === "registered")
        return obstacle("NotPublished", "Its first catalog is published together with the provider.");
      const wrong = await objection(name, id);
      if (wrong !== undefined) return wrong;
      const newest = await providers.newestSnapshot(name);
      const back = newest?.id !== id;
      const { pinned: _, ...rest } = details;
      const action = back ? "catalog.rolled-back" : "catalog.published";
      const written = await providers.publishSnapshot({
        snapshot: id,
        provider: name,
        version,
        details: { ...rest, ...(back && { pinned: true }) },
        by: by.name,
        at: now(),
        audit: auditOf(action, by, now(), { provider: name, snapshot: id }),
      });
      if (!written) return stale;
      await keeper.rebuild();
      const published = await providers.snapshot(id);
      return published === undefined ? unknown(name) : { done: published };
    },
  };
}

/**
 * Keeps the one catalog that is served: catalog files and published snapshots, merged, curated, ready to be sent.
 * It is made anew when something of it changed, here or in another process, and swapped in one step; while that goes on,
 * and while providers or the database are away, the one before is served.
 */
import { buildCatalog } from "../catalog/build-catalog.ts";
import { createFederate, type FederatedProvider, type Federation, withholdPlans } from "../catalog/federate.ts";
import type { Organisation } from "../catalog/files.ts";
import type { Overlay } from "../catalog/overlay.ts";
import type { ProviderOffering } from "../core/adapter.ts";
import type { Catalog } from "../core/catalog.ts";
import type { Millis, Offering } from "../core/model.ts";
import type { Provider } from "../core/provider.ts";
import type { Curation } from "../store/curation.ts";
import type { KnownPlan } from "../store/plans.ts";
import type { Providers } from "../store/providers.ts";
import type { LiveProviders } from "./live-providers.ts";

export interface CatalogKeeper {
  current(): Catalog;
  /** What an operator should know of the merged catalog. */
  notes(): readonly string[];
  /** Makes it anew. Calls while one is under way are served by one more after it. */
  rebuild(): Promise<void>;
  /** Makes it anew if another process changed something. */
  follow(): Promise<void>;
  /** Why the merged catalog could not be published if these were in it instead. */
  objections(instead: Instead): Promise<Objections>;
  /** Slots of a registered provider, where they were said. */
  slotsOf(provider: string): number | undefined;
}

export interface Objections {
  /** Plans with instances that would move. */
  readonly moved: readonly string[];
  /** Ids that another provider's offerings and plans have. */
  readonly taken: readonly string[];
}

export interface Instead {
  readonly provider: string;
  readonly offerings?: readonly ProviderOffering[];
  readonly overlay?: Overlay;
}

export interface KeeperParts {
  readonly files: readonly Offering[];
  readonly organisations: readonly Organisation[];
  /** Overlays of the catalog directory; those of the API stand in where there is none. */
  readonly overlays: ReadonlyMap<string, Overlay>;
  readonly providers: Providers;
  readonly curation: Curation;
  readonly live: LiveProviders;
  /** Accounts that stand in lotse.yaml now. */
  readonly configured: ReadonlySet<string>;
  readonly rememberPlans: (offerings: readonly Offering[], now: Millis) => Promise<readonly KnownPlan[]>;
  readonly movedPlans: (offerings: readonly Offering[]) => Promise<readonly string[]>;
  readonly revision: () => Promise<number>;
  readonly now: () => Millis;
  /** Called with each new catalog before it is served. */
  readonly onChange: (catalog: Catalog) => Promise<void> | void;
  readonly log: { info(fields: object, message: string): void; warn(fields: object, message: string): void };
}

export function createCatalogKeeper(parts: KeeperParts): CatalogKeeper {
  const federate = createFederate();
  let catalog: Catalog | undefined;
  let notes: readonly string[] = [];
  let slots: ReadonlyMap<string, number> = new Map();
  let revision = -1;
  let underway: Promise<void> | undefined;
  let again: Promise<void> | undefined;
  /** Snapshots never change, so what was read once is kept while it is published. */
  let contents = new Map<string, readonly ProviderOffering[]>();

  async function contentOf(snapshot: string): Promise<readonly ProviderOffering[]> {
    const known = contents.get(snapshot);
    if (known !== undefined) return known;
    const content = (await parts.providers.content(snapshot)) ?? [];
    contents.set(snapshot, content);
    return content;
  }

  async function overlayOf(provider: string, written: ReadonlyMap<string, unknown>): Promise<Overlay | undefined> {
    return parts.overlays.get(provider) ?? (written.get(provider) as Overlay | undefined);
  }

  async function merge(from: readonly Provider[], instead?: Instead): Promise<Federation> {
    const written = await parts.curation.overlays();
    const federated: FederatedProvider[] = [];
    for (const { name, details } of byRightToIds(from, instead?.provider)) {
      const { publishedSnapshot, identities, organisation, integrator, publisher } = details;
      const swapped = instead?.provider === name ? instead : undefined;
      if (publishedSnapshot === undefined && swapped?.offerings === undefined) continue;
      const overlay = swapped?.overlay ?? (await overlayOf(name, written));
      federated.push({
        name,
        identities,
        offerings: swapped?.offerings ?? (publishedSnapshot === undefined ? [] : await contentOf(publishedSnapshot)),
        ...(overlay !== undefined && { overlay }),
        ...(organisation !== undefined && { organisation }),
        ...(integrator !== undefined && { integrator }),
        ...(publisher !== undefined && { publisher }),
      });
    }
    return federate(parts.files, federated, parts.organisations, await parts.curation.names());
  }

  async function make(): Promise<void> {
    const seen = await parts.revision();
    const all = await parts.providers.list();
    await parts.live.sync(all);
    const federation = await merge(all);
    await parts.curation.giveNames(federation.newNames);
    const open = new Set(
      all.filter(({ origin, name, state }) => state === "published" && isThere(origin, name)).map(({ name }) => name),
    );
    const { offerings } = withholdPlans(federation.offerings, (provider) => open.has(provider));
    const retired = await parts.rememberPlans(offerings, parts.now());
    await otherWork();
    const made = buildCatalog(offerings, retired, parts.live.adapters, await parts.curation.visibility());
    await otherWork();
    await parts.onChange(made);
    const published = new Set(all.map(({ details }) => details.publishedSnapshot));
    contents = new Map([...contents].filter(([id]) => published.has(id)));
    for (const note of federation.notes.filter((text) => !notes.includes(text)))
      parts.log.warn({ note }, "something in the merged catalog wants attention");
    catalog = made;
    notes = federation.notes;
    slots = new Map(all.flatMap(({ name, details }) => (details.slots === undefined ? [] : [[name, details.slots]])));
    revision = seen;
  }

  // Between the parts, each of which takes some time where there are many plans, others have their turn.
  const otherWork = () => new Promise<void>((resolve) => setImmediate(resolve));

  const isThere = (origin: Provider["origin"], name: string) => origin === "registered" || parts.configured.has(name);

  function rebuild(): Promise<void> {
    if (underway === undefined) {
      underway = make().finally(() => {
        underway = undefined;
      });
      return underway;
    }
    again ??= underway
      .catch(() => undefined)
      .then(() => {
        again = undefined;
        return rebuild();
      });
    return again;
  }

  return {
    current() {
      if (catalog === undefined) throw new Error("The catalog was not made yet.");
      return catalog;
    },
    notes: () => notes,
    rebuild,
    async follow() {
      if ((await parts.revision()) !== revision) await rebuild();
    },
    async objections(instead) {
      const { offerings, collisions } = await merge(await parts.providers.list(), instead);
      const taken = collisions.filter(({ provider }) => provider === instead.provider).map(({ note }) => note);
      return { moved: await parts.movedPlans(offerings), taken };
    },
    slotsOf: (provider) => slots.get(provider),
  };
}

/**
 * Ids derived from a provider's name are its own. Whoever brings ids along could bring another's, and so comes after those,
 * and after whoever did so earlier; the name, which each chooses, decides nothing. What is only tried comes last of all.
 */
function byRightToIds(providers: readonly Provider[], tried: string | undefined): readonly Provider[] {
  const rank = ({ name, details }: Provider) => (name === tried ? 2 : details.identities === "downstream" ? 1 : 0);
  return [...providers].sort((a, b) => rank(a) - rank(b) || a.createdAt - b.createdAt || (a.name < b.name ? -1 : 1));
}

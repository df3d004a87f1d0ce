/** The adapters that are open now: those of lotse.yaml, and those of registered providers, which come and go. */

import type { Path } from "../config/problem.ts";
import type { ProviderAccount } from "../config/providers.ts";
import { checkSettings } from "../config/providers.ts";
import type { Adapter, AdapterKind, House, Settings } from "../core/adapter.ts";
import type { JsonObject } from "../core/json.ts";
import type { Provider } from "../core/provider.ts";

export interface LiveProviders {
  /** By provider name; changes as providers come and go. */
  readonly adapters: ReadonlyMap<string, Adapter>;
  /** Opens what is registered and not open, anew what was changed, and closes what is gone. */
  sync(rows: readonly Provider[]): Promise<void>;
  close(): Promise<void>;
}

export interface LiveParts {
  readonly kinds: ReadonlyMap<string, AdapterKind>;
  /** Opened by whoever starts the broker, and closed there. */
  readonly configured: ReadonlyMap<string, Adapter>;
  readonly log: { warn(fields: object, message: string): void };
}

/** How long calls under way may go on with an adapter whose settings were replaced, in ms. */
const graceMs = 120_000;

export function createLiveProviders({ kinds, configured, log }: LiveParts): LiveProviders {
  const adapters = new Map(configured);
  const opened = new Map<string, { readonly settings: string; readonly adapter: Adapter }>();
  const leaving = new Map<Adapter, NodeJS.Timeout>();

  function letGo(name: string): void {
    const held = opened.get(name);
    if (held === undefined) return;
    opened.delete(name);
    adapters.delete(name);
    const { adapter } = held;
    const timer = setTimeout(() => void closeNow(adapter), graceMs);
    timer.unref();
    leaving.set(adapter, timer);
  }

  async function closeNow(adapter: Adapter): Promise<void> {
    clearTimeout(leaving.get(adapter));
    leaving.delete(adapter);
    await Promise.resolve(adapter.close?.()).catch(() => undefined);
  }

  async function open(provider: Provider): Promise<void> {
    const settings = provider.settings?.reveal() ?? {};
    const text = JSON.stringify([provider.adapter, settings]);
    if (opened.get(provider.name)?.settings === text) return;
    const result = await openRegistered(kinds, provider.adapter, settings);
    if ("problems" in result) {
      log.warn({ provider: provider.name, problems: result.problems }, "a registered provider cannot be used");
      return;
    }
    letGo(provider.name);
    opened.set(provider.name, { settings: text, adapter: result.adapter });
    adapters.set(provider.name, result.adapter);
  }

  return {
    adapters,
    async sync(rows) {
      const wanted = rows.filter(({ origin, state }) => origin === "registered" && state !== "retired");
      for (const provider of wanted) if (!configured.has(provider.name)) await open(provider);
      const names = new Set(wanted.map(({ name }) => name));
      for (const name of [...opened.keys()]) if (!names.has(name)) letGo(name);
    },
    async close() {
      for (const { adapter } of opened.values()) await Promise.resolve(adapter.close?.()).catch(() => undefined);
      for (const adapter of [...leaving.keys()]) await closeNow(adapter);
      opened.clear();
    },
  };
}

export interface SettingsProblem {
  readonly path: Path;
  readonly message: string;
}

/** Settings as somebody wrote them over the API: checked, opened, or told what is wrong with them. */
export async function openRegistered(
  kinds: ReadonlyMap<string, AdapterKind>,
  kindName: string,
  written: JsonObject,
): Promise<{ readonly adapter: Adapter } | { readonly problems: readonly SettingsProblem[] }> {
  const kind = kinds.get(kindName);
  if (kind === undefined)
    return { problems: [{ path: ["adapter"], message: `is no adapter; there are ${[...kinds.keys()].join(", ")}` }] };
  const problems: SettingsProblem[] = [];
  const { values, secrets } = checkSettings(structuredClone(written), kind, (path, message) =>
    problems.push({ path: ["settings", ...path], message }),
  );
  if (problems.length > 0) return { problems };
  const settings: Settings = { values, secrets, withoutFiles: true };
  try {
    return { adapter: await kind.open(settings) };
  } catch (error) {
    return { problems: [{ path: ["settings"], message: error instanceof Error ? error.message : "cannot be used" }] };
  }
}

/** What is wrong with an account; `path` below its name. */
export type ReportAccount = (account: string, path: Path, message: string) => void;

const refuse: ReportAccount = (account, _path, message) => {
  throw new Error(`The account "${account}" under providers cannot be used: ${message}`);
};

/** Accounts of lotse.yaml, opened. Those that cannot be are reported and left out; without `report` the first one throws. */
export async function openConfigured(
  accounts: ReadonlyMap<string, ProviderAccount>,
  kinds: ReadonlyMap<string, AdapterKind>,
  closing: (() => Promise<unknown>)[],
  houseOf?: (account: string) => House,
  report: ReportAccount = refuse,
): Promise<ReadonlyMap<string, Adapter>> {
  const adapters = new Map<string, Adapter>();
  for (const [name, { adapter: kindName, settings, catalog }] of accounts) {
    const kind = kinds.get(kindName);
    if (kind === undefined) throw new Error(`The account "${name}" names an adapter that does not exist: ${kindName}.`);
    let adapter: Adapter;
    try {
      adapter = await kind.open(settings, houseOf?.(name));
    } catch (error) {
      report(name, ["settings"], error instanceof Error ? error.message : "cannot be used");
      continue;
    }
    if (catalog !== undefined && adapter.catalog === undefined)
      report(
        name,
        ["catalog"],
        `is not for the adapter ${kindName}, which reads no catalogs: its plans stand in catalog files`,
      );
    adapters.set(name, adapter);
    closing.push(async () => adapter.close?.());
  }
  return adapters;
}

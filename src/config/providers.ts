/** Checks the provider accounts of lotse.yaml against what their adapter kinds say they need. */
import type { AdapterKind, Settings } from "../core/adapter.ts";
import { isJsonObject, type Json, type JsonObject } from "../core/json.ts";
import { Secret } from "../core/secret.ts";
import { explain } from "./explain.ts";
import { schemaCompiler } from "./json-schema.ts";
import { hint, type Path } from "./problem.ts";
import { readSecret, type SecretSource } from "./secrets.ts";

/** One account at one provider; plans name it by its key in `providers`. */
export interface ProviderAccount {
  /** Name of the adapter kind. */
  readonly adapter: string;
  readonly settings: Settings;
  /** How many operations may be under way there at once. */
  readonly slots: number;
}

/** The shape of an entry of `providers` once the schema of lotse.yaml was met. */
export interface ProviderEntry {
  readonly adapter: string;
  readonly settings: JsonObject;
  readonly slots?: number;
}

export type Report = (path: Path, message: string) => void;

/** All accounts, complete or not: whatever is wrong goes to `report`, and the caller gives up afterwards. */
export function readProviders(
  entries: { readonly [name: string]: ProviderEntry },
  kinds: ReadonlyMap<string, AdapterKind>,
  source: SecretSource,
  defaultSlots: number,
  report: Report,
): ReadonlyMap<string, ProviderAccount> {
  const accounts = new Map<string, ProviderAccount>();
  for (const [name, { adapter, settings, slots = defaultSlots }] of Object.entries(entries)) {
    const kind = kinds.get(adapter);
    if (kind === undefined) {
      report(["providers", name, "adapter"], `is no adapter${hint(adapter, [...kinds.keys()])}`);
      continue;
    }
    const inside: Report = (path, message) => report(["providers", name, "settings", ...path], message);
    accounts.set(name, { adapter, slots, settings: readSettings(settings, kind, source, inside) });
  }
  return accounts;
}

/** The adapter's schema sees secrets as the strings they are, so that it can ask for one or for its form. */
function readSettings(written: JsonObject, kind: AdapterKind, source: SecretSource, report: Report): Settings {
  const values: { [key: string]: Json } = structuredClone(written);
  const unread = new Set<string>();
  for (const key of kind.secrets.filter((name) => Object.hasOwn(values, name))) {
    const secret = readSecret(values[key], source);
    if (typeof secret === "string") {
      report([key], secret);
      unread.add(key);
    } else {
      values[key] = secret.reveal();
    }
  }
  const validate = schemaCompiler({ useDefaults: true }).compile(kind.settings);
  if (!validate(values)) {
    for (const { path, message } of explain(validate.errors ?? [], values)) {
      if (!unread.has(String(path[0]))) report(path, message);
    }
  }
  const secrets: { [key: string]: Secret<string> } = {};
  for (const key of kind.secrets) {
    const value = values[key];
    if (typeof value === "string") secrets[key] = new Secret(value);
    delete values[key];
  }
  return { values, secrets, directory: source.directory };
}

/** The references to secrets an account makes, checked or not. */
export function secretReferences(entries: unknown, kinds: ReadonlyMap<string, AdapterKind>): unknown[] {
  if (!isJsonObject(entries)) return [];
  return Object.values(entries).flatMap((entry) => {
    if (!isJsonObject(entry) || !isJsonObject(entry.settings)) return [];
    const { settings } = entry;
    return (kinds.get(String(entry.adapter))?.secrets ?? []).map((key) => settings[key]);
  });
}

/** Checks the provider accounts of lotse.yaml against what their adapter kinds say they need. */
import type { AdapterKind, Settings } from "../core/adapter.ts";
import { isJsonObject, type Json, type JsonObject } from "../core/json.ts";
import type { RuleDepartures } from "../core/publication-rules.ts";
import { Secret } from "../core/secret.ts";
import { explain } from "./explain.ts";
import { ownSchemaCompiler } from "./json-schema.ts";
import { hint, type Path } from "./problem.ts";
import { readSecret, type SecretSource } from "./secrets.ts";

/** One account at one provider; plans name it by its key in `providers`. */
export interface ProviderAccount {
  /** Name of the adapter kind. */
  readonly adapter: string;
  readonly settings: Settings;
  /** How many operations may be under way there at once. */
  readonly slots: number;
  /** Present: what it offers by a catalog of its own is offered. */
  readonly catalog?: OwnCatalog;
}

/** How a provider's own catalog is taken over. */
export interface OwnCatalog {
  readonly identities: "derived" | "downstream";
  /** Keys of catalog organisations: who answers for it, who stands between, who produces. */
  readonly organisation?: string;
  readonly integrator?: string;
  readonly publisher?: string;
  /** Departures from the rules by which its changes are published. */
  readonly publication?: RuleDepartures;
}

/** The shape of an entry of `providers` once the schema of lotse.yaml was met. */
export interface ProviderEntry {
  readonly adapter: string;
  readonly settings: JsonObject;
  readonly slots?: number;
  readonly catalog?: OwnCatalog;
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
  for (const [name, { adapter, settings, slots = defaultSlots, catalog }] of Object.entries(entries)) {
    const kind = kinds.get(adapter);
    if (kind === undefined) {
      report(["providers", name, "adapter"], `is no adapter${hint(adapter, [...kinds.keys()])}`);
      continue;
    }
    const inside: Report = (path, message) => report(["providers", name, "settings", ...path], message);
    const read = readSettings(settings, kind, source, inside);
    accounts.set(name, { adapter, slots, settings: read, ...(catalog !== undefined && { catalog }) });
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
  const { values: rest, secrets } = checkSettings(values, kind, (path, message) => {
    if (!unread.has(String(path[0]))) report(path, message);
  });
  return { values: rest, secrets, directory: source.directory };
}

/** Fills defaults into `values`, tells what breaks the adapter's schema, and keeps apart what is secret. */
export function checkSettings(
  values: { [key: string]: Json },
  kind: AdapterKind,
  report: Report,
): Pick<Settings, "values" | "secrets"> {
  const validate = ownSchemaCompiler({ useDefaults: true }).compile(kind.settings);
  if (!validate(values)) for (const { path, message } of explain(validate.errors ?? [], values)) report(path, message);
  const secrets: { [key: string]: Secret<string> } = {};
  for (const key of kind.secrets) {
    const value = values[key];
    if (typeof value === "string") secrets[key] = new Secret(value);
    delete values[key];
  }
  return { values, secrets };
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

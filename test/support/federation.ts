/** The federated catalog as production builds it, on a database of its own, before downstream brokers that a test speaks for. */
import type { Test } from "tap";
import { adapterKinds } from "../../brokers/index.ts";
import { overlayCheck } from "../../src/catalog/overlay.ts";
import type { OwnCatalog, ProviderAccount } from "../../src/config/providers.ts";
import { checkSettings } from "../../src/config/providers.ts";
import { newIds } from "../../src/configured-store.ts";
import type { Adapter } from "../../src/core/adapter.ts";
import type { JsonObject } from "../../src/core/json.ts";
import type { Offering } from "../../src/core/model.ts";
import { type CatalogFiles, type Federation, openFederation } from "../../src/federation.ts";
import { openConfigured } from "../../src/providers/live-providers.ts";
import { type OpenStore, openStore } from "../../src/store/open.ts";
import { openSeal } from "../../src/store/seal.ts";
import { tryConformance } from "../../src/try-conformance.ts";
import { temporaryDirectory } from "./broker.ts";
import { postgresqlForTests } from "./postgresql.ts";
import { basic, type ScriptedBroker, startScriptedBroker } from "./scripted-broker.ts";
import { onBothDatabases } from "./stories.ts";

export interface TestFederation extends Federation {
  readonly knex: OpenStore["knex"];
  readonly store: OpenStore["store"];
  readonly logged: object[];
  /** `offering/plan` of the catalog that is served, sorted. */
  served(): string[];
  stop(): Promise<void>;
}

export interface FederationWishes {
  readonly databaseUrl: string;
  readonly dataDir: string;
  /** Accounts as in lotse.yaml, whose catalogs are taken over. */
  readonly accounts?: Readonly<
    Record<string, { readonly broker: ScriptedBroker; readonly catalog?: Partial<OwnCatalog> }>
  >;
  /** What carries out the plans of an account "scripted" of lotse.yaml. */
  readonly scripted?: Adapter;
  readonly offerings?: readonly Offering[];
  readonly files?: Partial<CatalogFiles>;
}

/** Starts the federation on the story's database; a second one is the first one started again. */
export type Start = (wishes?: Omit<FederationWishes, "databaseUrl" | "dataDir">) => Promise<TestFederation>;

/** Tells stories of the federated catalog on both databases, each on one of its own. */
export async function federationStories(t: Test) {
  const onBoth = onBothDatabases(t, await postgresqlForTests(t));
  return (name: string, tell: (t: Test, start: Start) => Promise<void>): void =>
    onBoth(name, async (t, databaseUrl) => {
      const dataDir = temporaryDirectory(t);
      await tell(t, (wishes = {}) => startFederation(t, { databaseUrl, dataDir, ...wishes }));
    });
}

export async function brokerWith(t: Test, ...services: readonly JsonObject[]): Promise<ScriptedBroker> {
  const broker = await startScriptedBroker(t);
  broker.services = services;
  return broker;
}

/** Settings towards a scripted broker, with its password in them, as they are sent to the management API. */
export const settingsFor = (broker: ScriptedBroker): JsonObject => ({ url: broker.url, ...basic });

export async function startFederation(t: Test, wishes: FederationWishes): Promise<TestFederation> {
  const seal = openSeal([{ id: "test", key: Buffer.alloc(32, 7) }]);
  const { store, knex } = await openStore(wishes, seal);
  const closing: (() => Promise<unknown>)[] = [() => store.close()];
  const logged: object[] = [];
  const log = (fields: object) => void logged.push(fields);
  const osb = adapterKinds.get("osb");
  if (osb === undefined) throw new Error("There is no osb adapter.");
  const accounts = new Map<string, ProviderAccount>(
    Object.entries(wishes.accounts ?? {}).map(([name, { broker, catalog }]) => {
      const settings = checkSettings({ ...settingsFor(broker) }, osb, (path, message) => t.fail(`${path}: ${message}`));
      return [name, { adapter: "osb", slots: 4, settings, catalog: { identities: "derived", ...catalog } as const }];
    }),
  );
  const configured = new Map(await openConfigured(accounts, adapterKinds, closing));
  if (wishes.scripted !== undefined) {
    accounts.set("scripted", { adapter: "scripted", slots: 4, settings: { values: {}, secrets: {} } });
    configured.set("scripted", wishes.scripted);
  }
  const federation = await openFederation({
    knex,
    seal,
    kinds: adapterKinds,
    accounts,
    configured,
    files: {
      offerings: wishes.offerings ?? [],
      organisations: [],
      overlays: new Map(),
      overlayCheck: overlayCheck(),
      ...wishes.files,
    },
    onChange: () => undefined,
    tryConformance,
    now: Date.now,
    random: () => 0.5,
    newId: newIds(),
    refreshMs: 60_000,
    log: { info: log, warn: log },
  });
  closing.push(() => federation.close());
  let stopped = false;
  const stop = async () => {
    if (stopped) return;
    stopped = true;
    for (const close of closing.reverse()) await close();
  };
  t.teardown(stop);
  return {
    ...federation,
    knex,
    store,
    logged,
    stop,
    served: () =>
      federation.keeper
        .current()
        .offerings.flatMap(({ name, plans }) => plans.map((plan) => `${name}/${plan.name}`))
        .sort(),
  };
}

/** A service of a downstream's catalog with plans of these names. */
export function service(name: string, plans: readonly string[], more: JsonObject = {}): JsonObject {
  return {
    id: `${name}-id`,
    name,
    description: `The service ${name}.`,
    bindable: true,
    plan_updateable: true,
    ...more,
    plans: plans.map((plan) => servicePlan(name, plan)),
  };
}

export function servicePlan(serviceName: string, name: string, more: JsonObject = {}): JsonObject {
  return {
    id: `${serviceName}-${name}-id`,
    name,
    description: `The plan ${name} of ${serviceName}.`,
    free: false,
    metadata: { costs: [{ amount: { eur: 10 }, unit: "MONTHLY" }] },
    schemas: {
      service_instance: {
        create: { parameters: { type: "object", properties: { size: { type: "integer", minimum: 1, maximum: 10 } } } },
      },
    },
    ...more,
  };
}

/** A broker as production builds it, on a database of its own, with back ends that a test chooses. */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FastifyInstance } from "fastify";
import type { Test } from "tap";
import { adapterKinds } from "../../brokers/index.ts";
import { type AdminParts, createAccountParts } from "../../src/admin/parts.ts";
import { type AppLog, type AppParts, buildApp } from "../../src/app.ts";
import { buildCatalog, type RetiredPlan } from "../../src/catalog/build-catalog.ts";
import { overlayCheck } from "../../src/catalog/overlay.ts";
import { newIds } from "../../src/configured-store.ts";
import type { Adapter, JsonObject } from "../../src/core/adapter.ts";
import type { Catalog } from "../../src/core/catalog.ts";
import type { Offering, Plan } from "../../src/core/model.ts";
import { defaultSwitches, type Switches } from "../../src/core/switches.ts";
import type { Visibility } from "../../src/core/visibility.ts";
import { type Clock, systemClock } from "../../src/engine/clock.ts";
import { createEngine, type Engine } from "../../src/engine/engine.ts";
import { openFederation } from "../../src/federation.ts";
import { secretDeriver } from "../../src/keys.ts";
import { createCallbacks } from "../../src/lifecycle/callback.ts";
import { createLifecycle } from "../../src/lifecycle/lifecycle.ts";
import { createMetrics } from "../../src/metrics.ts";
import { prepareCatalog } from "../../src/osb/catalog-response.ts";
import { createAdopting } from "../../src/providers/adoption.ts";
import { createInventory } from "../../src/providers/inventory.ts";
import { createRequestLog } from "../../src/request-log.ts";
import { createAdoptions } from "../../src/store/adoptions.ts";
import { createBeliefs } from "../../src/store/beliefs.ts";
import { createRetry } from "../../src/store/due.ts";
import { type OpenStore, openStore } from "../../src/store/open.ts";
import { createOrphans } from "../../src/store/orphans.ts";
import { openSeal } from "../../src/store/seal.ts";
import { createTasks } from "../../src/store/tasks.ts";
import { tryConformance } from "../../src/try-conformance.ts";

export const offeringId = "10000000-0000-4000-8000-000000000001";
export const syncPlan = "20000000-0000-4000-8000-000000000001";
export const asyncPlan = "20000000-0000-4000-8000-000000000002";
export const largerPlan = "20000000-0000-4000-8000-000000000003";

const parameterSchema = {
  $schema: "http://json-schema.org/draft-04/schema#",
  type: "object",
  properties: { size: { type: "integer", minimum: 1 } },
} as const;

export function planOf(id: string, more: Partial<Plan> = {}): Plan {
  return {
    id,
    offeringId,
    name: `plan-${id.slice(-1)}`,
    description: "A plan for tests.",
    free: true,
    bindable: true,
    bindingRotatable: true,
    planUpdateable: true,
    maximumPollingDuration: 3600,
    maintenanceInfo: { version: "1.0.0" },
    schemas: { create: parameterSchema, update: parameterSchema, bind: parameterSchema },
    metadata: {},
    provider: "scripted",
    backend: {},
    execution: "sync",
    requiresApp: false,
    ...more,
  };
}

export const offering: Offering = {
  id: offeringId,
  name: "scripted",
  description: "An offering for tests.",
  bindable: true,
  planUpdateable: true,
  allowContextUpdates: true,
  metadata: {},
  plans: [planOf(syncPlan), planOf(asyncPlan, { execution: "async" }), planOf(largerPlan)],
};

export interface TestBroker {
  readonly app: FastifyInstance;
  readonly admin: AdminParts;
  readonly engine: Engine;
  readonly open: OpenStore;
  readonly logged: string[];
  readonly catalog: () => Catalog;
  /** As the platform "a" unless another is named. */
  ask(method: Method, url: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  /** Replaces the catalog while the broker runs; plans of `retired` are kept for the instances that have them. */
  offer(offerings: readonly Offering[], retired?: readonly RetiredPlan[], visibility?: Visibility): void;
  stop(): Promise<void>;
}

export type Method = "GET" | "PUT" | "PATCH" | "DELETE" | "POST";
export interface Answer {
  readonly status: number;
  readonly body: JsonObject;
  readonly headers: Record<string, unknown>;
}

export interface Wanted {
  readonly adapter: Adapter;
  readonly databaseUrl?: string;
  readonly dataDir?: string;
  readonly switches?: Partial<Switches>;
  readonly offerings?: readonly Offering[];
  readonly patience?: { readonly syncMs: number; readonly quickMs: number };
  readonly leaseMs?: number;
  readonly fetchMs?: number;
  /** Platforms authenticate by their bare name if absent. */
  readonly authenticate?: AppParts["authenticate"];
  readonly looksPerTurn?: number;
  /** The system's if absent. */
  readonly clock?: Clock;
}

/** Of every test broker. */
export const keys = [{ id: "test", key: Buffer.alloc(32, 7) }];

export function temporaryDirectory(t: Test): string {
  const directory = mkdtempSync(join(tmpdir(), "lotse-test-"));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Passwords have their own tests. */
export async function startTestBroker(t: Test, wanted: Wanted): Promise<TestBroker> {
  const { clock = systemClock, dataDir = temporaryDirectory(t) } = wanted;
  const open = await openStore({ databaseUrl: wanted.databaseUrl ?? "", dataDir }, openSeal(keys));
  const adapters = new Map([["scripted", wanted.adapter]]);
  let catalog = buildCatalog(wanted.offerings ?? [offering], [], adapters);
  let catalogResponse = prepareCatalog(catalog);
  await catalogResponse.ready;
  const logged: string[] = [];
  const log = collectingLog(logged);
  const newId = newIds();
  const switches = { ...defaultSwitches, ...wanted.switches };
  const engine = createEngine({
    store: open.store,
    adapters,
    planOf: (planId) => catalog.placements.get(planId)?.plan,
    clock,
    random: () => 0.5,
    newId,
    deriveSecret: secretDeriver({ id: "test", key: randomBytes(32) }),
    log,
    settings: {
      leaseMs: wanted.leaseMs ?? 2000,
      stepTimeoutMs: 5000,
      pollMs: 20,
      stopGraceMs: 200,
      ...(wanted.fetchMs !== undefined && { fetchMs: wanted.fetchMs }),
      slotsOf: () => 64,
      backoff: { firstMs: 10, maxMs: 50 },
    },
  });
  const lifecycle = createLifecycle({
    store: open.store,
    engine,
    catalog: () => catalog,
    adapters,
    clock,
    newId,
    switches,
    patience: wanted.patience ?? { syncMs: 5000, quickMs: 2000 },
  });
  const tasks = createTasks(open.knex, openSeal(keys), newId);
  const ledger = createOrphans(open.knex, newId);
  const metrics = createMetrics(() => engine.busy(), ledger.counts, tasks.counts);
  const beliefs = createBeliefs(open.knex);
  const adopting = createAdopting({
    store: open.store,
    adoptions: createAdoptions(open.knex),
    beliefs,
    adapters,
    catalog: () => catalog,
    platformNamed: async (name) => (name === "a" || name === "b" ? { id: name, name } : undefined),
    now: clock.now,
    newId,
    log,
  });
  const inventory = createInventory({
    adapters,
    beliefs,
    orphans: ledger,
    store: open.store,
    fetch: engine.fetch,
    now: clock.now,
    random: () => 0.5,
    everyMs: 3_600_000,
    ...(wanted.looksPerTurn !== undefined && { looksPerTurn: wanted.looksPerTurn }),
    log,
  });
  const admin = {
    ...createAccountParts(open, keys, newId, clock.now),
    federation: await federationFor(t, open, newId),
    orphans: { ledger, inventory, adopting },
    usage: { instance: (uid: string) => open.store.readInstanceByUid(uid), of: engine.usage },
    tasks: { all: tasks, wake: engine.wake, ended: metrics.task },
    operations: { retry: createRetry(open.knex), wake: engine.wake },
  };
  const app = await buildApp({
    lifecycle,
    catalog: () => catalogResponse,
    switches,
    authenticate: wanted.authenticate ?? ((header) => (header ? { id: header, name: header } : "unauthenticated")),
    admin,
    takeCallback: createCallbacks(adapters, engine, systemClock),
    ping: () => open.store.ping(),
    metrics,
    log,
    logRequest: createRequestLog({ write: (line) => logged.push(line) }),
    bodyLimitBytes: 1024 * 1024,
    requestTimeoutMs: 60_000,
  });
  engine.start();
  let stopped = false;
  const stop = async () => {
    if (stopped) return;
    stopped = true;
    inventory.close();
    await app.close();
    await engine.stop();
    await open.store.close();
  };
  t.teardown(stop);
  return {
    app,
    admin,
    engine,
    open,
    logged,
    catalog: () => catalog,
    stop,
    offer(offerings, retired = [], visibility) {
      catalog = buildCatalog(offerings, retired, adapters, visibility);
      catalogResponse = prepareCatalog(catalog);
    },
    async ask(method, url, body, headers = {}) {
      const answer = await app.inject({
        method,
        url: `/v2${url}`,
        headers: {
          authorization: "a",
          "x-broker-api-version": "2.17",
          ...(body !== undefined && { "content-type": "application/json" }),
          ...headers,
        },
        ...(body !== undefined && { payload: typeof body === "string" ? body : JSON.stringify(body) }),
      });
      const parsed = answer.body === "" ? {} : (JSON.parse(answer.body) as JsonObject);
      return { status: answer.statusCode, body: parsed, headers: answer.headers };
    },
  };
}

/** As production has it, with no provider yet. It is not what the orders of a test go to. */
async function federationFor(t: Test, { knex }: OpenStore, newId: () => string): Promise<AdminParts["federation"]> {
  const federation = await openFederation({
    knex,
    seal: openSeal(keys),
    kinds: adapterKinds,
    accounts: new Map(),
    configured: new Map(),
    files: { offerings: [], organisations: [], overlays: new Map(), overlayCheck: overlayCheck() },
    onChange: () => undefined,
    tryConformance,
    now: systemClock.now,
    random: () => 0.5,
    newId,
    refreshMs: 60_000,
    log: { info() {}, warn() {} },
  });
  t.teardown(() => federation.close());
  return { ...federation, secretsOf: (adapter) => adapterKinds.get(adapter)?.secrets ?? [] };
}

function collectingLog(lines: string[]): AppLog & { debug: AppLog["info"] } {
  const write = (fields: object, message: string) => void lines.push(JSON.stringify({ ...fields, message }));
  return { debug: write, info: write, warn: write, error: write };
}

export const order = (planId = syncPlan, more: object = {}) => ({
  service_id: offeringId,
  plan_id: planId,
  organization_guid: "org",
  space_guid: "space",
  ...more,
});
export const access = (planId = syncPlan, more: object = {}) => ({ service_id: offeringId, plan_id: planId, ...more });
export const hints = (planId = syncPlan) => `service_id=${offeringId}&plan_id=${planId}`;

/** Asks until the state is no longer "in progress"; fails the test by returning the last answer after 10 s. */
export async function settledState(broker: TestBroker, url: string): Promise<Answer> {
  const until = Date.now() + 10_000;
  for (;;) {
    const answer = await broker.ask("GET", url);
    if (answer.body.state !== "in progress" || Date.now() > until) return answer;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

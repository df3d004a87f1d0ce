/** Starts the broker: reads what was configured, opens what it needs, serves; stops in reverse order. */
import { randomBytes } from "node:crypto";
import type { FastifyInstance } from "fastify";
import { type DestinationStream, pino } from "pino";
import { adapterKinds } from "../brokers/index.ts";
import { createAccountParts } from "./admin/parts.ts";
import { type AppLog, buildApp } from "./app.ts";
import type { Problem } from "./config/problem.ts";
import type { Config, ProviderAccount } from "./config.ts";
import { readCatalogFiles } from "./configured-catalog.ts";
import { newIds, openConfiguredStore } from "./configured-store.ts";
import type { AdapterKind } from "./core/adapter.ts";
import type { Offering } from "./core/model.ts";
import { startDemo } from "./embedded/demo.ts";
import { systemClock } from "./engine/clock.ts";
import { createEngine, type Engine } from "./engine/engine.ts";
import { type Federation, openFederation } from "./federation.ts";
import { createFirstAccounts } from "./first-run.ts";
import { createHouses } from "./house.ts";
import { type Authenticator, createAuthenticator } from "./http/basic-auth.ts";
import { describeError } from "./http/log-redaction.ts";
import { verifyPassword } from "./http/password.ts";
import { secretDeriver } from "./keys.ts";
import { createCallbacks } from "./lifecycle/callback.ts";
import { createLifecycle } from "./lifecycle/lifecycle.ts";
import { inTurns, openLogOutput, timestamp, written } from "./log-output.ts";
import { createMetrics } from "./metrics.ts";
import { type CatalogResponse, prepareCatalog } from "./osb/catalog-response.ts";
import { createAdopting } from "./providers/adoption.ts";
import { createInventory } from "./providers/inventory.ts";
import { openConfigured, type ReportAccount } from "./providers/live-providers.ts";
import { createRequestLog } from "./request-log.ts";
import type { Accounts } from "./store/accounts.ts";
import { createAdoptions } from "./store/adoptions.ts";
import { createBeliefs } from "./store/beliefs.ts";
import { holdDataDirectory } from "./store/data-directory.ts";
import { createRetry } from "./store/due.ts";
import type { OpenStore } from "./store/open.ts";
import { createOrphans } from "./store/orphans.ts";
import { forgetBefore } from "./store/retention.ts";
import type { SealingKey } from "./store/seal.ts";
import type { Store } from "./store/store.ts";
import { createTasks } from "./store/tasks.ts";
import { tryConformance } from "./try-conformance.ts";

export interface Broker {
  readonly url: string;
  readonly dataDirectory: string;
  readonly offerings: readonly Offering[];
  readonly log: AppLog;
  stop(): Promise<void>;
}

type Kinds = ReadonlyMap<string, AdapterKind>;

/**
 * Throws a ConfigError, or whatever kept it from starting; what was opened by then is closed again.
 * `kinds` are those the configuration was read with.
 */
export async function startBroker(
  config: Config,
  output: DestinationStream = openLogOutput(),
  kinds: Kinds = adapterKinds,
): Promise<Broker> {
  const closing: (() => Promise<unknown>)[] = [];
  const stop = async () => {
    for (const close of closing.splice(0).reverse()) await close();
  };
  try {
    return await open(config, output, kinds, closing, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

async function open(
  config: Config,
  output: DestinationStream,
  kinds: Kinds,
  closing: (() => Promise<unknown>)[],
  stop: () => Promise<void>,
): Promise<Broker> {
  const log = pino(
    {
      level: config.log.level,
      base: null,
      serializers: { err: describeError },
      timestamp,
    },
    output,
  );
  const newId = newIds();
  const clock = systemClock;
  const letGo = holdDataDirectory(config.dataDirectory);
  closing.push(async () => letGo());
  const { store, knex, keys, seal } = await openConfiguredStore(config);
  closing.push(() => store.close());

  const accountsConfigured =
    config.providers ?? (await demoProviders(config, closing, (message) => log.warn({}, message)));
  const houseOf = createHouses({ knex, seal, newId, now: clock.now }, () => federation.keeper.current());
  const problems: Problem[] = [];
  const report: ReportAccount = (account, path, message) =>
    void problems.push(config.problemAt(["providers", account, ...path], message));
  // The demonstration's accounts stand in no file.
  const told = config.providers === undefined ? undefined : report;
  const configured = await openConfigured(accountsConfigured, kinds, closing, houseOf, told);
  const kindsOfAccounts = new Map([...accountsConfigured].map(([name, { adapter }]) => [name, adapter]));
  let catalogResponse: CatalogResponse | undefined;
  const federation: Federation = await openFederation({
    knex,
    seal,
    kinds,
    accounts: accountsConfigured,
    configured,
    files: await readCatalogFiles(config, kinds, kindsOfAccounts, knex, problems, log),
    onChange: async (catalog) => {
      const prepared = prepareCatalog(catalog);
      await prepared.ready;
      catalogResponse = prepared;
    },
    tryConformance,
    now: clock.now,
    random: Math.random,
    newId,
    refreshMs: config.catalog.refreshSeconds * 1000,
    log,
  });
  closing.push(() => federation.close());
  const { adapters, keeper, reader } = federation;
  const catalog = keeper.current;

  const [key] = keys;
  if (key === undefined) throw new Error("There is no sealing key.");
  const orphans = createOrphans(knex, newId);
  const tasks = createTasks(knex, seal, newId);
  const metrics = createMetrics(() => engine.busy(), orphans.counts, tasks.counts);
  const engine = createEngine({
    store,
    adapters,
    planOf: (planId) => catalog().placements.get(planId)?.plan,
    clock,
    random: Math.random,
    newId,
    deriveSecret: secretDeriver(key),
    log,
    observe: metrics.step,
    settings: {
      leaseMs: config.engine.leaseSeconds * 1000,
      stepTimeoutMs: config.engine.stepTimeoutSeconds * 1000,
      pollMs: 1000,
      stopGraceMs: config.engine.stopGraceSeconds * 1000,
      slotsOf: (provider) => federation.slotsOf(provider) ?? config.engine.slotsPerProvider,
      backoff: {
        firstMs: config.engine.backoff.firstSeconds * 1000,
        maxMs: config.engine.backoff.maxSeconds * 1000,
      },
    },
  });
  const lifecycle = createLifecycle({
    store,
    engine,
    catalog,
    adapters,
    clock,
    newId,
    switches: config.osb,
    patience: { syncMs: config.engine.syncPatienceSeconds * 1000, quickMs: config.engine.quickAnswerSeconds * 1000 },
  });

  const beliefs = createBeliefs(knex);
  const inventory = createInventory({
    adapters,
    beliefs,
    orphans,
    store,
    fetch: engine.fetch,
    now: clock.now,
    random: Math.random,
    everyMs: config.inventory.everySeconds * 1000,
    log,
  });
  const secretsOf = (adapter: string) => kinds.get(adapter)?.secrets ?? [];
  const accountParts = createAccountParts({ knex }, keys, newId, clock.now);
  const { accounts } = accountParts;
  const adopting = createAdopting({
    store,
    adoptions: createAdoptions(knex),
    beliefs,
    adapters,
    catalog,
    platformNamed: accounts.byName,
    now: clock.now,
    newId,
    log,
  });
  const admin = {
    ...accountParts,
    federation: { ...federation, secretsOf },
    orphans: { ledger: orphans, inventory, adopting },
    usage: { instance: (uid: string) => store.readInstanceByUid(uid), of: engine.usage },
    tasks: { all: tasks, wake: engine.wake, ended: metrics.task },
    operations: { retry: createRetry(knex), wake: engine.wake },
  };
  const authenticator = createAuthenticator({
    findAccounts: async (username) =>
      (await accounts.byUsername(username)).map(({ id, name, username: own, state, passwords }) => ({
        platformId: id,
        name,
        username: own,
        state,
        hashes: passwords,
      })),
    verify: verifyPassword,
    now: clock.now,
    randomBytes,
  });
  const app = await buildApp({
    lifecycle,
    catalog: () => {
      if (catalogResponse === undefined) throw new Error("The catalog was not made yet.");
      return catalogResponse;
    },
    switches: config.osb,
    authenticate: authenticator.authenticate,
    admin,
    takeCallback: createCallbacks(adapters, engine, clock),
    ping: () => store.ping(),
    metrics,
    log,
    logRequest: log.isLevelEnabled("info") ? createRequestLog(inTurns(output)) : () => {},
    bodyLimitBytes: config.http.bodyLimitBytes,
    requestTimeoutMs: config.http.requestTimeoutSeconds * 1000,
    ...(config.http.tls !== undefined && { tls: { cert: config.http.tls.cert, key: config.http.tls.key.reveal() } }),
  });

  await listen(app, config);
  closing.push(() => stopServing(app, engine));
  const address = app.server.address();
  const port = typeof address === "object" ? (address?.port ?? config.port) : config.port;
  const url = `${config.http.tls === undefined ? "http" : "https"}://${config.host.includes(":") ? `[${config.host}]` : config.host}:${port}`;
  await createFirstAccounts(admin, config.dataDirectory, url, newId, clock.now());
  engine.start();
  closing.push(watch(() => sealAll(store, key, clock.now()), 1000, log));
  closing.push(watch(revisionWatch(accounts, authenticator), 1000, log));
  closing.push(watch(() => forget(knex, config.osb.operationRetentionDays, clock.now(), log), hourMs, log));
  closing.push(watch(keeper.follow, 1000, log));
  closing.push(watch(reader.readDue, 1000, log));
  closing.push(watch(inventory.runDue, 5000, log));
  closing.push(async () => inventory.close());
  log.info({ url, offerings: catalog().offerings.length, database: config.database.kind }, "ready");
  // Before anything is printed for people, so that the two do not mix.
  await written(log);
  return { url, dataDirectory: config.dataDirectory, offerings: catalog().offerings, log, stop };
}

async function demoProviders(
  config: Config,
  closing: (() => Promise<unknown>)[],
  log: (message: string) => void,
): Promise<ReadonlyMap<string, ProviderAccount>> {
  const { dataDirectory, engine } = config;
  const ownUrl = loopbackUrl(config);
  const demo = await startDemo({
    dataDirectory,
    slots: engine.slotsPerProvider,
    log,
    ...(ownUrl !== undefined && { ownUrl }),
  });
  closing.push(() => demo.stop());
  return demo.accounts;
}

/** Where this machine's other processes reach Lotse, if that is known before it listens. */
function loopbackUrl({ host, port, http }: Config): string | undefined {
  const reached = host === "127.0.0.1" || host === "0.0.0.0" || host === "::" || host === "localhost";
  return reached && port !== 0 && http.tls === undefined ? `http://127.0.0.1:${port}` : undefined;
}

async function listen(app: FastifyInstance, { host, port }: Config): Promise<void> {
  try {
    await app.listen({ host, port });
  } catch (cause) {
    if ((cause as { readonly code?: unknown }).code !== "EADDRINUSE") throw cause;
    throw new Error(`port ${port} of ${host} is taken by another program. Choose another by LOTSE_PORT.`, { cause });
  }
}

/** For answers that are ready to leave. Whoever still waits then asks again, and finds the operation handed over. */
const lastAnswersMs = 2_000;

/** No new requests first, so that nothing begins which nobody would hand over; then the steps under way. */
async function stopServing(app: FastifyInstance, engine: Engine): Promise<void> {
  const closed = app.close();
  await engine.stop();
  const cut = setTimeout(() => app.server.closeAllConnections(), lastAnswersMs);
  await closed;
  clearTimeout(cut);
}

/** Repeats `work` at a pace; the function it returns waits for the running one and ends it. */
function watch(
  work: () => Promise<void>,
  everyMs: number,
  log: { error(fields: object, message: string): void },
): () => Promise<void> {
  let running: Promise<void> = Promise.resolve();
  let timer: NodeJS.Timeout;
  let ended = false;
  const turn = () => {
    running = work()
      .catch((error) => log.error({ err: error }, "background work failed"))
      .finally(() => {
        if (!ended) timer = setTimeout(turn, everyMs);
      });
  };
  timer = setTimeout(turn, everyMs);
  return async () => {
    ended = true;
    clearTimeout(timer);
    await running;
  };
}

const hourMs = 60 * 60 * 1000;

async function forget(knex: OpenStore["knex"], days: number, now: number, log: AppLog): Promise<void> {
  const forgotten = await forgetBefore(knex, now - days * 24 * hourMs);
  if (Object.values(forgotten).some((count) => count > 0)) log.info(forgotten, "forgotten after the retention time");
}

async function sealAll(store: Store, key: SealingKey, now: number): Promise<void> {
  while ((await store.sealAudit(key, now)) > 0);
}

/** Another process, or the command line, may have changed an account. */
function revisionWatch(accounts: Accounts, authenticator: Authenticator): () => Promise<void> {
  let known: number | undefined;
  return async () => {
    const revision = await accounts.revision();
    if (known !== undefined && revision !== known) authenticator.accountsChanged();
    known = revision;
  };
}

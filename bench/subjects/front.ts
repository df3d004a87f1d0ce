/** "Self": Lotse's own front end, from the socket to the parameters' check, with neither store nor engine behind it. */
import { randomBytes } from "node:crypto";
import pino from "pino";
import type { AdminParts } from "../../src/admin/parts.ts";
import { buildApp } from "../../src/app.ts";
import { buildCatalog } from "../../src/catalog/build-catalog.ts";
import { projectCatalog } from "../../src/catalog/project.ts";
import { readCatalog } from "../../src/catalog/read-catalog.ts";
import { readConfig } from "../../src/config.ts";
import { newIds } from "../../src/configured-store.ts";
import { findPlan } from "../../src/core/catalog.ts";
import { decideProvision, type ProvisionAsk } from "../../src/core/provision.ts";
import { refuse } from "../../src/core/refusal.ts";
import { Secret } from "../../src/core/secret.ts";
import { createAuthenticator, readBasicCredentials } from "../../src/http/basic-auth.ts";
import { hashPassword, verifyPassword } from "../../src/http/password.ts";
import type { Reply } from "../../src/lifecycle/carry-out.ts";
import { inTurns, openLogOutput, timestamp } from "../../src/log-output.ts";
import { createMetrics } from "../../src/metrics.ts";
import { prepareCatalog } from "../../src/osb/catalog-response.ts";
import { createRequestLog } from "../../src/request-log.ts";
import { openPool, provisionAt } from "../adapter/index.ts";
import { account } from "../harness/offerings.ts";
import { kinds } from "./kinds.ts";

const config = readConfig(process.env, process.cwd(), kinds);
const files = readCatalog(config.catalogDirectory);
const offerings = projectCatalog(
  files.offerings.map(({ offering }) => offering),
  files.organisations,
  new Set([account]),
);
const catalog = buildCatalog(offerings, [], new Map());
const newId = newIds();
const provider = config.providers?.get(account)?.settings.values.url;
const pool = process.env.BENCH_DEPTH === "call" ? openPool(String(provider)) : undefined;

async function provision(ask: ProvisionAsk): Promise<Reply> {
  const world = {
    placement: findPlan(catalog, ask.offeringId, ask.planId),
    orderable: true,
    instance: undefined,
    operation: undefined,
  };
  const token = newId();
  const lease = { owner: token, until: 0 };
  const moment = { now: Date.now(), token, uid: newId(), lease, switches: config.osb };
  const decision = decideProvision(world, ask, moment);
  if (decision.say === "refuse") return { refusal: decision.refusal };
  if (pool !== undefined) await provisionAt(pool, ask.instanceId, token, ask.parameters.reveal());
  return { answer: { status: 201, body: {} } };
}

const away = async (): Promise<Reply> => ({ refusal: refuse(404, "NotFound") });

const { username, password } = readBasicCredentials(process.env.BENCH_AUTHORIZATION ?? "") ?? {
  username: "",
  password: new Secret(""),
};
const hash = await hashPassword(password, randomBytes);
const authenticator = createAuthenticator({
  findAccounts: () => [{ platformId: "bench", name: "bench", username, state: "active", hashes: [{ hash }] }],
  verify: verifyPassword,
  now: Date.now,
  randomBytes,
});
const catalogResponse = prepareCatalog(catalog);
await catalogResponse.ready;

const output = openLogOutput();
const app = await buildApp({
  takeCallback: async () => "refused",
  lifecycle: {
    provision,
    update: away,
    deprovision: away,
    bind: away,
    unbind: away,
    fetchInstance: away,
    fetchBinding: away,
    lastOperation: away,
  },
  catalog: () => catalogResponse,
  switches: config.osb,
  authenticate: authenticator.authenticate,
  // Nobody asks the management API here, nor does any provider call.
  admin: { federation: {}, orphans: {}, tasks: {}, operations: {} } as AdminParts,
  ping: async () => {},
  metrics: createMetrics(() => 0),
  log: pino({ base: null, timestamp }, output),
  logRequest: createRequestLog(inTurns(output)),
  bodyLimitBytes: config.http.bodyLimitBytes,
  requestTimeoutMs: config.http.requestTimeoutSeconds * 1000,
});
console.log(`listening on ${await app.listen({ host: config.host, port: 0 })}`);

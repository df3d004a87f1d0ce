/** Replicas on one database, killed, frozen, told to stop and restarted one after another under load. */
import { join } from "node:path";
import t, { type Test } from "tap";
import type { JsonObject } from "../../src/core/adapter.ts";
import { order, settledState, startTestBroker, temporaryDirectory } from "../support/broker.ts";
import {
  type BrokerProcess,
  credentialsIn,
  newSealingKey,
  offeringId,
  smallPlan,
  startBrokerProcess,
} from "../support/broker-process.ts";
import { operationStates, storyteller, until, untilAnswered } from "../support/crashes.ts";
import { createPlatform, wishes } from "../support/platform.ts";
import type { TestPostgresql } from "../support/postgresql.ts";
import { createScripted } from "../support/scripted.ts";
import { type StatementProxy, startStatementProxy, type Verdict, type Watcher } from "../support/statement-proxy.ts";

const story = await storyteller(t);
const sealingKey = newSealingKey();
let databases = 0;

interface Replica {
  broker: BrokerProcess;
  readonly proxy: StatementProxy;
  start(): Promise<void>;
}

/** Each replica talks to the provider through a proxy of its own, so that a test can stop one of them. */
async function startReplicas(
  t: Test,
  server: TestPostgresql,
  watchers: readonly Watcher[],
  settings: { readonly engine?: JsonObject; readonly statementTimeoutMs?: number } = {},
) {
  const databaseUrl = await server.emptyDatabase(`own_${++databases}`);
  const first = join(temporaryDirectory(t), "first");
  const { user, password } = server;
  const replicas: Replica[] = [];
  for (const [index, watcher] of watchers.entries()) {
    const proxy = await startStatementProxy(t, server, watcher);
    const { engine = {}, statementTimeoutMs = 60_000 } = settings;
    const start = () =>
      startBrokerProcess(
        t,
        {
          directory: index === 0 ? first : join(temporaryDirectory(t), "other"),
          provider: { port: proxy.port, publicPort: server.port, user, password, statementTimeoutMs },
          databaseUrl,
          sealingKey,
          engine: { quickAnswerSeconds: 0, ...engine },
        },
        index === 0 ? undefined : credentialsIn(first),
      );
    const replica: Replica = {
      proxy,
      broker: await start(),
      async start() {
        replica.broker = await start();
      },
    };
    replicas.push(replica);
  }
  const [a, b] = replicas;
  if (a === undefined || b === undefined) throw new Error("Two replicas are needed.");
  return { a, b, own: { databaseUrl, directory: first } };
}

const passing: Watcher = { judge: () => "pass" };

/** Meets the first `count` statements with these words with the verdict. */
function stopAt(words: string, verdict: Verdict, count = 1): { watcher: Watcher; reached: () => Promise<void> } {
  const all = Promise.withResolvers<void>();
  let left = count;
  let reached = 0;
  return {
    reached: () => all.promise,
    watcher: {
      judge: ({ text }) => (text.includes(words) && left-- > 0 ? verdict : "pass"),
      onReached() {
        if (++reached === count) all.resolve();
      },
    },
  };
}

const waits = () => true;

/** What the operator's notes on all databases of the server say: which instance, made by which operation. */
async function notes(server: TestPostgresql): Promise<{ instance: string; operation: string }[]> {
  const { rows } = await server.query(
    "SELECT datname, shobj_description(oid, 'pg_database') AS note FROM pg_database WHERE datname LIKE 'lotse\\_%' ORDER BY 1",
  );
  return rows.map(({ datname, note }) => {
    const { instance, operation } = note === null ? { instance: datname, operation: "" } : JSON.parse(note);
    return { instance, operation };
  });
}

story("what a killed replica began, the other one finishes under the same token", async (t, server) => {
  const stop = stopAt("CREATE DATABASE", "hold after");
  const { a, b, own } = await startReplicas(t, server, [stop.watcher, passing]);
  const begun = await createPlatform({ broker: () => a.broker, waits }).send("provision", "handed-over");
  await stop.reached();
  await a.broker.end("SIGKILL");
  const platform = createPlatform({ broker: () => b.broker, waits });
  const { operation } = begun.body;
  t.match((await platform.follow("provision", "handed-over", operation)).body, { state: "succeeded" });
  t.same(await notes(server), [{ instance: "handed-over", operation }], "one database, and it bears the first token");
  await platform.insist("deprovision", "handed-over");
  t.same(await notes(server), []);
  t.equal(await b.broker.end("SIGTERM"), 0);
  t.same(await operationStates(own), ["succeeded"]);
});

story("a replica that was frozen longer than its lease changes nothing when it comes back", async (t, server) => {
  // The last thing a provision says; its answer waits in the frozen process's socket.
  const stop = stopAt("COMMENT ON DATABASE", "hold after", 2);
  // The frozen session keeps its lock until the server ends it, after twice the time a statement may take.
  const settings = { statementTimeoutMs: 3000 };
  const { a, b, own } = await startReplicas(t, server, [stop.watcher, passing], settings);
  const onA = createPlatform({ broker: () => a.broker, waits });
  const platform = createPlatform({ broker: () => b.broker, waits });
  const tokens = new Map<string, unknown>();
  for (const id of ["kept", "deleted"]) tokens.set(id, (await onA.send("provision", id)).body.operation);
  await stop.reached();
  a.broker.child.kill("SIGSTOP");
  a.proxy.release();
  for (const [id, operation] of tokens)
    t.match((await platform.follow("provision", id, operation)).body, { state: "succeeded" }, `${id} is there`);
  await platform.insist("deprovision", "deleted");
  a.broker.child.kill("SIGCONT");
  const late = () => a.broker.logged.filter((entry) => entry.msg === "step" && entry.dropped === true);
  await until(() => late().length === 2);
  await until(async () => (await operationStates(own)).join() === "succeeded");
  t.same(await notes(server), [{ instance: "kept", operation: tokens.get("kept") }], "nothing was made a second time");
  t.equal((await untilAnswered(() => onA.fetchInstance("kept"))).status, 200);
  t.equal((await untilAnswered(() => onA.fetchInstance("deleted"))).status, 404);
  await platform.insist("deprovision", "kept");
  for (const { broker } of [a, b]) t.equal(await broker.end("SIGTERM"), 0);
  t.same(await notes(server), []);
});

story("a replica told to stop hands over what does not end in time", async (t, server) => {
  const stop = stopAt("CREATE DATABASE", "hold before");
  const engine = { stopGraceSeconds: 1, leaseSeconds: 3600 };
  const { a, b, own } = await startReplicas(t, server, [stop.watcher, passing], { engine });
  const { body } = await createPlatform({ broker: () => a.broker, waits }).send("provision", "handed-over");
  await stop.reached();
  t.equal(await a.broker.end("SIGTERM"), 0);
  const platform = createPlatform({ broker: () => b.broker, waits });
  const end = await platform.follow("provision", "handed-over", body.operation);
  t.match(end.body, { state: "succeeded" }, "although its lease would have lasted an hour");
  await platform.insist("deprovision", "handed-over");
  t.equal(await b.broker.end("SIGTERM"), 0);
  t.same(await operationStates(own), ["succeeded"]);
  t.same(await notes(server), []);
});

story("a rolling restart under a stream of orders fails none of them", async (t, server) => {
  const { a, b, own } = await startReplicas(t, server, [passing, passing]);
  let asked = 0;
  let serving: readonly Replica[] = [a, b];
  // As a load balancer does: in turn, and not to those that are being restarted.
  const broker = () => (serving[++asked % serving.length] ?? a).broker;
  const platform = createPlatform({ broker, waits: () => asked % 2 === 0 });
  let restarting = true;
  let lives = 0;
  const unexpected: string[] = [];
  const live = async () => {
    while (restarting) {
      const id = `rolling-${++lives}`;
      for (const wish of wishes) {
        const { status, body } = await platform.insist(wish, id);
        if (![200, 201, 410].includes(status) || body.state === "failed")
          unexpected.push(`${wish} of ${id} ended with ${status} ${JSON.stringify(body)}`);
      }
    }
  };
  const customers = Array.from({ length: 6 }, live);
  for (const [leaving, staying] of [
    [a, b],
    [b, a],
  ] as const) {
    serving = [staying];
    t.equal(await leaving.broker.end("SIGTERM"), 0);
    await leaving.start();
    serving = [a, b];
  }
  restarting = false;
  await Promise.all(customers);
  t.same(unexpected, [], `${lives} instances lived from order to deletion`);
  for (const { broker } of [a, b]) t.equal(await broker.end("SIGTERM"), 0);
  t.same(await operationStates(own), ["succeeded"]);
  t.same(await notes(server), []);
});

story("fifty orders at once on one id make one database", async (t, server) => {
  const { a, b, own } = await startReplicas(t, server, [passing, passing]);
  const ask = (index: number, instanceId: string, space: string) =>
    (index % 2 === 0 ? a : b).broker.ask("PUT", `/service_instances/${instanceId}?accepts_incomplete=true`, {
      service_id: offeringId,
      plan_id: smallPlan,
      organization_guid: "org",
      space_guid: space,
    });
  const fifty = Array.from({ length: 50 }, (_, index) => index);
  const same = await Promise.all(fifty.map((index) => ask(index, "same", "space")));
  t.same(
    [...new Set(same.map(({ status }) => status))].filter((status) => ![200, 201, 202].includes(status)),
    [],
  );
  const tokens = new Set(same.flatMap(({ body }) => body.operation ?? []));
  t.equal(tokens.size, 1, "all that were answered 202 name one operation");
  const different = await Promise.all(fifty.map((index) => ask(index, "different", `space-${index}`)));
  t.equal(different.filter(({ status }) => status === 409).length, 49);
  t.equal(different.filter(({ status }) => [201, 202].includes(status)).length, 1);
  const platform = createPlatform({ broker: () => a.broker, waits });
  for (const id of ["same", "different"]) await until(async () => (await platform.fetchInstance(id)).status === 200);
  t.same((await notes(server)).map(({ instance }) => instance).sort(), ["different", "same"]);
  for (const id of ["same", "different"]) await platform.insist("deprovision", id);
  for (const { broker } of [a, b]) t.equal(await broker.end("SIGTERM"), 0);
  t.same(await operationStates(own), ["succeeded"]);
  t.same(await notes(server), []);
});

// ---- an intent whose writing nobody heard of ----------------------------------------------------------------------

story(
  "an order written without the broker hearing of it is carried out although the broker is busy",
  async (t, server) => {
    let deaf = false;
    const proxy = await startStatementProxy(t, server, {
      judge({ text }) {
        if (!deaf || !text.includes("COMMIT")) return "pass";
        deaf = false;
        return "cut after";
      },
    });
    const url = await server.emptyDatabase(`own_${++databases}`);
    const databaseUrl = url.replace(`:${server.port}/`, `:${proxy.port}/`);
    const { adapter, script, succeed } = createScripted();
    const broker = await startTestBroker(t, { adapter, databaseUrl });
    const long = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<AbortSignal>();
    script.provision.push(async (given, tools) => {
      begun.resolve(tools.signal);
      await long.promise;
      return succeed(given, tools);
    });
    const slow = broker.ask("PUT", "/service_instances/slow", order());
    const signal = await begun.promise;
    deaf = true;
    t.equal((await broker.ask("PUT", "/service_instances/unheard", order())).status, 503, "nobody knows");
    const end = await settledState(broker, "/service_instances/unheard/last_operation");
    t.match(end.body, { state: "succeeded" });
    t.notOk(signal.aborted, "its lease ran out while the lease of what ran was prolonged");
    long.resolve();
    t.equal((await slow).status, 201);
  },
);

/** Instances that existed before Lotse, taken over from the broker they are at: dry run, for real, and what comes after. */
import { writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import t, { type Test } from "tap";
import osb from "../../brokers/osb/index.ts";
import { type JsonObject, Secret } from "../../src/core/adapter.ts";
import type { AdoptionWish } from "../../src/core/adoption.ts";
import type { AdoptionReport } from "../../src/providers/adoption.ts";
import { clientOf } from "../support/admin.ts";
import {
  access,
  hints,
  largerPlan,
  offering,
  offeringId,
  order,
  planOf,
  startTestBroker,
  syncPlan,
  type TestBroker,
  temporaryDirectory,
  type Wanted,
} from "../support/broker.ts";
import { lotse } from "../support/command.ts";
import { postgresqlForTests } from "../support/postgresql.ts";
import { basic, type ScriptedBroker, send, startScriptedBroker } from "../support/scripted-broker.ts";
import { onBothDatabases } from "../support/stories.ts";

const server = await postgresqlForTests(t);
const onBoth = onBothDatabases(t, server);

interface Land {
  readonly downstream: ScriptedBroker;
  start(wanted?: Partial<Wanted> & { readonly retrievable?: boolean }): Promise<TestBroker>;
}

function story(name: string, tell: (t: Test, land: Land) => Promise<void>): void {
  onBoth(name, async (t, databaseUrl) => {
    const dataDir = temporaryDirectory(t);
    const downstream = await startScriptedBroker(t);
    await tell(t, {
      downstream,
      async start({ retrievable = true, ...wanted } = {}) {
        const adapter = await osb.open({
          values: { ...values, url: downstream.url },
          secrets: { password: new Secret(basic.password) },
        });
        t.teardown(() => adapter.close?.());
        const plans = [syncPlan, largerPlan].map((id) =>
          planOf(id, {
            backend: {
              serviceId: "s",
              planId: id,
              instancesRetrievable: retrievable,
              bindingsRetrievable: retrievable,
              bindingRotatable: true,
            },
          }),
        );
        return startTestBroker(t, { adapter, databaseUrl, dataDir, offerings: [{ ...offering, plans }], ...wanted });
      },
    });
  });
}

const values: JsonObject = {
  username: basic.username,
  apiVersion: "2.17",
  context: "pass",
  originatingIdentity: "pass",
  requestIdentity: "pass",
  timeoutMs: 1000,
  connectTimeoutMs: 1000,
  connections: 4,
  maxResponseBytes: 10_000,
  retries: 0,
  pace: { repeatMs: 5, busyMs: 5, settleMs: 10 },
  breaker: { failures: 1000, coolDownMs: 100 },
};

const instance = "/service_instances/i1";
const binding = `${instance}/service_bindings/b1`;

/** What was made at the downstream before there was a Lotse. */
function old({ inventory }: ScriptedBroker, more: JsonObject = {}): void {
  inventory.set("old-one", {
    asked: {},
    made: {
      dashboard_url: "https://old.example",
      parameters: { size: 3 },
      service_id: "s",
      plan_id: syncPlan,
      ...more,
    },
  });
  inventory.set("old-one/service_bindings/old-binding", {
    asked: {},
    made: { credentials: { user: "old", password: "known to an application" } },
  });
}

const wish: AdoptionWish = {
  platform: "a",
  instanceId: "i1",
  offeringId,
  planId: syncPlan,
  organization: "org",
  space: "space",
  reference: "old-one",
  bindings: [{ bindingId: "b1", reference: "old-binding", appGuid: "app" }],
};

const anna = { name: "anna", token: "t", requestId: "r1", releases: true };
const adopt = ({ admin }: TestBroker, more: Partial<AdoptionWish> = {}, dryRun = false): Promise<AdoptionReport> =>
  admin.orphans.adopting.adopt({ ...wish, ...more }, dryRun, anna);
const codes = ({ obstacles }: AdoptionReport) => obstacles.map(({ code }) => code).sort();

const openOnes = async ({ admin }: TestBroker) => {
  await admin.orphans.inventory.run("scripted");
  return (await admin.orphans.ledger.list({ state: "open" }, undefined, 10)).map(
    ({ kind, instanceId }) => `${kind} ${instanceId}`,
  );
};

story("a dry run tells what would be written, and writes nothing", async (t, { downstream, start }) => {
  old(downstream);
  const broker = await start();
  const report = await adopt(broker, {}, true);
  t.match(report, {
    dryRun: true,
    written: false,
    obstacles: [],
    instance: { provider: "scripted", instanceId: "i1", parameters: ["size"], dashboardUrl: "https://old.example" },
    bindings: [{ bindingId: "b1", credentials: true }],
  });
  t.notMatch(JSON.stringify(report), /known to an application/);
  t.equal(await broker.open.store.readInstance("a", "i1"), undefined);
  t.equal((await broker.open.knex("adoptions")).length, 0);
  t.ok(
    downstream.calls.every(({ asked }) => asked === "fetch"),
    "and at the provider it only looks",
  );
});

story("an adopted instance lives on like one that Lotse made", async (t, { downstream, start }) => {
  old(downstream);
  const broker = await start();
  const { ask, open } = broker;
  t.match(await adopt(broker), { written: true, obstacles: [] });
  t.match(await ask("GET", instance), {
    status: 200,
    body: { plan_id: syncPlan, parameters: { size: 3 }, dashboard_url: "https://old.example" },
  });
  t.match((await ask("GET", binding)).body, { credentials: { user: "old", password: "known to an application" } });
  const again = await ask("PUT", instance, order(syncPlan, { parameters: { size: 3 } }));
  t.equal(again.status, 200, "ordered again by its platform, it is there");
  const [audited] = await open.knex("audit").where({ action: "instance.adopted" });
  t.match(audited, { platform_id: "a", instance_id: "i1", request_id: "r1", actor: /anna/, details: /old-one/ });
  t.equal((await open.store.readInstance("a", "i1"))?.adopted, "unproven");
  t.same(await openOnes(broker), []);

  downstream.calls.length = 0;
  t.equal((await ask("PATCH", instance, access(largerPlan))).status, 200);
  t.equal((await open.store.readInstance("a", "i1"))?.adopted, "proven");
  const rotated = `${instance}/service_bindings/b2`;
  t.equal((await ask("PUT", rotated, { predecessor_binding_id: "b1" })).status, 201);
  t.equal((await ask("DELETE", `${binding}?${hints()}`)).status, 200);
  t.ok(
    downstream.calls.every(({ path }) => path.startsWith("old-one")),
    "all of it under the id that it has downstream",
  );
  t.match(downstream.calls.find(({ asked }) => asked === "bind")?.body, { predecessor_binding_id: "old-binding" });
  t.notOk(downstream.inventory.has("old-one/service_bindings/old-binding"));
  t.same(await openOnes(broker), []);
  downstream.inventory.delete("old-one");
  t.match(await openOnes(broker), ["missing i1"], "it is looked at under its own id, too");
  old(downstream);
  t.equal((await ask("DELETE", `${instance}?${hints()}`)).status, 200);
  t.notOk(downstream.inventory.has("old-one"));
  t.same(await openOnes(broker), []);
  old(downstream);
  t.match(await adopt(broker), { written: true }, "back at the provider, it can be adopted again");
});

story("everything in the way is told at once, dry run or not", async (t, { downstream, start }) => {
  old(downstream);
  const broker = await start();
  t.same(codes(await adopt(broker, { planId: "unheard of" }, true)), ["UnknownPlan"]);
  t.same(codes(await adopt(broker, { platform: "nobody", reference: "nothing" }, true)), [
    "NotFound",
    "UnknownPlatform",
  ]);
  t.same(codes(await adopt(broker, { parameters: { size: 0 } }, true)), ["InvalidParameters"]);
  t.same(codes(await adopt(broker, { planId: largerPlan })), ["Unfit"], "it is of another plan there");
  const twice = [...(wish.bindings ?? []), { bindingId: "b1", reference: "no-binding" }];
  t.same(codes(await adopt(broker, { bindings: twice })), ["NamedTwice", "NotFound"]);
  downstream.script.fetch.push((_call, response) => send(response, { status: 503, body: {} }));
  t.same(codes(await adopt(broker)), ["Unread"], "a provider that is away makes nothing be there or gone");
  t.equal((await broker.ask("PUT", instance, order())).status, 201);
  t.same(codes(await adopt(broker)), ["IdTaken"]);
  const [made] = [...downstream.inventory.keys()].filter((path) => !path.startsWith("old-one"));
  downstream.inventory.set(made ?? "", { asked: {}, made: {} });
  t.same(
    codes(await adopt(broker, { instanceId: "i2", reference: made ?? "", bindings: [] })),
    ["AlreadyThere"],
    "what Lotse made is not adopted as well",
  );
  t.equal((await broker.open.knex("adoptions")).length, 0);
  t.match(await adopt(broker, { instanceId: "i2" }), { written: true });
  t.match((await adopt(broker, { instanceId: "i3", bindings: [] })).obstacles, [
    { code: "AlreadyThere", detail: /"i2"/ },
  ]);
});

story("of two who adopt the same thing at once, one does", async (t, { downstream, start }) => {
  old(downstream);
  const broker = await start();
  const both = await Promise.all(["i1", "i2"].map((instanceId) => adopt(broker, { instanceId, bindings: [] })));
  t.same(both.map(({ written }) => written).sort(), [false, true]);
  t.same(both.flatMap(codes), ["AlreadyThere"]);
  t.equal((await broker.open.knex("instances")).length, 1);
  const same = await Promise.all(
    [1, 2].map(() => adopt(broker, { instanceId: "i9", reference: "other", unseen: true })),
  );
  t.ok(same.every(({ written }) => !written));
});

story(
  "a first update that fails half way is not undone; people are told, and a later one settles it",
  async (t, land) => {
    const { downstream, start } = land;
    old(downstream);
    const broker = await start();
    const { ask, open } = broker;
    t.match(await adopt(broker), { written: true });
    downstream.calls.length = 0;
    downstream.script.update.push((_call, response) =>
      send(response, { status: 500, body: { description: "It broke half way." } }),
    );
    const failed = await ask("PATCH", instance, { ...access(), parameters: { size: 7 } });
    t.match(failed, { status: 500, body: { description: /It broke half way/ } });
    t.match(await open.store.readInstance("a", "i1"), { state: "ready", adopted: "unproven", operation: undefined });
    t.equal((await open.knex("operations").where({ state: "open" })).length, 0, "nothing is queued");
    t.same(
      downstream.calls.map(({ asked }) => asked),
      ["update"],
    );
    t.same(await openOnes(broker), ["unclear i1"]);
    const [unclear] = await broker.admin.orphans.ledger.list({ kind: "unclear" }, undefined, 1);
    t.match(unclear, { suggestion: /Nothing was reverted.*update it again/ });
    t.equal(unclear?.operation, (await open.store.readNewestOperation(unclear?.uid ?? "", undefined))?.token);
    t.equal((await ask("PATCH", instance, { ...access(), parameters: { size: 8 } })).status, 200);
    t.same(await openOnes(broker), [], "and the finding is gone by itself");

    downstream.script.update.push((_call, response) =>
      send(response, { status: 500, body: { description: "It broke half way." } }),
    );
    t.equal((await ask("PATCH", instance, { ...access(), parameters: { size: 9 } })).status, 500);
    const reverted = async () => (await open.knex("operations").where({ purpose: "cleanup" })).length === 1;
    t.ok(await reverted(), "proven, it is like any other: Lotse puts it back to what is on record");
  },
);

story("a first update that takes too long goes on, and its platform is told so", async (t, { downstream, start }) => {
  old(downstream);
  const broker = await start({ patience: { syncMs: 100, quickMs: 0 } });
  t.match(await adopt(broker, { bindings: [] }), { written: true });
  const answered = Promise.withResolvers<void>();
  downstream.script.update.push(async (_call, response, serve) => {
    await answered.promise;
    send(response, serve());
  });
  const late = await broker.ask("PATCH", instance, { ...access(), parameters: { size: 7 } });
  t.match(late, { status: 500, body: { description: /The change goes on/ } });
  const [open] = await broker.open.knex("operations").where({ state: "open" });
  answered.resolve();
  t.match(await broker.engine.finished(open?.token, 5_000), { kind: "update", state: "succeeded" });
  t.match(await broker.open.store.readInstance("a", "i1"), { state: "ready", adopted: "proven" });
});

story("a binding that fails on an adopted instance is taken back, and the old ones stay", async (t, land) => {
  const { downstream, start } = land;
  old(downstream);
  const broker = await start();
  t.match(await adopt(broker), { written: true });
  downstream.script.bind.push((_call, response, serve) => {
    serve();
    send(response, { status: 500, body: { description: "It broke half way." } });
  });
  t.equal((await broker.ask("PUT", `${instance}/service_bindings/b2`, access())).status, 500);
  const until = Date.now() + 5_000;
  while (downstream.inventory.size > 2 && Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 5));
  t.same([...downstream.inventory.keys()], ["old-one", "old-one/service_bindings/old-binding"]);
  t.equal((await broker.open.store.readInstance("a", "i1"))?.adopted, "unproven");
  t.equal((await broker.ask("PUT", `${instance}/service_bindings/b3`, access())).status, 201);
  t.equal((await broker.open.store.readInstance("a", "i1"))?.adopted, "proven");
});

story(
  "what a broker does not let be looked at is adopted on somebody's word only",
  async (t, { downstream, start }) => {
    old(downstream);
    const broker = await start({ retrievable: false });
    downstream.script.poll.push((_call, response) => send(response, { status: 400, body: {} }));
    t.same(codes(await adopt(broker)), ["Unseen"]);
    downstream.script.poll.push((_call, response) => send(response, { status: 400, body: {} }));
    const report = await adopt(broker, { unseen: true, parameters: { size: 3 } });
    t.match(report, { written: true, bindings: [{ credentials: false }] });
    t.match(report.notes, [/Your word is taken/, /credentials of binding b1 cannot be read/]);
    t.equal((await broker.ask("PATCH", instance, { ...access(), parameters: { size: 4 } })).status, 200);
    t.equal((await broker.ask("DELETE", `${binding}?${hints()}`)).status, 200);
    t.same([...downstream.inventory.keys()], ["old-one"]);
  },
);

story(
  "adopting over the API and by the command line: nothing is written unless it is said",
  async (t, { downstream, start }) => {
    old(downstream);
    const broker = await start();
    const { ask, secret } = await clientOf(broker);
    const dry = await ask("POST", "/adoptions", wish);
    t.match(dry, {
      status: 200,
      body: { dryRun: true, written: false, obstacles: [], instance: { instanceId: "i1" } },
    });
    t.notMatch(dry.text, /known to an application/);
    t.equal((await ask("POST", "/adoptions", { ...wish, unheard: 1 })).status, 400);
    const auditor = await clientOf(broker, { roles: ["auditor"] });
    t.equal((await auditor.ask("POST", "/adoptions", wish)).status, 403);
    const bad = { ...wish, dryRun: false, bindings: [{ bindingId: "b1", reference: "nothing" }] };
    t.match(await ask("POST", "/adoptions", bad), {
      status: 409,
      body: { code: "NotAdoptable", errors: [{ pointer: "#/bindings/0", detail: /NotFound/ }] },
    });

    const { port } = broker.app.server.address() as AddressInfo;
    const env = { LOTSE_URL: `http://127.0.0.1:${port}`, LOTSE_TOKEN: secret };
    const directory = temporaryDirectory(t);
    writeFileSync(join(directory, "old.yaml"), JSON.stringify(wish));
    writeFileSync(join(directory, "bad.yaml"), JSON.stringify({ ...wish, reference: "nothing" }));
    t.match(await lotse(["adopt", "bad.yaml"], env, directory), { code: 1, stderr: /does not have it. \(NotFound\)/ });
    t.match(await lotse(["adopt", "old.yaml"], env, directory), {
      code: 0,
      stdout: "Could be adopted from scripted: instance i1, binding b1.\n",
    });
    t.equal((await broker.ask("GET", instance)).status, 404);
    t.match(await lotse(["adopt", "old.yaml", "--for-real"], env, directory), { code: 0, stdout: /^Adopted from/ });
    t.equal((await broker.ask("GET", instance)).status, 200);
    t.match(await lotse(["adopt", "old.yaml", "--for-real"], env, directory), { code: 1, stderr: /IdTaken/ });
  },
);

/** A look at an instance: what is on record, and what its provider says is there now. */
import t, { type Test } from "tap";
import postgresql from "../../brokers/postgresql/index.ts";
import { type Adapter, Secret } from "../../src/core/adapter.ts";
import { access, order, startTestBroker, syncPlan, type Wanted } from "../support/broker.ts";
import { postgresqlForTests } from "../support/postgresql.ts";
import { createScripted } from "../support/scripted.ts";
import { onBothDatabases } from "../support/stories.ts";

const server = await postgresqlForTests(t);
const story = onBothDatabases(t, server);
const instance = "/service_instances/i1";

type Fetch = NonNullable<Adapter["fetch"]>;

/** A broker whose back end looks with `fetch`; its instances have a region on record. */
async function start(t: Test, wanted: Omit<Wanted, "adapter">, fetch?: Fetch) {
  const scripted = createScripted();
  scripted.script.provision.push((order, tools) => ({
    state: "done",
    made: { metadata: { attributes: { region: "north" } }, ...scripted.succeed(order, tools) },
  }));
  const adapter = { ...scripted.adapter, ...(fetch !== undefined && { fetch }) };
  const broker = await startTestBroker(t, { adapter, ...wanted });
  t.equal((await broker.ask("PUT", instance, order())).status, 201);
  return { ...scripted, ...broker };
}

const onRecord = { status: 200, body: { plan_id: syncPlan, metadata: { attributes: { region: "north" } } } };

story(
  "a look shows what the provider says now beside what is on record, and stores nothing",
  async (t, databaseUrl) => {
    let bytes = 100;
    let down = false;
    const { ask, open, logged } = await start(t, { databaseUrl }, async (order) => {
      if (down) throw new Error("connect ECONNREFUSED");
      t.match(order, { verb: "provision", plan: { id: syncPlan }, instance: { platformInstanceId: "i1" } });
      return { metadata: { attributes: { sizeBytes: bytes++ } } };
    });
    const before = await open.store.readInstance("a", "i1");
    t.match(await ask("GET", instance), { ...onRecord, body: { metadata: { attributes: { sizeBytes: 100 } } } });
    t.match((await ask("GET", instance)).body, { metadata: { attributes: { region: "north", sizeBytes: 101 } } });
    down = true;
    const seen = await ask("GET", instance);
    t.match(seen, onRecord);
    t.same(seen.body.metadata, { attributes: { region: "north" } }, "a provider that is away is no reason to say less");
    t.same(await open.store.readInstance("a", "i1"), before);
    t.ok(logged.some((line) => line.includes("could not see what the provider has")));
  },
);

story("a provider that answers too late is told to end, and what is on record is answered", async (t, databaseUrl) => {
  let told: unknown;
  const fetch: Fetch = (_order, { signal }) =>
    new Promise((_, reject) =>
      signal.addEventListener("abort", () => {
        told = signal.reason;
        reject(signal.reason);
      }),
    );
  const { ask } = await start(t, { databaseUrl, fetchMs: 20 }, fetch);
  t.match(await ask("GET", instance), onRecord);
  t.match(told, { message: /in time/ });
});

story("an instance that its provider lost is still on record, and the operator is warned", async (t, databaseUrl) => {
  const { ask, logged } = await start(t, { databaseUrl }, async () => undefined);
  t.match(await ask("GET", instance), onRecord);
  t.ok(logged.some((line) => line.includes("does not have this instance any more") && line.includes('"i1"')));
});

story("looks that never end take nothing from orders, nor from other looks", async (t, databaseUrl) => {
  let asked = 0;
  const endless: Fetch = () => {
    asked++;
    return new Promise(() => {});
  };
  const { ask } = await start(t, { databaseUrl, fetchMs: 50 }, endless);
  const looks = await Promise.all(Array.from({ length: 20 }, () => ask("GET", instance)));
  for (const look of looks) t.match(look, onRecord);
  t.equal(asked, 2, "the others were answered from the record at once");
  t.match(await ask("GET", instance), onRecord);
  t.equal(asked, 2, "a call that did not listen keeps its place");
  t.equal((await ask("PUT", `${instance}/service_bindings/b1`, access())).status, 201, "orders go on");
});

story("a look that is over makes room for the next, whether it went well or not", async (t, databaseUrl) => {
  let asked = 0;
  const { ask } = await start(t, { databaseUrl }, async () => {
    if (++asked % 2 === 0) throw new Error("connect ECONNREFUSED");
    return { metadata: { attributes: { asked } } };
  });
  for (let look = 1; look <= 6; look++) await ask("GET", instance);
  t.match(await ask("GET", instance), { status: 200, body: { metadata: { attributes: { asked: 7 } } } });
});

story("a back end that cannot look is answered for from the record", async (t, databaseUrl) => {
  const { ask } = await start(t, { databaseUrl });
  t.match(await ask("GET", instance), onRecord);
});

story("where metadata is not shown, no provider is asked", async (t, databaseUrl) => {
  let asked = false;
  const look = async () => {
    asked = true;
    return {};
  };
  const { ask } = await start(t, { databaseUrl, switches: { emitMetadata: false } }, look);
  t.match(await ask("GET", instance), { status: 200, body: { plan_id: syncPlan, metadata: undefined } });
  t.notOk(asked);
});

story("a real database shows its size; once it is gone the order is still on record", async (t, databaseUrl) => {
  const { host, port, user, password } = server;
  const settings = { values: { host, port, user, tls: "off" }, secrets: { password: new Secret(password) } };
  const broker = await startTestBroker(t, { adapter: await postgresql.open(settings), databaseUrl });
  t.equal((await broker.ask("PUT", instance, order())).status, 201);
  const { body } = await broker.ask("GET", instance);
  t.match(body, { metadata: { attributes: { sizeBytes: Number } } });
  const { rows } = await server.query("SELECT datname FROM pg_database WHERE starts_with(datname, 'lotse_')");
  await server.query(`DROP DATABASE ${rows[0].datname} WITH (FORCE)`);
  t.match(await broker.ask("GET", instance), { status: 200, body: { plan_id: syncPlan, metadata: undefined } });
});

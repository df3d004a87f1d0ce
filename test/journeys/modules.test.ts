/** Modules as goods: ordered over OSB from a running broker, which is killed while OpenTofu is at work. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import t, { type Test } from "tap";
import { temporaryDirectory } from "../support/broker.ts";
import {
  type BrokerProcess,
  type BrokerSettings,
  newSealingKey,
  startBrokerProcess,
} from "../support/broker-process.ts";
import { type Ask, order } from "../support/buyer.ts";
import { operationStates, until } from "../support/crashes.ts";
import { accountValues, databasePlan, processesIn, secretVariablesFor, thingsOn, works } from "../support/opentofu.ts";
import { onPeer } from "../support/peers.ts";
import { postgresqlForTests, type TestPostgresql } from "../support/postgresql.ts";
import { type Ids, writeCatalog } from "../support/shop-window.ts";
import { type Statement, startStatementProxy, type Verdict } from "../support/statement-proxy.ts";

interface Shop {
  readonly settings: BrokerSettings;
  readonly ids: Ids;
  readonly workDirectory: string;
  readonly server: TestPostgresql;
  readonly broker: () => BrokerProcess;
  readonly ask: Ask;
  kill(): Promise<void>;
  start(): Promise<void>;
  /** Processes of runs that are at work now. */
  runs(): readonly number[];
}

void onPeer(t, "opentofu", async (facts) => {
  t.jobs = 2;

  interface Wanted {
    readonly databaseUrl?: (server: TestPostgresql) => Promise<string>;
    /** Where the provider reaches its server. */
    readonly through?: (server: TestPostgresql) => Promise<number>;
    /** An order is taken back: it counts as failed. */
    readonly cancelled?: boolean;
  }

  function story(name: string, wanted: Wanted, tell: (t: Test, shop: Shop) => Promise<void>): void {
    void t.test(name, { buffered: true, timeout: 400_000 }, async (t) => {
      const server = await postgresqlForTests(t);
      const root = temporaryDirectory(t);
      const workDirectory = join(root, "runs");
      const backend = { ...databasePlan, parameters: ["connections", "label"] };
      const catalog = join(root, "catalog");
      const [[ids]] = writeCatalog(catalog, [
        {
          name: "database",
          create: { properties: { connections: { type: "integer" }, label: { type: "string" } } },
          goods: [
            { account: "terra", external: false, small: backend, large: { ...backend, variables: { tier: "large" } } },
          ],
        },
      ]) as [[Ids]];
      const through = await wanted.through?.(server);
      const account = { facts, server, workDirectory, ...(through !== undefined && { through }) };
      const settings: BrokerSettings = {
        directory: join(root, "data"),
        catalog,
        sealingKey: newSealingKey(),
        ...(wanted.databaseUrl !== undefined && { databaseUrl: await wanted.databaseUrl(server) }),
        provider: {
          accounts: {
            terra: {
              adapter: "opentofu",
              settings: { ...accountValues(account), secretVariables: { env: "TERRA_SECRETS" } },
            },
          },
          secrets: { TERRA_SECRETS: secretVariablesFor(server) },
        },
      };
      let broker = await startBrokerProcess(t, settings);
      const shop: Shop = {
        settings,
        ids,
        workDirectory,
        server,
        broker: () => broker,
        ask: (method, path, body) => broker.ask(method, path, body),
        async kill() {
          await broker.end("SIGKILL");
        },
        async start() {
          broker = await startBrokerProcess(t, settings);
        },
        runs: () => processesIn(workDirectory),
      };
      await tell(t, shop);
      t.same(await thingsOn(server), [], "nothing is left on the provider's server");
      t.same(statesOnDisk(workDirectory), [], "and nothing of any run");
      await broker.end("SIGTERM");
      t.same(await operationStates({ databaseUrl: "", ...settings }), [
        ...(wanted.cancelled ? ["failed"] : []),
        "succeeded",
      ]);
    });
  }

  const databases = async ({ server }: Shop) => (await thingsOn(server)).filter((line) => line.startsWith("database"));

  story("a module's outputs are the access; it is changed, rotated and given back", {}, async (t, shop) => {
    const { ids, server } = shop;
    const label = "canary of a parameter";
    const choice = { offeringId: ids.offeringId, planId: ids.small, parameters: { connections: 5, label } };
    const thing = await order(shop.ask, "one", "space", choice);
    const first = await thing.bind("first");
    t.equal(await works(first), true);
    t.match((await thingsOn(server, ""))[0], /^database lotse_\w+ 5 .*"organization":"organisation".*"tier":"small"/);
    await thing.change({ offeringId: ids.offeringId, planId: ids.large, parameters: { connections: 9, label } });
    t.match((await databases(shop))[0], / 9 .*"tier":"large"/, "the larger plan, and the new parameter");
    t.equal(await works(first), true, "whoever was bound goes on working");
    const second = await thing.bind("second", "first");
    t.not(second.credentials?.password, first.credentials?.password);
    t.equal(await works(second), true);
    await thing.unbind("first");
    t.equal(await works(first), false, "what was taken back opens nothing");
    const canaries = [
      label,
      server.password,
      ...[first, second].map(({ credentials }) => String(credentials?.password)),
    ];
    const logs = JSON.stringify(shop.broker().logged);
    for (const canary of canaries) {
      t.notMatch(logs, canary, "no secret is in the log");
      t.same(filesWith(join(shop.settings.directory), canary), [], "nor in the database");
      t.same(filesWith(shop.workDirectory, canary), [], "nor where OpenTofu works");
    }
    await thing.giveBack();
  });

  const held = { on: false, kind: "hold before" as Verdict, reached: () => {}, release: () => {} };
  story(
    "killed while OpenTofu makes a database, Lotse finds it made and makes no second",
    {
      async through(server) {
        const proxy = await startStatementProxy(t, server, {
          judge: ({ text }: Statement) => (held.on && text.includes("create database") ? held.kind : "pass"),
          onReached: () => held.reached(),
        });
        held.release = () => proxy.release();
        return proxy.port;
      },
      cancelled: true,
    },
    async (t, shop) => {
      const { ids, server } = shop;
      const holdNext = (kind: Verdict) => {
        held.on = true;
        held.kind = kind;
        return new Promise<void>((resolve) => {
          held.reached = () => {
            held.on = false;
            resolve();
          };
        });
      };
      const choice = { offeringId: ids.offeringId, planId: ids.small, parameters: { connections: 5 } };

      let reached = holdNext("hold before");
      const one = order(shop.ask, "one", "space", choice);
      await reached;
      await shop.kill();
      t.equal(shop.runs().length > 0, true, "OpenTofu is not torn from its work");
      held.release();
      await until(() => shop.runs().length === 0);
      t.equal((await databases(shop)).length, 1, "it goes on without Lotse");
      t.not(statesOnDisk(shop.workDirectory).length, 0, "and what it did waits for the next start");
      t.same(filesWith(shop.workDirectory, server.password), [], "sealed");
      t.same(filesWith(shop.workDirectory, "lineage"), [], "and not as OpenTofu writes it");
      await shop.start();
      const first = await one;
      t.equal((await databases(shop)).length, 1);

      reached = holdNext("hold after");
      const two = order(shop.ask, "two", "space", choice);
      await reached;
      await shop.kill();
      for (const pid of shop.runs()) process.kill(pid, "SIGKILL");
      held.release();
      await shop.start();
      const second = await two;
      t.equal((await databases(shop)).length, 2, "killed together with OpenTofu, too");

      reached = holdNext("hold before");
      const three = order(shop.ask, "three", "space", choice).catch(() => undefined);
      await reached;
      const removal = `/service_instances/three?accepts_incomplete=true&service_id=${ids.offeringId}&plan_id=${ids.small}`;
      t.equal((await shop.ask("DELETE", removal)).status, 202, "an order is taken back while OpenTofu carries it out");
      await wait(300);
      held.release();
      const over = async () => (await shop.ask("GET", "/service_instances/three/last_operation")).body.state;
      await until(async () => (await over()) !== "in progress");
      await three;
      t.equal((await databases(shop)).length, 2, "nothing is left of it");

      t.equal(await works(await first.bind("b")), true);
      await first.giveBack();
      await second.giveBack();
    },
  );

  const moments = new Set<string>();
  let verb = "";
  let dying: (() => void) | undefined;
  story(
    "killed after whatever it kept of an order, Lotse goes on from there",
    {
      async databaseUrl(server) {
        const own = new URL(await server.emptyDatabase("lotse"));
        const proxy = await startStatementProxy(t, server, {
          judge({ text }) {
            const moment = `${verb} ${kindOf(text)}`;
            if (!mortal.includes(moment) || moments.has(moment)) return "pass";
            moments.add(moment);
            return "hold after";
          },
          onReached: () => dying?.(),
        });
        own.port = String(proxy.port);
        return own.href;
      },
    },
    async (t, shop) => {
      const { ids } = shop;
      let dead = Promise.resolve();
      dying = () => {
        dead = dead.then(async () => {
          await shop.kill();
          await shop.start();
        });
      };
      const choice = { offeringId: ids.offeringId, planId: ids.small, parameters: { connections: 5 } };
      verb = "provision";
      const thing = await order(shop.ask, "one", "space", choice);
      await dead;
      t.equal((await databases(shop)).length, 1);
      verb = "update";
      await thing.change({ ...choice, planId: ids.large });
      await dead;
      t.match(await databases(shop), [/"tier":"large"/]);
      verb = "bind";
      t.equal(await works(await thing.bind("b")), true);
      await dead;
      verb = "deprovision";
      await thing.giveBack();
      await dead;
      t.same([...moments].sort(), [...mortal].sort(), "there was a kill at each of these moments");
    },
  );
});

/** What Lotse writes about a state, by the order that needs it. */
const mortal: readonly string[] = [
  ...["provision insert", "provision lock", "provision write", "provision release"],
  ...["update write", "bind release"],
  ...["deprovision lock", "deprovision write", "deprovision delete"],
];

function kindOf(text: string): string | undefined {
  if (/insert into "states"/.test(text)) return "insert";
  if (/delete from "states"/.test(text)) return "delete";
  const set = /update "states" set (.*) where/.exec(text)?.[1];
  if (set === undefined) return undefined;
  if (set.includes('"body"')) return "write";
  if (set.includes('"result"')) return "release";
  return set.includes('"lock_id"') ? "lock" : undefined;
}

const statesOnDisk = (directory: string): readonly string[] =>
  readdirSync(directory).filter((name) => name !== "compiled");

/** Files anywhere in the directory that hold the text. */
function filesWith(directory: string, text: string): readonly string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => readFileSync(path, "latin1").includes(text));
}

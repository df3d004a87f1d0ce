/** Modules as goods: ordered over OSB from a running broker, which is killed while OpenTofu is at work. */
import { cpSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import t, { type Test } from "tap";
import type { JsonObject } from "../../src/core/adapter.ts";
import { temporaryDirectory } from "../support/broker.ts";
import {
  type BrokerProcess,
  type BrokerSettings,
  credentialsIn,
  newSealingKey,
  startBrokerProcess,
} from "../support/broker-process.ts";
import { type Ask, order } from "../support/buyer.ts";
import { operationStates, until } from "../support/crashes.ts";
import {
  accountValues,
  databasePlan,
  modules,
  processesIn,
  secretVariablesFor,
  thingsOn,
  works,
} from "../support/opentofu.ts";
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
  /** Writes the catalog with this version of its plans; the broker reads it when it is started. */
  publish(maintenance: string): void;
}

void onPeer(t, "opentofu", async (facts) => {
  t.jobs = 2;

  interface Wanted {
    readonly databaseUrl?: (server: TestPostgresql) => Promise<string>;
    /** Where the provider reaches its server. */
    readonly through?: (server: TestPostgresql) => Promise<number>;
    /** An order is taken back: it counts as failed. */
    readonly cancelled?: boolean;
    /** The version that the catalog's plans are at when the broker starts, and a directory with modules of that version. */
    readonly version?: { readonly name: string; readonly modules: string };
  }

  function story(name: string, wanted: Wanted, tell: (t: Test, shop: Shop) => Promise<void>): void {
    void t.test(name, { buffered: true, timeout: 400_000 }, async (t) => {
      const server = await postgresqlForTests(t);
      const root = temporaryDirectory(t);
      const workDirectory = join(root, "runs");
      const backend = { ...databasePlan, parameters: ["connections", "label"] };
      const catalog = join(root, "catalog");
      const publish = (maintenance?: string) => {
        const [[ids]] = writeCatalog(catalog, [
          {
            name: "database",
            create: { properties: { connections: { type: "integer" }, label: { type: "string" } } },
            ...(maintenance !== undefined && { maintenance }),
            goods: [
              {
                account: "terra",
                external: false,
                small: backend,
                large: { ...backend, variables: { tier: "large" } },
              },
            ],
          },
        ]) as [[Ids]];
        return ids;
      };
      const { version } = wanted;
      const ids = publish(version?.name);
      const through = await wanted.through?.(server);
      const account = {
        facts,
        server,
        workDirectory,
        ...(through !== undefined && { through }),
        ...(version !== undefined && { settings: { modules: version.modules } }),
      };
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
        publish,
      };
      await tell(t, shop);
      t.same(await thingsOn(server), [], "nothing is left on the provider's server");
      t.same(statesOnDisk(workDirectory), [], "and nothing of any run");
      await broker.end("SIGTERM");
      t.match(await operationStates({ databaseUrl: "", ...settings }), [
        ...(wanted.cancelled ? [/^failed provision/] : []),
        /^succeeded$/,
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

  const versions = temporaryDirectory(t);
  story(
    "a newer version of a module is offered by the catalog, and applied when the platform asks for it",
    { version: { name: "1.0.0", modules: versions } },
    async (t, shop) => {
      const { ids } = shop;
      const moduleOf = (version: string) => {
        const directory = join(versions, "database", version);
        cpSync(join(modules, "database"), directory, { recursive: true });
        const file = join(directory, "main.tf");
        writeFileSync(file, readFileSync(file, "utf8").replace("tier = var.tier", `tier = "of ${version}"`));
      };
      cpSync(join(modules, "access"), join(versions, "access"), { recursive: true });
      moduleOf("1.0.0");
      const choice = { offeringId: ids.offeringId, planId: ids.small, parameters: { connections: 5 } };
      const thing = await order(shop.ask, "one", "space", choice);
      t.match(await databases(shop), [/of 1\.0\.0/]);
      const access = await thing.bind("b");

      moduleOf("1.1.0");
      shop.publish("1.1.0");
      await shop.broker().end("SIGTERM");
      await shop.start();
      const { body } = await shop.ask("GET", "/catalog");
      const [service] = body.services as readonly { readonly plans: readonly JsonObject[] }[];
      t.match(service?.plans[0], { maintenance_info: { version: "1.1.0" } });
      t.match(await databases(shop), [/of 1\.0\.0/], "what is there stays as it is");
      const asked = { service_id: ids.offeringId, maintenance_info: { version: "1.0.0" } };
      t.match(await shop.ask("PATCH", "/service_instances/one?accepts_incomplete=true", asked), {
        status: 422,
        body: { error: "MaintenanceInfoConflict" },
      });
      await thing.change({ ...choice, maintenance: "1.1.0" });
      t.match(await databases(shop), [/of 1\.1\.0/]);
      t.equal(await works(access), true);
      await thing.unbind("b");
      await thing.giveBack();
    },
  );

  const stopped = { kind: "pass" as Verdict, reached: () => {}, release: () => {} };
  story(
    "two brokers carry out one order once, whichever of them dies or freezes while OpenTofu is at work",
    {
      databaseUrl: (server) => server.emptyDatabase("lotse"),
      async through(server) {
        const proxy = await startStatementProxy(t, server, {
          judge: ({ text }: Statement) => (text.includes("create database") ? stopped.kind : "pass"),
          onReached: () => stopped.reached(),
        });
        stopped.release = () => {
          stopped.kind = "pass";
          proxy.release();
        };
        return proxy.port;
      },
    },
    async (t, shop) => {
      const { ids, settings } = shop;
      const other = { ...settings, directory: join(settings.directory, "..", "other") };
      const startOther = () => startBrokerProcess(t, other, credentialsIn(settings.directory));
      let second = await startOther();
      // A balancer before both: whoever does not answer is not asked again for now.
      let [front, back] = [shop.broker(), second];
      const ask: Ask = (method, path, body) =>
        front.ask(method, path, body).catch((error) => {
          [front, back] = [back, front];
          throw error;
        });
      const choice = { offeringId: ids.offeringId, planId: ids.small, parameters: { connections: 5 } };
      const isLookedAtByOther = async (id: string) => {
        const answer = await ask("GET", `/service_instances/${id}/last_operation`).catch(() => undefined);
        return /^A run that was begun before/.test(String(answer?.body.description));
      };
      const holdNext = () => {
        stopped.kind = "hold before";
        return new Promise<void>((resolve) => {
          stopped.reached = resolve;
        });
      };
      const brokerOfRun = () => {
        const parents = shop.runs().map(parentOf);
        return parents.includes(second.child.pid ?? 0) ? second : shop.broker();
      };

      let reached = holdNext();
      const one = order(ask, "one", "space", choice);
      await reached;
      const dead = brokerOfRun();
      await dead.end("SIGKILL");
      await until(() => isLookedAtByOther("one"));
      t.equal((await databases(shop)).length, 0, "the other one waits for the run that is at work");
      t.equal(runnersIn(shop).length, 1, "and begins none");
      stopped.release();
      const first = await one;
      t.equal((await databases(shop)).length, 1);
      if (dead === second) second = await startOther();
      else await shop.start();
      [front, back] = [shop.broker(), second];

      reached = holdNext();
      const two = order(ask, "two", "space", choice);
      await reached;
      const frozen = brokerOfRun();
      frozen.child.kill("SIGSTOP");
      if (front === frozen) [front, back] = [back, front];
      await until(() => isLookedAtByOther("two"));
      t.equal(runnersIn(shop).length, 1, "a frozen one's run is waited for, too");
      stopped.release();
      await wait(1_000);
      frozen.child.kill("SIGCONT");
      const next = await two;
      t.equal((await databases(shop)).length, 2);
      t.equal(await works(await next.bind("b")), true);
      await Promise.all([first.giveBack(), next.giveBack()]);
      await second.end("SIGTERM");
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

const parentOf = (pid: number): number =>
  Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);

const runnersIn = (shop: Shop): readonly number[] =>
  shop.runs().filter((pid) => readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("runner.ts"));

const statesOnDisk = (directory: string): readonly string[] =>
  readdirSync(directory).filter((name) => name !== "compiled");

/** Files anywhere in the directory that hold the text. */
function filesWith(directory: string, text: string): readonly string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => readFileSync(path, "latin1").includes(text));
}

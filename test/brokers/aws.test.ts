/** The aws adapter on an AWS API with IAM checks on, and real databases behind its RDS. */

import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import {
  DeleteDBSnapshotCommand,
  DescribeDBInstancesCommand,
  DescribeDBSnapshotsCommand,
  RDSClient,
} from "@aws-sdk/client-rds";
import pg from "pg";
import t, { type Test } from "tap";
import kind from "../../brokers/aws/index.ts";
import { type Access, type Adapter, type JsonObject, Secret } from "../../src/core/adapter.ts";
import type { Facts } from "../peers/peer.ts";
import { type AwsUser, awsUser, policyIn } from "../support/aws.ts";
import { createAuthority } from "../support/certificates.ts";
import { onPeer } from "../support/peers.ts";
import { closedPort, losingWire, silentWire } from "../support/wire.ts";
import { keepsEveryPromise, openStage, type Subject } from "./promise.ts";

const backend = {
  instanceClass: "db.t4g.micro",
  storageGb: 20,
  engineVersion: "17.4",
  database: { connectionLimit: 5, allowedExtensions: ["citext", "pg_trgm"] },
};
const largerBackend = {
  ...backend,
  instanceClass: "db.t4g.small",
  storageGb: 40,
  database: { connectionLimit: 9, allowedExtensions: ["citext", "pg_trgm"] },
};

await onPeer(t, "aws", async (facts) => {
  const user = await awsUser(t, facts, policyIn("brokers/aws/README.md"));
  const aws = new RDSClient({
    endpoint: String(facts.endpoint),
    region: String(facts.region),
    credentials: { accessKeyId: String(facts.accessKeyId), secretAccessKey: String(facts.secretAccessKey) },
  });
  t.teardown(() => aws.destroy());
  const port = Number(new URL(String(facts.endpoint)).port);

  /** As an operator would configure it, but looked at more often. */
  function open(who: AwsUser = user, more: JsonObject = {}): Promise<Adapter> {
    const { secretAccessKey, ...values } = { ...settingsOf(facts), ...who };
    return kind.open({ values: { ...values, ...more }, secrets: { secretAccessKey: new Secret(secretAccessKey) } });
  }

  async function inventory(id = ""): Promise<string[]> {
    const { DBInstances = [] } = await aws.send(new DescribeDBInstancesCommand({}));
    return DBInstances.filter(({ DBInstanceIdentifier }) => DBInstanceIdentifier?.includes(id)).map((server) => {
      const bindings = (server.TagList ?? []).flatMap(({ Key = "" }) => (Key.startsWith("lotse-binding") ? [Key] : []));
      const { DBInstanceIdentifier, DBInstanceStatus, DBInstanceClass, AllocatedStorage } = server;
      return `${DBInstanceIdentifier} ${DBInstanceStatus} ${DBInstanceClass} ${AllocatedStorage} ${bindings.sort()}`;
    });
  }

  function subjectFor(t: Test, moment: "before" | "after" = "after"): Subject {
    return {
      open,
      async losing(nth) {
        const wire = await losingWire(t, port, nth, (data) => data.toString("latin1", 0, 6) === "POST /", moment);
        // One attempt only: otherwise AWS's client asks again before Lotse learns of the loss.
        const adapter = await open(user, { endpoint: `http://127.0.0.1:${wire.port}`, attempts: 1 });
        return { adapter, lost: wire.lost };
      },
      async hanging() {
        const wire = await silentWire(t);
        return { adapter: await open(user, { endpoint: `http://127.0.0.1:${wire.port}` }), reached: wire.reached };
      },
      broken: async () =>
        new Map([
          ["the secret is wrong", await open({ ...user, secretAccessKey: "not the secret" })],
          ["nobody has this key", await open({ ...user, accessKeyId: "AKIAIOSFODNN7EXAMPLE" })],
          ["its user may do nothing", await open(await awsUser(t, facts, policyOf([])))],
          ["nothing listens there", await open(user, { endpoint: `http://127.0.0.1:${await closedPort()}` })],
        ]),
      inventory,
      works,
      backend,
      largerBackend,
      parameters: {},
      changedParameters: { extensions: ["citext"] },
      bindingParameters: {},
      refused: { parameters: { extensions: ['x"; DROP ROLE lotse; --'] }, text: "DROP ROLE lotse" },
      secrets: [user.secretAccessKey],
      paceMs: 600,
      atOnce: 6,
    };
  }

  await t.test("every promise is kept, and each answer lost on its way back", (t) =>
    keepsEveryPromise(t, subjectFor(t, "after")),
  );
  await t.test("every promise is kept, and each request lost on its way there", (t) =>
    keepsEveryPromise(t, subjectFor(t, "before")),
  );

  await t.test(
    "a database is ordered, used, enlarged, its access renewed, and given back with a last snapshot",
    async (t) => {
      const adapter = await open();
      const stage = openStage(subjectFor(t));
      const before = await inventory();
      const thing = { ...stage.instance(), backend: { ...backend, finalSnapshot: true } };
      const notes = await carryNoting(adapter, stage.order("provision", thing), thing);
      t.match(notes, [/making the database server/], "progress is told");
      const first = stage.binding(thing);
      const { access } = await stage.run(adapter, "bind", first);
      if (access === undefined) throw new Error("There is no access.");
      t.match(access.credentials, { sslmode: "verify-full", ca: facts.databaseCa, database: `lotse_${thing.id}` });
      await say(access, "CREATE TABLE notes AS SELECT 'kept' AS body");

      thing.backend = { ...largerBackend, finalSnapshot: true };
      t.match(await carryNoting(adapter, stage.order("update", thing), thing), [/changing the database server/]);
      t.match(await inventory(thing.id), [/ db.t4g.small 40 /]);
      const limit = await say(access, "SELECT datconnlimit AS n FROM pg_database WHERE datname = current_database()");
      t.same(limit.rows, [{ n: 9 }]);

      const second = stage.binding(thing);
      const renewed = (await stage.run(adapter, "bind", second)).access;
      if (renewed === undefined) throw new Error("There is no access.");
      t.ok((await works(access)) && (await works(renewed)), "old and new work side by side");
      await stage.run(adapter, "unbind", first);
      t.notOk(await works(access));
      t.same((await say(renewed, "SELECT body FROM notes")).rows, [{ body: "kept" }]);

      const order = stage.order("deprovision", thing);
      await stage.done(adapter, order, thing);
      t.same(await inventory(), before);
      const { DBSnapshots = [] } = await aws.send(new DescribeDBSnapshotsCommand({ SnapshotType: "manual" }));
      const snapshot = DBSnapshots.find(({ DBInstanceIdentifier }) => DBInstanceIdentifier === `lotse-${thing.id}`);
      t.match(snapshot, { DBSnapshotIdentifier: `lotse-${thing.id}-${order.token}`, AllocatedStorage: 40 });
      t.match(snapshot?.TagList, [{ Key: "lotse-instance", Value: thing.id }]);
      await aws.send(new DeleteDBSnapshotCommand({ DBSnapshotIdentifier: snapshot?.DBSnapshotIdentifier }));
      await adapter.close?.();

      async function carryNoting(by: Adapter, order: ReturnType<typeof stage.order>, about: typeof thing) {
        const heard = new Set<string>();
        const listening: Adapter = {
          ...by,
          [order.verb]: async (...args: Parameters<Adapter["provision"]>) => {
            const outcome = await (by[order.verb] as Adapter["provision"])(...args);
            if (outcome.state === "pending" && outcome.note !== undefined) heard.add(outcome.note);
            return outcome;
          },
        };
        await stage.done(listening, order, about);
        return [...heard];
      }
    },
  );

  await t.test("storage that cannot shrink is told so, and nothing is changed", async (t) => {
    const adapter = await open();
    const stage = openStage(subjectFor(t));
    const thing = { ...stage.instance(), backend: largerBackend };
    await stage.run(adapter, "provision", thing);
    const there = await inventory(thing.id);
    thing.backend = backend;
    const outcome = await stage.carry(adapter, stage.order("update", thing), thing);
    t.match(outcome, { state: "failed", clean: true, repeatable: false, reason: /cannot shrink.*40 GB.*20/ });
    t.same(await inventory(thing.id), there);
    await stage.run(adapter, "deprovision", thing);
  });

  await t.test("an instance is billed by its hours and its storage", async (t) => {
    const adapter = await open();
    const stage = openStage(subjectFor(t));
    const thing = stage.instance();
    await stage.run(adapter, "provision", thing);
    const order = stage.order("provision", thing);
    const [from, to] = [new Date(Date.now() - 3_600_000), new Date(Date.now() + 3_600_000)];
    const used = await adapter.usage?.(order, { from, to }, stage.tools(order.token));
    t.match(used, [
      { meter: "server", unit: "Hours", quantity: /^0\.0/ },
      { meter: "storage", unit: "GB", quantity: "20" },
    ]);
    await stage.run(adapter, "deprovision", thing);
    t.same(await adapter.usage?.(order, { from, to }, stage.tools(order.token)), []);
  });

  await t.test("a check names the rights that are missing", async (t) => {
    const some = await awsUser(t, facts, policyOf(["rds:DescribeDBInstances", "rds:CreateDBInstance"]));
    const said = await (await open(some)).check?.(new AbortController().signal);
    t.match(said, /lacks rds:ModifyDBInstance, rds:DeleteDBInstance, rds:AddTagsToResource, .*brokers\/aws\/README/);
  });

  await t.test("a server whose certificate the account's authorities did not sign is not spoken to", async (t) => {
    const adapter = await open();
    const stage = openStage(subjectFor(t));
    const thing = stage.instance();
    await stage.run(adapter, "provision", thing);
    const deceived = await open(user, { databaseCa: createAuthority("Somebody else").ca });
    const binding = stage.binding(thing);
    const call = stage.carry(deceived, stage.order("bind", binding), binding);
    await t.rejects(call, { cause: { message: /certificate/ } });
    await stage.run(adapter, "deprovision", thing);
  });

  // The peer grants what a new account may have; what AWS says at its limits is said by a script.
  for (const [code, words] of [
    ["InstanceQuotaExceeded", /as many database servers as it may.*quota/],
    ["StorageQuotaExceeded", /as much database storage as it may/],
    ["InsufficientDBInstanceCapacity", /no capacity for this size/],
  ] as const)
    await t.test(`${code} is told in words`, async (t) => {
      const adapter = await open(user, { endpoint: await refusing(t, code) });
      const stage = openStage(subjectFor(t));
      const thing = stage.instance();
      const outcome = await stage.carry(adapter, stage.order("provision", thing), thing);
      t.match(outcome, { state: "failed", clean: true, reason: words });
    });
});

t.test("secrets cross no network in the clear, and nobody is trusted by mistake", async (t) => {
  const { ca } = createAuthority("RDS");
  const values = { region: "eu-central-1", accessKeyId: "AKIA", databaseCa: ca };
  const openWith = (more: JsonObject) =>
    kind.open({ values: { ...values, ...more }, secrets: { secretAccessKey: new Secret("secret") } });
  await t.rejects(openWith({ endpoint: "http://rds.example" }), /must begin with https/);
  await t.rejects(
    openWith({ databaseCa: "/no/such/file.pem" }),
    /databaseCa must be a certificate in PEM text, or the path of a file/,
  );
  await (await openWith({})).close?.();
});

function settingsOf(facts: Facts) {
  return {
    endpoint: String(facts.endpoint),
    region: String(facts.region),
    databaseCa: String(facts.databaseCa),
    pollSeconds: 0.6,
  };
}

function policyOf(actions: readonly string[]): string {
  const nothing = { Effect: "Deny", Action: "s3:*", Resource: "*" };
  const allowed = actions.length === 0 ? [] : [{ Effect: "Allow", Action: actions, Resource: "*" }];
  return JSON.stringify({ Version: "2012-10-17", Statement: [nothing, ...allowed] });
}

/** Has no servers, and makes none. */
async function refusing(t: Test, code: string): Promise<string> {
  const server = createServer(async (call, reply) => {
    const form = new URLSearchParams(Buffer.concat(await call.toArray()).toString());
    const [status, said] = form.get("Action") === "DescribeDBInstances" ? [404, "DBInstanceNotFound"] : [400, code];
    reply.writeHead(status, { "content-type": "text/xml" });
    reply.end(
      `<ErrorResponse><Error><Type>Sender</Type><Code>${said}</Code><Message>no</Message></Error></ErrorResponse>`,
    );
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.teardown(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function say(access: Access, text: string): Promise<pg.QueryResult> {
  const { host, port, database, username, password, ca } = access.credentials as Readonly<Record<string, string>>;
  const ssl = { ca: String(ca) };
  const client = new pg.Client({ host, port: Number(port), database, user: username, password, ssl });
  client.on("error", () => undefined);
  try {
    await client.connect();
    return await client.query(text);
  } finally {
    await client.end();
  }
}

async function works(access: Access): Promise<boolean> {
  try {
    await say(access, "SELECT 1");
    return true;
  } catch (error) {
    // The role is gone, or its whole server.
    if (["28000", "28P01", "3D000", "ECONNREFUSED"].includes(String((error as { code?: unknown }).code))) return false;
    throw error;
  }
}

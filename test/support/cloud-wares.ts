/** What is sold at real clouds: accounts there as lotse.yaml has them, and what a customer does with each ware. */
import assert from "node:assert/strict";
import { DescribeDBInstancesCommand, RDSClient } from "@aws-sdk/client-rds";
import { GetBucketTaggingCommand, GetBucketVersioningCommand } from "@aws-sdk/client-s3";
import pg from "pg";
import type { Test } from "tap";
import s3Kind from "../../brokers/s3/index.ts";
import { type Access, type JsonObject, Secret } from "../../src/core/adapter.ts";
import type { Facts } from "../peers/peer.ts";
import type { AwsUser } from "./aws.ts";
import type { CloudProject } from "./openstack.ts";
import { bucketOf, type ObjectProject } from "./openstack-objects.ts";
import { type Account, bucketNames, s3Client } from "./s3.ts";
import type { Ids } from "./shop-window.ts";

/** One thing from one provider. */
export interface Ware extends Ids {
  /** A sentence's subject. */
  readonly what: string;
  readonly parameters: JsonObject;
  /** Does what it was bought for; fails where that is not possible. */
  use(access: Access): Promise<void>;
  /** Whether this access still opens anything. */
  opens(access: Access): Promise<boolean>;
  /** Fails unless what is there of this kind is of the larger plan. */
  isLarge(): Promise<void>;
  /** The main things of this kind that are there: one for each instance. */
  things(): Promise<readonly string[]>;
  /** Everything of Lotse's that is there at this account. */
  inventory(): Promise<readonly string[]>;
}

// ---- machines -----------------------------------------------------------------------------------------------------

/** Each machine gets a network of its own, with a router to the outside. */
export function machineAccount(
  facts: Facts,
  { credential }: CloudProject,
  authUrl: string,
  secret: string,
): JsonObject {
  return {
    adapter: "openstack",
    settings: {
      authUrl,
      applicationCredentialId: credential.id,
      applicationCredentialSecret: { env: secret },
      externalNetwork: String(facts.externalNetwork),
      pollSeconds: 0.7,
    },
  };
}

export function machineWare(what: string, facts: Facts, project: CloudProject, ids: Ids): Ware {
  const { say, computeUrl, networkUrl } = project;
  interface Server {
    readonly name: string;
    readonly status: string;
    readonly flavor: { readonly original_name: string };
  }
  const servers = async () => (await say("GET", `${computeUrl}/servers/detail`)).servers as readonly Server[];
  /** The certificate's name is the door's, and the door's begins with the machine's. */
  const doorOf = ({ credentials = {} }: Access) => String(credentials.certificate).split(" ")[2] ?? "";
  const isOpen = async (door: string) =>
    (await say("GET", `${networkUrl}/security-groups?name=${door}`)).security_groups.length === 1;
  return {
    ...ids,
    what,
    parameters: { firewall: [{ port: 443 }] },
    async use(access) {
      assert.match(String(access.credentials?.host), /^[0-9.]+$/, "it has an address");
      const door = doorOf(access);
      assert.ok(await isOpen(door), "its firewall lets the binding in");
      const server = (await servers()).find(({ name }) => door.startsWith(`${name}-`));
      assert.equal(server?.status, "ACTIVE", "the server's record is there and says that it runs");
    },
    opens: (access) => isOpen(doorOf(access)),
    async isLarge() {
      for (const { flavor } of await servers()) assert.equal(flavor.original_name, facts.largerFlavor);
    },
    things: async () => (await servers()).map(({ name }) => name),
    inventory: () => project.machines(),
  };
}

// ---- object storage -----------------------------------------------------------------------------------------------

/** Customers speak S3 straight to the cloud, however the broker reaches it. */
export function objectAccount(facts: Facts, project: ObjectProject, authUrl: string, secret: string): JsonObject {
  const { username, name, accessRole } = project;
  const s3Endpoint = String(facts.s3Url);
  const password = { env: secret };
  return {
    adapter: "openstack",
    settings: { authUrl, username, password, project: name, accessRole, s3Endpoint, pollSeconds: 0.3 },
  };
}

/** What whoever buys object storage does with it, at whichever provider. */
async function keepObject(access: Access): Promise<void> {
  const bucket = bucketOf(access);
  const put = await bucket("PUT", "/hello", { body: "hello" });
  assert.equal(put.status, 200, `an object is put: ${put.text}`);
  assert.equal((await bucket("GET", "/hello")).text, "hello", "and got");
}

const listsObjects = async (access: Access) => (await bucketOf(access)("GET")).status === 200;

export function objectWare(what: string, project: ObjectProject, ids: Ids): Ware {
  const containers = async () => (await project.inventory()).filter((line) => line.startsWith("container"));
  return {
    ...ids,
    what,
    parameters: {},
    use: keepObject,
    opens: listsObjects,
    async isLarge() {
      for (const line of await containers()) assert.match(line, / 2000000 /);
    },
    // A container of older versions stands beside one.
    things: async () => [...new Set((await containers()).map((line) => /[0-9a-z]{26}/.exec(line)?.[0] ?? line))],
    inventory: () => project.inventory(),
  };
}

/** How bindings get keys. */
export type KeyKind = "ceph" | "iam";

const placeOf = (endpoint: string, keys: KeyKind): JsonObject =>
  keys === "iam" ? { endpoint, iamEndpoint: endpoint, keys } : { endpoint, keys };

export function bucketAccount(facts: Facts, endpoint: string, secret: string, keys: KeyKind = "ceph"): JsonObject {
  const { region, accessKeyId } = facts as unknown as Account;
  const secretAccessKey = { env: secret };
  return {
    adapter: "s3",
    settings: { ...placeOf(endpoint, keys), region, accessKeyId, secretAccessKey, pollSeconds: 0.3, attempts: 1 },
  };
}

export async function bucketWare(
  t: Test,
  what: string,
  facts: Facts,
  space: string,
  ids: Ids,
  keys: KeyKind = "ceph",
): Promise<Ware> {
  const account = facts as unknown as Account;
  const { endpoint, region, accessKeyId, secretAccessKey } = account;
  const store = s3Client(account);
  const eye = await s3Kind.open({
    values: { ...placeOf(endpoint, keys), region, accessKeyId },
    secrets: { secretAccessKey: new Secret(secretAccessKey) },
  });
  t.teardown(async () => {
    store.destroy();
    await eye.close?.();
  });
  const ever = new Set<string>();
  const isOurs = async (Bucket: string) => {
    // Others' stories make and remove buckets meanwhile.
    const { TagSet = [] } = await store.send(new GetBucketTaggingCommand({ Bucket })).catch(() => ({ TagSet: [] }));
    return TagSet.some(({ Key, Value }) => Key === "lotse-space" && Value === space);
  };
  async function buckets(): Promise<string[]> {
    const all = await bucketNames(store);
    const ours = await Promise.all(all.map(isOurs));
    const names = all.filter((_, index) => ours[index]);
    for (const name of names) ever.add(name.slice("lotse-".length));
    return names;
  }
  /** Customers speak straight to the store, however the broker reaches it. */
  const straightTo = ({ credentials }: Access): Access => ({ credentials: { ...credentials, endpoint } });
  return {
    ...ids,
    what,
    parameters: {},
    use: (access) => keepObject(straightTo(access)),
    opens: (access) => listsObjects(straightTo(access)),
    async isLarge() {
      for (const Bucket of await buckets())
        assert.equal((await store.send(new GetBucketVersioningCommand({ Bucket }))).Status, "Enabled");
    },
    things: buckets,
    async inventory() {
      const names = await buckets();
      const found = (await eye.inventory?.(new AbortController().signal)) ?? [];
      const users = found.filter(({ thing, instance = "" }) => thing === "binding" && ever.has(instance));
      return [...names, ...users.map(({ name }) => name)].sort();
    },
  };
}

// ---- databases ----------------------------------------------------------------------------------------------------

export function databaseAccount(facts: Facts, user: AwsUser, endpoint: string, secret: string): JsonObject {
  return {
    adapter: "aws",
    settings: {
      endpoint,
      region: String(facts.region),
      accessKeyId: user.accessKeyId,
      secretAccessKey: { env: secret },
      databaseCa: String(facts.databaseCa),
      pollSeconds: 0.7,
      attempts: 1,
    },
  };
}

export function databaseWare(t: Test, what: string, facts: Facts, space: string, ids: Ids): Ware {
  const aws = new RDSClient({
    endpoint: String(facts.endpoint),
    region: String(facts.region),
    credentials: { accessKeyId: String(facts.accessKeyId), secretAccessKey: String(facts.secretAccessKey) },
  });
  t.teardown(() => aws.destroy());
  // Others' stories go on in the same account.
  const servers = async () =>
    ((await aws.send(new DescribeDBInstancesCommand({}))).DBInstances ?? []).filter(({ TagList = [] }) =>
      TagList.some(({ Key, Value }) => Key === "lotse-space" && Value === space),
    );
  const names = async () => (await servers()).map(({ DBInstanceIdentifier = "" }) => DBInstanceIdentifier);
  async function say({ credentials }: Access, text: string): Promise<void> {
    const { host, port, database, username, password, ca } = credentials as Readonly<Record<string, string>>;
    const ssl = { ca: String(ca) };
    const client = new pg.Client({ host, port: Number(port), database, user: username, password, ssl });
    client.on("error", () => undefined);
    try {
      await client.connect();
      await client.query(text);
    } finally {
      await client.end();
    }
  }
  return {
    ...ids,
    what,
    parameters: {},
    use: (access) => say(access, "CREATE TABLE IF NOT EXISTS notes (text text); INSERT INTO notes VALUES ('kept')"),
    opens: (access) =>
      say(access, "SELECT 1").then(
        () => true,
        () => false,
      ),
    async isLarge() {
      for (const { DBInstanceClass, AllocatedStorage } of await servers())
        assert.deepEqual([DBInstanceClass, AllocatedStorage], ["db.t4g.small", 40]);
    },
    things: names,
    inventory: names,
  };
}

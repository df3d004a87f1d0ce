/** Real clouds as a marketplace has them: accounts, what is sold there, and what a customer does with it. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { DescribeDBInstancesCommand, RDSClient } from "@aws-sdk/client-rds";
import pg from "pg";
import type { Test } from "tap";
import type { Access, JsonObject } from "../../src/core/adapter.ts";
import type { Facts } from "../peers/peer.ts";
import { awsUser, policyIn } from "./aws.ts";
import type { Accounts } from "./broker-process.ts";
import { logIn } from "./openstack.ts";
import { bucketOf, type ObjectProject, openObjectProject } from "./openstack-objects.ts";
import { type Ids, type Shelf, writeCatalog } from "./shop-window.ts";

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

export interface Clouds {
  readonly wares: readonly Ware[];
  readonly provider: Accounts;
  /** Directory of the catalog. */
  readonly catalog: string;
  /** The project on the platform that everything has to be ordered for. */
  readonly space: string;
}

/** How the broker reaches the clouds, where that is not directly. */
export interface Lines {
  openstack?(authUrl: string): Promise<string>;
  aws?(endpoint: string): Promise<string>;
}

const straight = async (address: string) => address;

export async function openClouds(
  t: Test,
  facts: Readonly<Record<"openstack" | "openstack-2" | "aws", Facts>>,
  { openstack = straight, aws = straight }: Lines = {},
): Promise<Clouds> {
  const { openstack: first, "openstack-2": second } = facts;
  const containers = [await openObjectProject(t, first), await openObjectProject(t, first)] as const;
  const space = `space-${randomUUID()}`;
  const user = await awsUser(t, facts.aws, policyIn("brokers/aws/README.md"));
  const machines = (one: Facts, size: string) => ({ kind: "machine", flavor: String(one[size]) });
  const shelves: Shelf[] = [
    {
      name: "machine",
      create: { properties: { firewall: { type: "array" } }, additionalProperties: false },
      goods: [
        {
          account: "machines-public",
          external: false,
          small: machines(first, "flavor"),
          large: machines(first, "largerFlavor"),
        },
        {
          account: "machines-external",
          external: true,
          small: machines(second, "flavor"),
          large: machines(second, "largerFlavor"),
        },
      ],
    },
    {
      name: "objects",
      create: { properties: { versioning: { type: "boolean" } }, additionalProperties: false },
      goods: ["objects-public", "objects-external"].map((account, index) => ({
        account,
        external: index > 0,
        small: { kind: "object-storage", maxBytes: 1_000_000 },
        large: { kind: "object-storage", maxBytes: 2_000_000 },
      })),
    },
    {
      name: "database",
      create: { properties: { extensions: { type: "array" } }, additionalProperties: false },
      goods: [
        {
          account: "database-external",
          external: true,
          small: { instanceClass: "db.t4g.micro", storageGb: 20, engineVersion: "17.4" },
          large: { instanceClass: "db.t4g.small", storageGb: 40, engineVersion: "17.4" },
        },
      ],
    },
  ];
  const catalog = join(t.testdir({}), "catalog");
  const [machine = [], objects = [], database = []] = writeCatalog(catalog, shelves);
  const [cloud1, cloud2, cloud3] = [
    await openstack(String(first.authUrl)),
    await openstack(String(second.authUrl)),
    await openstack(String(first.authUrl)),
  ];
  const accounts = {
    "machines-public": machineAccount(first, cloud1, "FIRST"),
    "machines-external": machineAccount(second, cloud2, "SECOND"),
    "objects-public": objectAccount(first, containers[0], cloud3, "THIRD"),
    "objects-external": objectAccount(first, containers[1], cloud3, "FOURTH"),
    "database-external": {
      adapter: "aws",
      settings: {
        endpoint: await aws(String(facts.aws.endpoint)),
        region: String(facts.aws.region),
        accessKeyId: user.accessKeyId,
        secretAccessKey: { env: "FIFTH" },
        databaseCa: String(facts.aws.databaseCa),
        pollSeconds: 0.7,
        attempts: 1,
      },
    },
  };
  const secrets = {
    FIRST: String(first.applicationCredentialSecret),
    SECOND: String(second.applicationCredentialSecret),
    THIRD: containers[0].password,
    FOURTH: containers[1].password,
    FIFTH: user.secretAccessKey,
  };
  const wares = [
    await machineWare("a machine from the public authority's cloud", first, machine[0] as Ids),
    await machineWare("a machine from the external cloud", second, machine[1] as Ids),
    objectWare("object storage from the public authority's project", containers[0], objects[0] as Ids),
    objectWare("object storage from the external provider's project", containers[1], objects[1] as Ids),
    databaseWare(t, "a managed database from the external cloud", facts.aws, space, database[0] as Ids),
  ];
  return { wares, provider: { accounts, secrets }, catalog, space };
}

// ---- machines -----------------------------------------------------------------------------------------------------

function machineAccount(facts: Facts, authUrl: string, secret: string): JsonObject {
  return {
    adapter: "openstack",
    settings: {
      authUrl,
      applicationCredentialId: String(facts.applicationCredentialId),
      applicationCredentialSecret: { env: secret },
      externalNetwork: String(facts.externalNetwork),
      pollSeconds: 0.7,
    },
  };
}

/** Lotse's id of an instance, in a name or a description. */
const instanceIn = (text: string): string | undefined => /(?<![0-9a-z])[0-9a-z]{26}(?![0-9a-z])/.exec(text)?.[0];

async function machineWare(what: string, facts: Facts, ids: Ids): Promise<Ware> {
  const { authUrl, user, userPassword, project, projectId, computeUrl, networkUrl, largerFlavor } =
    facts as unknown as Record<string, string>;
  const { say } = await logIn(String(authUrl), String(user), String(userPassword), { name: String(project) });
  const neutron = (kind: string) => say("GET", `${networkUrl}/v2.0/${kind}?project_id=${projectId}`);
  type Named = { readonly name: string; readonly description?: string };
  const servers = async () =>
    (await say("GET", `${computeUrl}/servers/detail`)).servers as (Named & {
      readonly status: string;
      readonly flavor: { readonly original_name: string };
    })[];
  const doors = async () => (await neutron("security-groups")).security_groups as Named[];
  const isMarked = ({ name, description = "" }: Named) => `${name} ${description}`.includes("lotse");
  // Others' stories go on in the same project.
  const theirs = new Set((await servers()).map(({ name }) => instanceIn(name)));
  const ours = (one: Named) => isMarked(one) && !theirs.has(instanceIn(`${one.name} ${one.description ?? ""}`));
  /** The certificate's name is the door's. */
  const doorOf = ({ credentials = {} }: Access) => String(credentials.certificate).split(" ")[2];
  return {
    ...ids,
    what,
    parameters: { firewall: [{ port: 443 }] },
    async use(access) {
      assert.match(String(access.credentials?.host), /^[0-9.]+$/, "it has an address");
      const door = doorOf(access);
      assert.ok(
        (await doors()).some(({ name }) => name === door),
        "its firewall lets the binding in",
      );
      const instance = instanceIn(String(door));
      const server = (await servers()).find(({ name }) => instance !== undefined && name.includes(instance));
      assert.equal(server?.status, "ACTIVE", "the server's record is there and says that it runs");
    },
    opens: async (access) => (await doors()).some(({ name }) => name === doorOf(access)),
    async isLarge() {
      for (const { flavor } of (await servers()).filter(ours)) assert.equal(flavor.original_name, largerFlavor);
    },
    things: async () => (await servers()).filter(ours).map(({ name }) => name),
    async inventory() {
      const [groups, networks, routers, addresses] = await Promise.all([
        doors(),
        neutron("networks"),
        neutron("routers"),
        neutron("floatingips"),
      ]);
      const keys = (await say("GET", `${computeUrl}/os-keypairs`)).keypairs.map(
        ({ keypair }: { readonly keypair: Named }) => keypair,
      );
      const all = [await servers(), groups, networks.networks, routers.routers, addresses.floatingips, keys].flat();
      return (all as Named[]).filter(ours).map(({ name, description }) => `${name ?? ""} ${description ?? ""}`);
    },
  };
}

// ---- object storage -----------------------------------------------------------------------------------------------

/** Customers speak S3 straight to the cloud, however the broker reaches it. */
function objectAccount(facts: Facts, project: ObjectProject, authUrl: string, secret: string): JsonObject {
  const { username, name, accessRole } = project;
  const s3Endpoint = String(facts.s3Url);
  const password = { env: secret };
  return {
    adapter: "openstack",
    settings: { authUrl, username, password, project: name, accessRole, s3Endpoint, pollSeconds: 0.3 },
  };
}

function objectWare(what: string, project: ObjectProject, ids: Ids): Ware {
  const containers = async () => (await project.inventory()).filter((line) => line.startsWith("container"));
  return {
    ...ids,
    what,
    parameters: {},
    async use(access) {
      const bucket = bucketOf(access);
      const put = await bucket("PUT", "/hello", { body: "hello" });
      assert.equal(put.status, 200, `an object is put: ${put.text}`);
      assert.equal((await bucket("GET", "/hello")).text, "hello", "and got");
    },
    opens: async (access) => (await bucketOf(access)("GET")).status === 200,
    async isLarge() {
      for (const line of await containers()) assert.match(line, / 2000000 /);
    },
    // A container of older versions stands beside one.
    things: async () => [...new Set((await containers()).map((line) => /[0-9a-z]{26}/.exec(line)?.[0] ?? line))],
    inventory: () => project.inventory(),
  };
}

// ---- databases ----------------------------------------------------------------------------------------------------

function databaseWare(t: Test, what: string, facts: Facts, space: string, ids: Ids): Ware {
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

/** Everything Lotse buys in the world outside, with as many accounts as there are lives, and a line for each of them. */
import type { Test } from "tap";
import type { JsonObject } from "../../src/core/adapter.ts";
import type { Facts } from "../peers/peer.ts";
import { awsUser, policyIn } from "./aws.ts";
import {
  bucketAccount,
  bucketWare,
  databaseAccount,
  databaseWare,
  objectAccount,
  objectWare,
  type Ware,
} from "./cloud-wares.ts";
import type { Counting } from "./holding-line.ts";
import { type Asked, startLineTo, type Watcher } from "./http-line.ts";
import { applyAll, clusterOf, manifestsInReadme, tokenFor } from "./kubernetes.ts";
import { largerNamespacePlan, namespaceAccount, namespacePlan, namespaceWare } from "./kubernetes-ware.ts";
import { startLineToCloud } from "./openstack-line.ts";
import { openObjectProject } from "./openstack-objects.ts";
import type { Ids } from "./shop-window.ts";
import { softwareAccount, softwareWare } from "./software-ware.ts";
import { newClient, startVendor } from "./vendor.ts";

export interface Supply {
  /** Accounts and offering are named after it. */
  readonly name: string;
  /** More than there are moments in any step. */
  readonly lives: number;
  /** Parameters that an order may have. */
  readonly create: JsonObject;
  readonly small: JsonObject;
  readonly large: JsonObject;
  readonly counting: Counting;
  /** Starts a line to the back end; its address. */
  line(watcher: Watcher): Promise<string>;
  /** An account whose back end is reached at this address. */
  account(address: string, secret: string): JsonObject;
  readonly secret: string;
  ware(ids: Ids): Ware | Promise<Ware>;
}

export type SupplyPeer = "openstack" | "aws" | "ceph" | "kubernetes";

const noParameters: JsonObject = { additionalProperties: false };
const isGet = ({ method }: Asked) => method === "GET" || method === "HEAD";

export async function openSupplies(
  t: Test,
  facts: Readonly<Record<SupplyPeer, Facts>>,
  space: string,
): Promise<readonly Supply[]> {
  return [
    await containers(t, facts.openstack),
    buckets(t, facts.ceph, space),
    await databases(t, facts.aws, space),
    await namespaces(t, facts.kubernetes, space),
    ...(await software(t)),
  ];
}

const isLookAtCloud = (asked: Asked) => isGet(asked) || asked.path.endsWith("/auth/tokens");

/** Answers are held until all others stand as well, which takes longer than an account usually waits. */
function patient(account: JsonObject, name: "timeoutMs" | "requestTimeoutMs"): JsonObject {
  return { ...account, settings: { ...(account.settings as JsonObject), [name]: 120_000 } };
}

async function containers(t: Test, facts: Facts): Promise<Supply> {
  const project = await openObjectProject(t, facts);
  return {
    name: "containers",
    lives: 12,
    create: noParameters,
    small: { kind: "object-storage", maxBytes: 1_000_000 },
    large: { kind: "object-storage", maxBytes: 2_000_000 },
    counting: { isLook: isLookAtCloud },
    line: (watcher) => startLineToCloud(t, project.authUrl, watcher),
    account: (address, secret) => patient(objectAccount(facts, project, address, secret), "timeoutMs"),
    secret: project.password,
    ware: (ids) => objectWare("object storage at OpenStack", project, ids),
  };
}

function buckets(t: Test, facts: Facts, space: string): Supply {
  const small = { encryption: "provider", publicAccess: "ignored" };
  return {
    name: "buckets",
    lives: 10,
    create: noParameters,
    small,
    large: { ...small, versioning: "always" },
    counting: { isLook: isGet },
    line: (watcher) => startLineTo(t, String(facts.endpoint), watcher),
    account: (address, secret) => patient(bucketAccount(facts, address, secret), "requestTimeoutMs"),
    secret: String(facts.secretAccessKey),
    ware: (ids) => bucketWare(t, "buckets at Ceph", facts, space, ids),
  };
}

async function databases(t: Test, facts: Facts, space: string): Promise<Supply> {
  const user = await awsUser(t, facts, policyIn("brokers/aws/README.md"));
  return {
    name: "databases",
    lives: 8,
    create: noParameters,
    small: { instanceClass: "db.t4g.micro", storageGb: 20, engineVersion: "17.4" },
    large: { instanceClass: "db.t4g.small", storageGb: 40, engineVersion: "17.4" },
    // Between two calls it speaks SQL with the database itself.
    counting: { isLook: ({ body }) => /^Action=(Describe|List)/.test(body), ahead: true },
    line: (watcher) => startLineTo(t, String(facts.endpoint), watcher),
    account: (address, secret) => patient(databaseAccount(facts, user, address, secret), "requestTimeoutMs"),
    secret: user.secretAccessKey,
    ware: (ids) => databaseWare(t, "databases at AWS", facts, space, ids),
  };
}

async function namespaces(t: Test, facts: Facts, space: string): Promise<Supply> {
  const cluster = clusterOf(facts);
  t.teardown(() => cluster.close());
  await applyAll(cluster, manifestsInReadme());
  return {
    name: "namespaces",
    lives: 12,
    create: noParameters,
    small: namespacePlan,
    large: largerNamespacePlan,
    // A rehearsal changes nothing.
    counting: { isLook: (asked) => isGet(asked) || asked.path.includes("dryRun=All") },
    line: (watcher) => startLineTo(t, cluster.server, watcher, cluster.ca),
    account: (address, secret) => namespaceAccount(cluster, address, secret),
    secret: await tokenFor(cluster, "lotse", "lotse"),
    ware: (ids) => namespaceWare("namespaces at Kubernetes", cluster, space, ids),
  };
}

/** There at once, and not so. */
async function software(t: Test): Promise<readonly Supply[]> {
  const client = newClient("lotse");
  const vendor = await startVendor(t, t.testdir({}), [client], 300);
  const products = [
    ["ddatabox", "software that is there at once"],
    ["dmessenger", "software that takes a while"],
  ] as const;
  return products.map(([product, what]) => ({
    name: product,
    lives: 6,
    create: noParameters,
    small: { product, plan: "small", options: { seats: 10 } },
    large: { product, plan: "large", options: { seats: 100 } },
    counting: { isLook: isGet },
    line: (watcher) => startLineTo(t, vendor.url, watcher),
    account: softwareAccount,
    secret: client.token,
    ware: (ids) => softwareWare(what, product, vendor, client, ids),
  }));
}

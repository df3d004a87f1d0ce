/** What Lotse buys elsewhere than at OpenStack, with as many accounts as there are lives, and a line for each of them. */
import type { Test } from "tap";
import type { JsonObject } from "../../src/core/adapter.ts";
import type { Facts } from "../peers/peer.ts";
import { awsUser, policyIn } from "./aws.ts";
import { bucketAccount, bucketWare, databaseAccount, databaseWare, type KeyKind } from "./cloud-wares.ts";
import { type Asked, isGet, startLineTo } from "./http-line.ts";
import { applyAll, clusterOf, manifestsInReadme, tokenFor } from "./kubernetes.ts";
import { largerNamespacePlan, namespaceAccount, namespacePlan, namespaceWare } from "./kubernetes-ware.ts";
import { modules } from "./modules-supply.ts";
import { softwareAccount, softwareWare } from "./software-ware.ts";
import { httpLine, type Supply } from "./supply.ts";
import { newClient, startVendor } from "./vendor.ts";

export async function openSupplies(
  t: Test,
  facts: Readonly<Record<"aws" | "ceph" | "kubernetes" | "opentofu", Facts>>,
  space: string,
): Promise<readonly Supply[]> {
  return [
    buckets(t, facts.ceph, space, "ceph"),
    buckets(t, facts.aws, space, "iam"),
    await databases(t, facts.aws, space),
    await namespaces(t, facts.kubernetes, space),
    await modules(t, facts.opentofu),
    ...(await software(t)),
  ];
}

const noParameters: JsonObject = { additionalProperties: false };
const patienceMs = 120_000;
const isAwsLook = ({ body }: Asked) => /^Action=(Describe|Get|List)/.test(body);

const patient = (account: JsonObject, name: "timeoutMs" | "requestTimeoutMs"): JsonObject => ({
  ...account,
  settings: { ...(account.settings as JsonObject), [name]: patienceMs },
});

/** Ceph makes users' keys as it is told; IAM makes them up, and tells each only once. */
function buckets(t: Test, facts: Facts, space: string, keys: KeyKind): Supply {
  const small = keys === "ceph" ? { encryption: "provider", publicAccess: "ignored" } : {};
  return {
    name: `buckets-${keys}`,
    lives: keys === "ceph" ? 8 : 10,
    create: noParameters,
    small,
    large: { ...small, versioning: "always" },
    patienceMs,
    line: httpLine({ isLook: (asked) => isGet(asked) || isAwsLook(asked) }, (watcher) =>
      startLineTo(t, String(facts.endpoint), watcher),
    ),
    account: (address, secret) => patient(bucketAccount(facts, address, secret, keys), "requestTimeoutMs"),
    secret: String(facts.secretAccessKey),
    ware: (ids) => bucketWare(t, `buckets with keys by ${keys}`, facts, space, ids, keys),
  };
}

async function databases(t: Test, facts: Facts, space: string): Promise<Supply> {
  const user = await awsUser(t, facts, policyIn("brokers/aws/README.md"));
  return {
    name: "databases",
    lives: 9,
    create: noParameters,
    small: { instanceClass: "db.t4g.micro", storageGb: 20, engineVersion: "17.4" },
    large: { instanceClass: "db.t4g.small", storageGb: 40, engineVersion: "17.4" },
    // Between two calls it speaks SQL with the database itself.
    patienceMs,
    line: httpLine({ isLook: isAwsLook, ahead: true }, (watcher) => startLineTo(t, String(facts.endpoint), watcher)),
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
    patienceMs,
    line: httpLine({ isLook: (asked) => isGet(asked) || asked.path.includes("dryRun=All") }, (watcher) =>
      startLineTo(t, cluster.server, watcher, cluster.ca),
    ),
    account: (address, secret) => patient(namespaceAccount(cluster, address, secret), "timeoutMs"),
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
    lives: 4,
    create: noParameters,
    small: { product, plan: "small", options: { seats: 10 } },
    large: { product, plan: "large", options: { seats: 100 } },
    patienceMs,
    line: httpLine({ isLook: isGet }, (watcher) => startLineTo(t, vendor.url, watcher)),
    account: (address: string, secret: string) => patient(softwareAccount(address, secret), "timeoutMs"),
    secret: client.token,
    ware: (ids) => softwareWare(what, product, vendor, client, ids),
  }));
}

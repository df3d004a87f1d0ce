/** Real clouds as a marketplace has them: accounts, what is sold there, and what a customer does with it. */
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import type { Test } from "tap";
import type { Facts } from "../peers/peer.ts";
import { awsUser, policyIn } from "./aws.ts";
import type { Accounts } from "./broker-process.ts";
import {
  bucketAccount,
  bucketWare,
  databaseAccount,
  databaseWare,
  machineAccount,
  machineWare,
  objectAccount,
  objectWare,
  type Ware,
} from "./cloud-wares.ts";
import { openProject } from "./openstack.ts";
import { openObjectProject } from "./openstack-objects.ts";
import { type Ids, type Shelf, writeCatalog } from "./shop-window.ts";

export interface Clouds {
  readonly wares: readonly Ware[];
  readonly provider: Accounts;
  /** Directory of the catalog. */
  readonly catalog: string;
  /** The project on the platform that everything has to be ordered for. */
  readonly space: string;
}

export async function openClouds(
  t: Test,
  facts: Readonly<Record<"openstack" | "openstack-2" | "aws" | "ceph", Facts>>,
): Promise<Clouds> {
  const { openstack: first, "openstack-2": second } = facts;
  const [project1, project2] = [await openProject(t, first), await openProject(t, second)];
  const containers = await openObjectProject(t, first);
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
      goods: [
        {
          account: "objects-public",
          external: false,
          small: { kind: "object-storage", maxBytes: 1_000_000 },
          large: { kind: "object-storage", maxBytes: 2_000_000 },
        },
        {
          account: "objects-external",
          external: true,
          small: { encryption: "provider", publicAccess: "ignored" },
          large: { encryption: "provider", publicAccess: "ignored", versioning: "always" },
        },
      ],
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
  const accounts = {
    "machines-public": machineAccount(first, project1, String(first.authUrl), "FIRST"),
    "machines-external": machineAccount(second, project2, String(second.authUrl), "SECOND"),
    "objects-public": objectAccount(first, containers, String(first.authUrl), "THIRD"),
    "objects-external": bucketAccount(facts.ceph, String(facts.ceph.endpoint), "FOURTH"),
    "database-external": databaseAccount(facts.aws, user, String(facts.aws.endpoint), "FIFTH"),
  };
  const secrets = {
    FIRST: project1.credential.secret,
    SECOND: project2.credential.secret,
    THIRD: containers.password,
    FOURTH: String(facts.ceph.secretAccessKey),
    FIFTH: user.secretAccessKey,
  };
  const wares = [
    machineWare("a machine from the public authority's cloud", first, project1, machine[0] as Ids),
    machineWare("a machine from the external cloud", second, project2, machine[1] as Ids),
    objectWare("object storage from the public authority's cloud", containers, objects[0] as Ids),
    await bucketWare(t, "object storage from an external provider's Ceph", facts.ceph, space, objects[1] as Ids),
    databaseWare(t, "a managed database from the external cloud", facts.aws, space, database[0] as Ids),
  ];
  return { wares, provider: { accounts, secrets }, catalog, space };
}

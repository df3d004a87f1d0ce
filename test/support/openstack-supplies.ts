/** What Lotse buys at OpenStack, with as many accounts as there are lives, and a line for each of them. */
import type { Test } from "tap";
import type { JsonObject } from "../../src/core/adapter.ts";
import type { Facts } from "../peers/peer.ts";
import { machineAccount, machineWare, objectAccount, objectWare } from "./cloud-wares.ts";
import { type Asked, isGet, type Watcher } from "./http-line.ts";
import { type CloudProject, openProject } from "./openstack.ts";
import { startLineToCloud } from "./openstack-line.ts";
import { openObjectProject } from "./openstack-objects.ts";
import { httpLine, type Supply } from "./supply.ts";

export async function openCloudSupplies(t: Test, facts: Facts): Promise<readonly Supply[]> {
  return [await machines(t, facts), await networks(t, facts), await containers(t, facts)];
}

/** A busy cloud takes its time. */
const patienceMs = 300_000;
const isLook = (asked: Asked) => isGet(asked) || asked.path.endsWith("/auth/tokens");

const withSettings = (account: JsonObject, more: JsonObject): JsonObject => ({
  ...account,
  settings: { ...(account.settings as JsonObject), timeoutMs: patienceMs, ...more },
});

function machinesOf(facts: Facts, project: CloudProject, more: JsonObject) {
  return {
    create: {
      properties: { firewall: { type: "array" } },
      additionalProperties: false,
    },
    small: { kind: "machine", flavor: String(facts.flavor) },
    large: { kind: "machine", flavor: String(facts.largerFlavor) },
    line: (t: Test) => (watcher: Watcher) => startLineToCloud(t, project.authUrl, watcher),
    account: (address: string, secret: string) =>
      withSettings(machineAccount(facts, project, address, secret), { pollSeconds: 3, ...more }),
    secret: project.credential.secret,
  };
}

/** In a network that is there: one of its own takes Neutron longer than all the rest. */
async function machines(t: Test, facts: Facts): Promise<Supply> {
  const project = await openProject(t, facts);
  const { line, ...shared } = machinesOf(facts, project, { network: project.networkId });
  return {
    ...shared,
    name: "machines",
    lives: 11,
    patienceMs,
    // None is ordered, and is looked for by removing it.
    line: httpLine({ isLook, ignores: ({ path }) => path.includes("/os-keypairs/") }, line(t)),
    ware: (ids) => machineWare("machines at OpenStack", facts, project, ids),
  };
}

/** Machines again, for the networks and routers that are made and removed with them. */
async function networks(t: Test, facts: Facts): Promise<Supply> {
  const project = await openProject(t, facts);
  const { line, ...shared } = machinesOf(facts, project, {});
  const isOfNetwork = ({ path }: Asked) => /\/v2\.0\/(networks|subnets|routers)/.test(path);
  return {
    ...shared,
    name: "networks",
    lives: 5,
    briefly: true,
    patienceMs,
    line: httpLine({ isLook: isGet, ignores: (asked) => isGet(asked) || !isOfNetwork(asked) }, line(t)),
    async ware(ids) {
      return machineWare("networks of machines at OpenStack", facts, project, ids);
    },
  };
}

async function containers(t: Test, facts: Facts): Promise<Supply> {
  const project = await openObjectProject(t, facts);
  return {
    name: "containers",
    lives: 12,
    create: { additionalProperties: false },
    small: { kind: "object-storage", maxBytes: 1_000_000 },
    large: { kind: "object-storage", maxBytes: 2_000_000 },
    patienceMs,
    line: httpLine({ isLook }, (watcher) => startLineToCloud(t, project.authUrl, watcher)),
    account: (address, secret) => withSettings(objectAccount(facts, project, address, secret), {}),
    secret: project.password,
    ware: (ids) => objectWare("object storage at OpenStack", project, ids),
  };
}

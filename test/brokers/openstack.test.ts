/** Machines at a real OpenStack: every promise an adapter makes, with each of the cloud's answers lost once. */
import { setTimeout as wait } from "node:timers/promises";
import t, { type Test } from "tap";
import kind from "../../brokers/openstack/index.ts";
import { type Access, type Adapter, type JsonObject, Secret } from "../../src/core/adapter.ts";
import type { Facts } from "../peers/peer.ts";
import { type CloudProject, openProject } from "../support/openstack.ts";
import { type Asked, startCloudLine } from "../support/openstack-line.ts";
import { onPeer } from "../support/peers.ts";
import { closedPort, silentWire } from "../support/wire.ts";
import { keepsEveryPromise, type Subject } from "./promise.ts";

/** Half a second lies between them. */
const mostLooks = 20;

await onPeer(t, "openstack", async (facts) => {
  const project = await openProject(t, facts);
  await keepsEveryPromise(t, subjectIn(t, project, facts));
});

function subjectIn(t: Test, project: CloudProject, facts: Facts): Subject {
  const open = (more: JsonObject = {}, secret = project.credential.secret): Promise<Adapter> =>
    kind.open({
      values: {
        authUrl: project.authUrl,
        applicationCredentialId: project.credential.id,
        network: project.networkId,
        externalNetwork: String(facts.externalNetwork),
        pollSeconds: 1,
        ...more,
      },
      secrets: { applicationCredentialSecret: new Secret(secret) },
    });
  return {
    open: () => open(),
    async losing(nth) {
      const moment = moments();
      const line = await startCloudLine(t, project.authUrl, (asked) => (moment(asked) === nth ? "after" : undefined));
      return { adapter: await open({ authUrl: line.authUrl }), lost: line.lost };
    },
    async hanging() {
      const { port, reached } = await silentWire(t);
      return { adapter: await open({ authUrl: `http://127.0.0.1:${port}/v3` }), reached };
    },
    broken: async () =>
      new Map([
        ["the secret is wrong", await open({}, "not the secret")],
        ["nobody has this id", await open({ applicationCredentialId: "nobody" })],
        ["nothing listens there", await open({ authUrl: `http://127.0.0.1:${await closedPort()}/v3` })],
        ["the region is not there", await open({ regions: ["nowhere"] })],
      ]),
    inventory: (id) => project.machines(id),
    works: (access) => opens(project, access),
    backend: { kind: "machine", flavor: String(facts.flavor) },
    largerBackend: { kind: "machine", flavor: String(facts.largerFlavor) },
    // Key pair, network, volume and floating address lose their requests and answers in openstack-machines.test.ts.
    parameters: {},
    changedParameters: { firewall: [{ port: 8443, from: "192.0.2.0/24" }] },
    bindingParameters: { allowedFrom: ["192.0.2.0/24"] },
    refused: { parameters: { operatingSystem: "nosuch-os-9000" }, text: "nosuch-os-9000" },
    secrets: [project.credential.secret, project.password],
    patienceMs: 300_000,
    paceMs: 700,
    atOnce: 5,
  };
}

/**
 * Numbers what is asked by what the cloud can be like when its answer gets lost: everything that changes something counts when
 * it is asked for the first time, and of the looks between two changes the first, as after each of them the cloud is the same.
 * A removal that is tried again and again, until nothing uses the thing any more, is one change.
 */
function moments(): (asked: Asked) => number | undefined {
  let count = 0;
  let looked = false;
  const changes = new Set<string>();
  return ({ method, path, body }) => {
    const change = `${method} ${path} ${body}`;
    const isLook = method === "GET" || path.endsWith("/auth/tokens") || changes.has(change);
    if (isLook && looked) return undefined;
    if (!isLook) changes.add(change);
    looked = isLook;
    return ++count;
  };
}

/** Whether the door of this access is there and leads to a machine that is up; while others change theirs it may be shut for a moment. */
async function opens(project: CloudProject, { credentials = {} }: Access): Promise<boolean> {
  const { host, certificate } = credentials as { readonly [name: string]: string };
  // The certificate's name is the door's.
  const door = String(certificate).split(" ")[2];
  const address = `network_id=${project.networkId}&fixed_ips=ip_address%3D${host}`;
  for (let looks = 1; looks <= mostLooks; looks++) {
    const { security_groups: doors } = await project.say("GET", `${project.networkUrl}/security-groups?name=${door}`);
    const { ports } = await project.say("GET", `${project.networkUrl}/ports?${address}`);
    if (doors.length === 0 || ports.length === 0) return false;
    if (ports[0].security_groups.includes(doors[0].id)) return doors[0].security_group_rules.length > 2;
    await wait(500);
  }
  return false;
}

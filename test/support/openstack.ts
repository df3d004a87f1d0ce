/** A project of its own in the OpenStack peer, for one test file: with a member, an application credential and room enough. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import type { Test } from "tap";
import type { JsonObject } from "../../src/core/adapter.ts";
import type { Facts } from "../peers/peer.ts";

/** Answers are taken as they come; a story that reads them wrongly fails. */
// biome-ignore lint/suspicious/noExplicitAny: bodies of seven services, each in its own shape
type Body = any;

/** Says one thing to one service, as one user in one project; fails the story where the answer is no good one. */
export type Say = (method: string, url: string, body?: JsonObject) => Promise<Body>;

export interface CloudProject {
  readonly authUrl: string;
  readonly computeUrl: string;
  readonly networkUrl: string;
  /** Undefined: the cloud has no Cinder. */
  readonly volumeUrl: string | undefined;
  readonly id: string;
  readonly name: string;
  readonly username: string;
  readonly password: string;
  readonly credential: { readonly id: string; readonly secret: string };
  /** A network with a subnet, for machines that get none of their own. */
  readonly networkId: string;
  /** As the project's member. */
  readonly say: Say;
  /** As the cloud's administrator. */
  readonly admin: Say;
  /** What machines are made of, a line each; of one instance, where an id is given. */
  machines(id?: string): Promise<string[]>;
}

interface CloudFacts {
  readonly authUrl: string;
  readonly adminUser: string;
  readonly adminPassword: string;
  readonly adminProject: string;
  readonly computeUrl: string;
  readonly networkUrl: string;
}

export async function openProject(t: Test, facts: Facts): Promise<CloudProject> {
  const cloud = facts as unknown as CloudFacts;
  const { authUrl, computeUrl } = cloud;
  const networkUrl = `${cloud.networkUrl}/v2.0`;
  const admin = await logIn(authUrl, cloud.adminUser, cloud.adminPassword, { name: cloud.adminProject });
  const name = `machines-${randomBytes(4).toString("hex")}`;
  const password = `pw: ${randomBytes(8).toString("hex")}`;
  const { project } = await admin.say("POST", `${authUrl}/projects`, { project: { name, domain_id: "default" } });
  const { user } = await admin.say("POST", `${authUrl}/users`, { user: { name, domain_id: "default", password } });
  const { roles } = await admin.say("GET", `${authUrl}/roles?name=member`);
  await admin.say("PUT", `${authUrl}/projects/${project.id}/users/${user.id}/roles/${roles[0].id}`);
  const member = await logIn(authUrl, name, password, { id: project.id });
  const volumeUrl = member.volumeUrl;
  await Promise.all([
    admin.say("PUT", `${computeUrl}/os-quota-sets/${project.id}`, {
      quota_set: { instances: -1, cores: -1, ram: -1, key_pairs: -1 },
    }),
    admin.say("PUT", `${networkUrl}/quotas/${project.id}`, {
      quota: {
        security_group: -1,
        security_group_rule: -1,
        port: -1,
        floatingip: -1,
        network: -1,
        subnet: -1,
        router: -1,
      },
    }),
    ...(admin.volumeUrl === undefined
      ? []
      : [
          admin.say("PUT", `${admin.volumeUrl}/os-quota-sets/${project.id}`, {
            quota_set: { volumes: -1, gigabytes: -1 },
          }),
        ]),
  ]);
  const { network } = await member.say("POST", `${networkUrl}/networks`, { network: { name: "given" } });
  await member.say("POST", `${networkUrl}/subnets`, {
    subnet: { network_id: network.id, ip_version: 4, cidr: "10.32.0.0/16" },
  });
  const { application_credential: credential } = await patiently(() =>
    member.say("POST", `${authUrl}/users/${user.id}/application_credentials`, {
      application_credential: { name: "lotse", roles: [{ name: "member" }] },
    }),
  );
  t.teardown(async () => {
    await member.say("DELETE", `${networkUrl}/networks/${network.id}`);
    await admin.say("DELETE", `${authUrl}/users/${user.id}`);
    await admin.say("DELETE", `${authUrl}/projects/${project.id}`);
  });
  return {
    authUrl,
    computeUrl,
    networkUrl,
    volumeUrl,
    id: project.id,
    name,
    username: name,
    password,
    credential,
    networkId: network.id,
    say: member.say,
    admin: admin.say,
    machines: async (id = "") =>
      (await listMachines(member.say, { computeUrl, networkUrl, volumeUrl, projectId: project.id })).filter((line) =>
        line.includes(id),
      ),
  };
}

/**
 * Asks again for a few seconds: Keystone's threads share what they remember, and under load one may miss for a moment a role
 * that somebody has.
 */
export async function patiently<T>(ask: () => Promise<T>): Promise<T> {
  for (let left = 20; ; left--) {
    try {
      return await ask();
    } catch (error) {
      if (left === 0) throw error;
      await wait(200);
    }
  }
}

/** Everything of Lotse's in the project, as its member sees it. */
export async function listMachines(
  say: Say,
  place: {
    readonly computeUrl: string;
    readonly networkUrl: string;
    readonly volumeUrl: string | undefined;
    readonly projectId: string;
  },
): Promise<string[]> {
  const { computeUrl, networkUrl, volumeUrl, projectId } = place;
  const neutron = (kind: string) => say("GET", `${networkUrl}/${kind}?project_id=${projectId}`);
  const [{ servers }, { keypairs }, { volumes }, groups, addresses, networks, routers] = await Promise.all([
    say("GET", `${computeUrl}/servers/detail`),
    say("GET", `${computeUrl}/os-keypairs`),
    volumeUrl === undefined ? { volumes: [] } : say("GET", `${volumeUrl}/volumes/detail`),
    neutron("security-groups"),
    neutron("floatingips"),
    neutron("networks"),
    neutron("routers"),
  ]);
  const rule = (one: Body) => `${one.protocol}/${one.port_range_min}-${one.port_range_max} ${one.remote_ip_prefix}`;
  const inward = (group: Body) => group.security_group_rules.filter((one: Body) => one.direction === "ingress");
  return [
    ...servers.map((one: Body) => `server ${one.name} ${one.status} ${one.flavor.original_name}`),
    ...keypairs.map(({ keypair }: Body) => `key pair ${keypair.name}`),
    ...volumes.map((one: Body) => `volume ${one.name} ${one.size} GB`),
    ...groups.security_groups.map(
      (one: Body) => `security group ${one.name} ${inward(one).map(rule).sort().join(", ")}`,
    ),
    ...addresses.floatingips.map((one: Body) => `floating address of ${one.description}`),
    ...networks.networks.map((one: Body) => `network ${one.name}`),
    ...routers.routers.map((one: Body) => `router ${one.name}`),
  ]
    .filter((line) => line.includes("lotse"))
    .sort();
}

interface Session {
  readonly say: Say;
  /** With the project's id, as the catalog has it; undefined: the cloud has no Cinder. */
  readonly volumeUrl: string | undefined;
}

export async function logIn(authUrl: string, user: string, password: string, project: JsonObject): Promise<Session> {
  const domain = { id: "default" };
  const answer = await fetch(`${authUrl}/auth/tokens`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      auth: {
        identity: { methods: ["password"], password: { user: { name: user, domain, password } } },
        scope: { project: "name" in project ? { ...project, domain } : project },
      },
    }),
  });
  const { token } = (await answer.json()) as Body;
  assert.equal(answer.status, 201, "Keystone lets the story in");
  const headers = {
    "x-auth-token": answer.headers.get("x-subject-token") ?? "",
    "content-type": "application/json",
    "x-openstack-nova-api-version": "2.79",
  };
  const volumes = token.catalog.find(({ type }: Body) => type === "volumev3");
  return {
    volumeUrl: volumes?.endpoints.find((one: Body) => one.interface === "public").url,
    async say(method, url, body) {
      const reply = await fetch(url, { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) });
      const text = await reply.text();
      assert.ok(reply.status < 300, `${method} ${url} was answered with ${reply.status}: ${text}`);
      return text === "" ? undefined : JSON.parse(text);
    },
  };
}

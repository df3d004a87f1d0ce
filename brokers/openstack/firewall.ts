/** Security groups: one for the machine, with what the order lets in, and one for each binding, its door. */
import type { JsonObject } from "#adapter";
import { statusOf } from "./answers.ts";
import type { Session } from "./client.ts";
import type { Opening } from "./machine-plan.ts";
import { oldestFirst } from "./oldest.ts";

export interface Group {
  readonly id: string;
  readonly name: string;
  readonly description: string | null;
  readonly created_at: string;
  readonly security_group_rules: readonly Rule[];
}

export interface Rule {
  readonly id: string;
  readonly direction: string;
  readonly protocol: string | null;
  readonly port_range_min: number | null;
  readonly port_range_max: number | null;
  readonly remote_ip_prefix: string | null;
}

export interface Port {
  readonly id: string;
  readonly device_id: string;
  readonly security_groups: readonly string[];
  readonly fixed_ips: readonly { readonly ip_address: string; readonly subnet_id: string }[];
  readonly revision_number: number;
  readonly status: string;
}

/** Groups of that name, or all of the project; oldest first. */
export async function findGroups(session: Session, name?: string): Promise<readonly Group[]> {
  const { security_groups: groups } = await session.ask<{ readonly security_groups: readonly Group[] }>({
    service: "network",
    method: "GET",
    path: ["security-groups"],
    query: { project_id: session.projectId, name },
  });
  return oldestFirst(groups, ({ created_at }) => created_at);
}

/** The oldest group of that name, made if there is none, with these openings and no others. */
export async function ensureGroup(
  session: Session,
  name: string,
  description: string,
  openings: readonly Opening[],
): Promise<Group> {
  const group = (await findGroups(session, name))[0] ?? (await makeGroup(session, name, description));
  await setOpenings(session, group, openings);
  return group;
}

async function makeGroup(session: Session, name: string, description: string): Promise<Group> {
  const { security_group: group } = await session.ask<{ readonly security_group: Group }>({
    service: "network",
    method: "POST",
    path: ["security-groups"],
    body: { security_group: { name, description } },
  });
  return group;
}

/** New doors are opened before old ones are shut. */
export async function setOpenings(session: Session, group: Group, openings: readonly Opening[]): Promise<void> {
  const inward = group.security_group_rules.filter(({ direction }) => direction === "ingress");
  const missing = openings.filter((opening) => !inward.some((rule) => isRuleOf(rule, opening)));
  if (missing.length > 0)
    await session
      .ask({
        service: "network",
        method: "POST",
        path: ["security-group-rules"],
        body: { security_group_rules: missing.map((opening) => ruleOf(group.id, opening)) },
      })
      // Somebody else was quicker with one of them, and nothing was made; whoever looks again sees which are missing.
      .catch((error: unknown) => {
        throw statusOf(error) === 409 && !isQuota(error)
          ? new Error("The firewall is being changed.", { cause: error })
          : error;
      });
  for (const rule of inward)
    if (!openings.some((opening) => isRuleOf(rule, opening)))
      await session
        .ask({ service: "network", method: "DELETE", path: ["security-group-rules", rule.id] })
        .catch(ignoreGone);
}

function isQuota(error: unknown): boolean {
  return error instanceof Error && /quota/i.test(error.message);
}

function ruleOf(groupId: string, { protocol, fromPort, toPort, from }: Opening): JsonObject {
  return {
    security_group_id: groupId,
    direction: "ingress",
    ethertype: from.includes(":") ? "IPv6" : "IPv4",
    protocol,
    port_range_min: fromPort,
    port_range_max: toPort,
    remote_ip_prefix: from,
  };
}

function isRuleOf(rule: Rule, { protocol, fromPort, toPort, from }: Opening): boolean {
  return (
    rule.protocol === protocol &&
    rule.port_range_min === fromPort &&
    rule.port_range_max === toPort &&
    (rule.remote_ip_prefix ?? "0.0.0.0/0") === from
  );
}

/** False: something still uses it, such as the port of a machine that is being removed. */
export async function removeGroup(session: Session, id: string): Promise<boolean> {
  try {
    await session.ask({ service: "network", method: "DELETE", path: ["security-groups", id] });
    return true;
  } catch (error) {
    if (statusOf(error) === 409) return false;
    return ignoreGone(error);
  }
}

export async function findPorts(session: Session, serverId: string): Promise<readonly Port[]> {
  const { ports } = await session.ask<{ readonly ports: readonly Port[] }>({
    service: "network",
    method: "GET",
    path: ["ports"],
    query: { device_id: serverId },
  });
  return ports;
}

function ignoreGone(error: unknown): true {
  if (statusOf(error) === 404) return true;
  throw error;
}

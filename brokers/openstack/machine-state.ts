/** What machines are like and what they used; changes nothing. */
import type { Found, Made, Order, Period, Tools, Usage } from "#adapter";
import { type FloatingAddress, listAddresses } from "./addresses.ts";
import type { Cloud, Session } from "./client.ts";
import { readFacts } from "./facts.ts";
import { findGroups, type Group } from "./firewall.ts";
import { readMachinePlan } from "./machine-plan.ts";
import { machineName, readMark, readName } from "./names.ts";
import { findNetworks, findRouters } from "./networks.ts";
import { everySession, sessionToFind } from "./projects.ts";
import { findServers, listKeyPairs, listServers, type Server } from "./servers.ts";
import { findVolumes } from "./volumes.ts";

export async function fetchMachine(cloud: Cloud, order: Order, tools: Tools): Promise<Made | undefined> {
  const { region } = readMachinePlan(order.plan.backend);
  const session = await sessionToFind(cloud, order, readFacts(order), region, tools.signal);
  const [server] = session === undefined ? [] : await findServers(session, machineName(order.instance.id));
  if (session === undefined || server === undefined) return undefined;
  const addresses = Object.values(server.addresses).flatMap((all) => all.map(({ addr }) => addr));
  const flavor = server.flavor.original_name ?? "";
  return {
    metadata: {
      attributes: { server: server.id, status: server.status, flavor, region: session.region, addresses },
    },
  };
}

/** Nova's own count, which goes on for as long as it keeps deleted machines. */
export async function usage(cloud: Cloud, order: Order, period: Period, tools: Tools): Promise<readonly Usage[]> {
  const { region } = readMachinePlan(order.plan.backend);
  const session = await sessionToFind(cloud, order, readFacts(order), region, tools.signal);
  if (session === undefined) return [];
  const name = machineName(order.instance.id);
  const counted = (await serverUsages(session, period)).filter((one) => one.name === name);
  const total = (weight: (one: ServerUsage) => number) =>
    counted.reduce((sum, one) => sum + one.hours * weight(one), 0).toFixed(6);
  return [
    { meter: "machine", quantity: total(() => 1), unit: "Hours", period },
    { meter: "vcpu", quantity: total(({ vcpus }) => vcpus), unit: "vCPU-Hours", period },
    { meter: "memory", quantity: total(({ memory_mb }) => memory_mb / 1024), unit: "GiB-Hours", period },
    { meter: "disk", quantity: total(({ local_gb }) => local_gb), unit: "GB-Hours", period },
  ];
}

interface ServerUsage {
  readonly instance_id: string;
  readonly name: string;
  readonly hours: number;
  readonly vcpus: number;
  readonly memory_mb: number;
  readonly local_gb: number;
}

/** Of all machines of the project, page by page. */
async function serverUsages(session: Session, { from, to }: Period): Promise<readonly ServerUsage[]> {
  const all: ServerUsage[] = [];
  // Nova wants UTC without saying so.
  const [start, end] = [from, to].map((time) => time.toISOString().replace(/Z$/, ""));
  for (let marker: string | undefined; ; marker = all.at(-1)?.instance_id) {
    const { tenant_usage: page } = await session.ask<{
      readonly tenant_usage: { readonly server_usages?: readonly ServerUsage[] };
    }>({
      service: "compute",
      method: "GET",
      path: ["os-simple-tenant-usage", session.projectId],
      query: { start, end, marker },
    });
    all.push(...(page.server_usages ?? []));
    if ((page.server_usages ?? []).length === 0) return all;
  }
}

/** Everything that bears Lotse's names, in all regions and projects of the account. */
export async function inventory(cloud: Cloud, signal: AbortSignal): Promise<readonly Found[]> {
  const regions = await cloud.regions("compute", signal);
  const sessions = (await Promise.all(regions.map((region) => everySession(cloud, region, signal)))).flat();
  const found = await Promise.all(sessions.map(inventoryOf));
  const pairs = await Promise.all(regions.map(async (region) => listKeyPairs(await cloud.session({ region }, signal))));
  return withKeyPairs(found.flat(), pairs.flat());
}

async function inventoryOf(session: Session): Promise<readonly Found[]> {
  const [servers, groups, volumes, addresses, networks, routers] = await Promise.all([
    listServers(session, "lotse-"),
    findGroups(session),
    findVolumes(session),
    listAddresses(session),
    findNetworks(session),
    findRouters(session),
  ]);
  const machines = servers.flatMap((server) => machineFound(server));
  const there = new Set(machines.map(({ id }) => id));
  const parts: Part[] = [
    ...groups.map(({ name, description }) => ({ kind: "security group", name, description })),
    ...volumes.map(({ name, metadata }) => ({ kind: "volume", name, operation: metadata.lotse_operation })),
    ...addresses.map((address) => addressPart(address)),
    ...networks.map(({ name, description }) => ({ kind: "network", name, description })),
    ...routers.map(({ name, description }) => ({ kind: "router", name, description })),
  ];
  return [...machines, ...groups.flatMap((group) => doorFound(group, there)), ...remains(parts, there)];
}

interface Part {
  readonly kind: string;
  readonly name: string | null;
  readonly description?: string | null;
  readonly operation?: string | undefined;
}

function machineFound({ name, metadata }: Server): readonly Found[] {
  const ids = readName(name);
  if (ids === undefined || ids.binding !== undefined) return [];
  const operation = metadata.lotse_operation;
  return [
    { thing: "instance", id: ids.instance, name: `server ${name}`, ...(operation !== undefined && { operation }) },
  ];
}

/** The door of a binding; without its machine it is something left over of the binding. */
function doorFound({ name, description }: Group, machines: ReadonlySet<string>): readonly Found[] {
  const ids = readName(name);
  if (ids?.binding === undefined) return [];
  const operation = readMark(description, "operation");
  return [
    {
      thing: "binding",
      id: ids.binding,
      instance: ids.instance,
      name: `security group ${name}`,
      ...(operation !== undefined && { operation }),
      ...(!machines.has(ids.instance) && { remains: true }),
    },
  ];
}

function addressPart({ floating_ip_address, description }: FloatingAddress): Part {
  const instance = readMark(description, "instance");
  const kind = `floating address ${floating_ip_address} of`;
  return { kind, name: instance === undefined ? null : machineName(instance), description };
}

/** What is there without its machine, once for each machine. */
function remains(parts: readonly Part[], machines: ReadonlySet<string>): readonly Found[] {
  const found = new Map<string, Found>();
  for (const { kind, name, description, operation = readMark(description, "operation") } of parts) {
    const ids = name === null ? undefined : readName(name);
    if (ids === undefined || ids.binding !== undefined || machines.has(ids.instance) || found.has(ids.instance))
      continue;
    found.set(ids.instance, {
      thing: "instance",
      id: ids.instance,
      name: `${kind} ${name}`,
      remains: true,
      ...(operation !== undefined && { operation }),
    });
  }
  return [...found.values()];
}

function withKeyPairs(found: readonly Found[], pairs: readonly string[]): readonly Found[] {
  const there = new Set(found.filter(({ thing }) => thing === "instance").map(({ id }) => id));
  return [
    ...found,
    ...remains(
      pairs.map((name) => ({ kind: "key pair", name })),
      there,
    ),
  ];
}

/** Takes a machine away with all that belongs to it, and any half of it. */
import type { Order, Outcome, Tools } from "#adapter";
import { addressesOf, removeAddress } from "./addresses.ts";
import type { Cloud, Session } from "./client.ts";
import { readFacts } from "./facts.ts";
import { findGroups, removeGroup } from "./firewall.ts";
import { readMachinePlan } from "./machine-plan.ts";
import { machineName, readName } from "./names.ts";
import { removeNetworks } from "./networks.ts";
import { sessionToFind } from "./projects.ts";
import { findServers, removeKeyPair, removeServer } from "./servers.ts";
import { together } from "./together.ts";
import { findVolumes, removeVolume } from "./volumes.ts";

export async function deprovision(cloud: Cloud, order: Order, tools: Tools): Promise<Outcome> {
  const facts = readFacts(order);
  const plan = readMachinePlan(order.plan.backend);
  const session = await sessionToFind(cloud, order, facts, plan.region, tools.signal);
  if (session === undefined) return { state: "done" };
  const ownNetwork = facts.ownNetwork ?? cloud.account.network === undefined;
  const left = await removeAll(session, order.instance.id, ownNetwork);
  if (left === undefined) return { state: "done" };
  return { state: "pending", afterMs: cloud.account.pollMs, note: left };
}

/**
 * One look and all removals that are due. Undefined: nothing is left; else what is being waited for. What the machine uses
 * can be removed only after the machine, so a later call does it.
 */
export async function removeAll(
  session: Session,
  instanceId: string,
  ownNetwork: boolean,
): Promise<string | undefined> {
  const name = machineName(instanceId);
  const servers = await findServers(session, name);
  await together(servers.map(({ id }) => removeServer(session, id)));
  if (servers.length > 0) return "The machine is being removed.";
  const [, volumes, groupsGone] = await together([
    addressesOf(session, instanceId).then((all) => together(all.map(({ id }) => removeAddress(session, id)))),
    removeVolumes(session, name),
    removeGroups(session, instanceId),
    removeKeyPair(session, name),
  ]);
  if (volumes > 0) return "The machine's volume is being removed.";
  if (!groupsGone) return "The machine's firewall is being removed.";
  if (ownNetwork && !(await removeNetworks(session, name))) return "The machine's network is being removed.";
  return undefined;
}

/** How many there still are. */
async function removeVolumes(session: Session, name: string): Promise<number> {
  const volumes = await findVolumes(session, name);
  const due = volumes.filter(({ status }) => status !== "deleting");
  await together(due.map(({ id }) => removeVolume(session, id)));
  return volumes.length;
}

/** The machine's own group, and the doors of its bindings. */
async function removeGroups(session: Session, instanceId: string): Promise<boolean> {
  const groups = (await findGroups(session)).filter(({ name }) => readName(name)?.instance === instanceId);
  const gone = await together(groups.map(({ id }) => removeGroup(session, id)));
  return gone.every(Boolean);
}

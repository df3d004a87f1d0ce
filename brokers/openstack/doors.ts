/**
 * The doors of a machine: a security group for each binding, on the machine's port.
 *
 * A port has one list of groups, and whoever changes it writes the whole of it. Neutron of Zed compares If-Match before it
 * writes and not while it does, so two who change the list at once may each undo the other's. Therefore nobody adds or removes
 * one door: the list is made of the doors that are there, and whoever wrote it looks again. The last to write sees all doors,
 * and so the list is right whenever nobody is at work on it.
 */
import { statusOf } from "./answers.ts";
import type { Session } from "./client.ts";
import { findGroups, findPorts, type Group, type Port } from "./firewall.ts";
import { readName } from "./names.ts";
import { together } from "./together.ts";

/** So often is the list written again when others keep changing it. */
const mostLooks = 10;

export interface Settled {
  readonly ports: readonly Port[];
  /** All doors of the machine, oldest first. */
  readonly doors: readonly Group[];
}

/**
 * Puts the machine's ports into its open doors and into no shut ones; their other groups stay. A door is open if it lets
 * somebody in, and of two with one name the older counts.
 */
export async function settleDoors(session: Session, instanceId: string, serverId: string): Promise<Settled> {
  for (let looks = 1; looks <= mostLooks; looks++) {
    const [groups, ports] = await together([findGroups(session), findPorts(session, serverId)]);
    const doors = groups.filter(({ name }) => isDoorOf(instanceId, name));
    const ids = new Set(doors.map(({ id }) => id));
    const open = doors.filter((door) => isOpen(door) && doors.find(({ name }) => name === door.name) === door);
    let settled = true;
    for (const port of ports) {
      const wanted = [...port.security_groups.filter((id) => !ids.has(id)), ...open.map(({ id }) => id)];
      if (isSame(wanted, port.security_groups)) continue;
      settled = false;
      await putInto(session, port, wanted);
    }
    if (settled) return { ports, doors };
  }
  throw new Error("The machine's firewall is being changed by others all the time.");
}

function isDoorOf(instanceId: string, name: string): boolean {
  const read = readName(name);
  return read?.instance === instanceId && read.binding !== undefined;
}

function isOpen({ security_group_rules: rules }: Group): boolean {
  return rules.some(({ direction }) => direction === "ingress");
}

function isSame(some: readonly string[], others: readonly string[]): boolean {
  return some.length === others.length && some.every((id) => others.includes(id));
}

/** Leaves it as it is where the port (412) or one of the groups (404) was changed since: whoever calls looks again. */
async function putInto(session: Session, port: Port, groups: readonly string[]): Promise<void> {
  try {
    await session.ask({
      service: "network",
      method: "PUT",
      path: ["ports", port.id],
      headers: { "if-match": `revision_number=${port.revision_number}` },
      body: { port: { security_groups: groups } },
    });
  } catch (error) {
    const status = statusOf(error);
    if (status !== 412 && status !== 404) throw error;
  }
}

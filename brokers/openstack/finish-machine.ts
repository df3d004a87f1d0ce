/** The last things about a machine that is up: its address, and what a second call at the same time made too many of. */
import type { Order } from "#adapter";
import { addressesOf, attachAddress, makeAddress, removeAddress } from "./addresses.ts";
import type { Cloud, Session } from "./client.ts";
import { findGroups, findPorts, removeGroup } from "./firewall.ts";
import { describeMarks } from "./names.ts";
import { externalNetworkId } from "./networks.ts";
import type { Server } from "./servers.ts";
import { together } from "./together.ts";
import { findVolumes, removeVolume } from "./volumes.ts";

/** One group of that name stays: the one the machine is in. */
export async function settleGroups(session: Session, name: string, server: Server): Promise<void> {
  const groups = await findGroups(session, name);
  if (groups.length < 2) return;
  const used = new Set((await findPorts(session, server.id)).flatMap((port) => port.security_groups));
  await together(groups.filter(({ id }) => !used.has(id)).map(({ id }) => removeGroup(session, id)));
}

/** One volume of that name stays: the one the machine has booted from. */
export async function settleVolumes(session: Session, name: string): Promise<void> {
  const volumes = await findVolumes(session, name);
  if (volumes.length < 2) return;
  const spare = volumes.filter(({ status }) => status !== "in-use" && status !== "attaching");
  await together(spare.map(({ id }) => removeVolume(session, id)));
}

/** The machine has a floating address, or none, as wished. */
export async function settleAddress(
  cloud: Cloud,
  session: Session,
  order: Order,
  server: Server,
  wished: boolean,
): Promise<void> {
  // A cloud whose account names no outside network never gave one.
  if (!wished && cloud.account.externalNetwork === undefined) return;
  const [kept, ...spare] = await addressesOf(session, order.instance.id);
  const leaving = wished ? spare : [kept, ...spare].filter((one) => one !== undefined);
  await together(leaving.map(({ id }) => removeAddress(session, id)));
  if (!wished || (kept !== undefined && kept.port_id !== null)) return;
  const [port] = await findPorts(session, server.id);
  if (port === undefined) throw new Error("The machine has no port yet.");
  if (kept !== undefined) await attachAddress(session, kept.id, port.id);
  else {
    const outside = await externalNetworkId(session, cloud.account);
    await makeAddress(session, outside, port.id, describeMarks(order));
  }
}

/** Floating addresses: those of a machine are found by the marks in their description, as they have no names. */
import { statusOf } from "./answers.ts";
import type { Session } from "./client.ts";
import { readMark } from "./names.ts";
import { oldestFirst } from "./oldest.ts";

export interface FloatingAddress {
  readonly id: string;
  readonly floating_ip_address: string;
  readonly description: string;
  readonly port_id: string | null;
  readonly created_at: string;
}

/** Of the project, oldest first. */
export async function listAddresses(session: Session): Promise<readonly FloatingAddress[]> {
  const { floatingips } = await session.ask<{ readonly floatingips: readonly FloatingAddress[] }>({
    service: "network",
    method: "GET",
    path: ["floatingips"],
    query: { project_id: session.projectId },
  });
  return oldestFirst(floatingips, ({ created_at }) => created_at);
}

export async function addressesOf(session: Session, instanceId: string): Promise<readonly FloatingAddress[]> {
  return (await listAddresses(session)).filter(({ description }) => readMark(description, "instance") === instanceId);
}

export async function makeAddress(
  session: Session,
  networkId: string,
  portId: string,
  description: string,
): Promise<FloatingAddress> {
  const { floatingip } = await session.ask<{ readonly floatingip: FloatingAddress }>({
    service: "network",
    method: "POST",
    path: ["floatingips"],
    body: { floatingip: { floating_network_id: networkId, port_id: portId, description } },
  });
  return floatingip;
}

export async function attachAddress(session: Session, id: string, portId: string): Promise<void> {
  await session.ask({
    service: "network",
    method: "PUT",
    path: ["floatingips", id],
    body: { floatingip: { port_id: portId } },
  });
}

export async function removeAddress(session: Session, id: string): Promise<void> {
  await session.ask({ service: "network", method: "DELETE", path: ["floatingips", id] }).catch((error: unknown) => {
    if (statusOf(error) !== 404) throw error;
  });
}

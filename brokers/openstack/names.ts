/** Names and marks of what is made: all derive from Lotse's own ids, so that everything is found again. */
import { createHash } from "node:crypto";
import type { Order } from "#adapter";

/** Of the server, its security group, key pair, boot volume, network and router. */
export function machineName(instanceId: string): string {
  return `lotse-${instanceId}`;
}

/** Of the security group that opens the door for one binding. */
export function doorName(instanceId: string, bindingId: string): string {
  return `lotse-${instanceId}-${bindingId}`;
}

/** Of a container of objects; also a name that S3 takes for a bucket. */
export function containerName(instanceId: string): string {
  return `lotse-${instanceId}`;
}

/** Where Swift's S3 API keeps the parts of a bucket's multipart uploads. */
export function partsName(instanceId: string): string {
  return `${containerName(instanceId)}+segments`;
}

/** Of the user of one binding. */
export function userName(instanceId: string, bindingId: string): string {
  return `lotse-${instanceId}-${bindingId}`;
}

/** Lotse's ids in such a name; undefined: it is none of ours. */
export function readName(name: string): { readonly instance: string; readonly binding?: string } | undefined {
  const parts = /^lotse-([0-9a-z]{26})(?:-([0-9a-z]{26}))?$/.exec(name);
  if (parts?.[1] === undefined) return undefined;
  return { instance: parts[1], ...(parts[2] !== undefined && { binding: parts[2] }) };
}

/** Of an organisation's project: readable, short enough for Keystone, and different for different organisations. */
export function projectName(organization: string): string {
  const readable = organization.replace(/[^A-Za-z0-9]+/g, "-").slice(0, 30);
  return `lotse-${readable}-${createHash("sha256").update(organization).digest("hex").slice(0, 12)}`;
}

/** Metadata of servers and volumes. */
export function marksOf({ instance, token }: Order): Readonly<Record<string, string>> {
  return {
    lotse_instance: instance.id,
    lotse_operation: token,
    ...(instance.organization !== undefined && { lotse_organization: markable(instance.organization) }),
    ...(instance.space !== undefined && { lotse_space: markable(instance.space) }),
  };
}

/** The same for what has a description only, such as networks, security groups and floating addresses. */
export function describeMarks(order: Order): string {
  const marks = Object.entries(marksOf(order)).map(([name, value]) => `${name}=${value}`);
  return marks.join(" ").slice(0, 255);
}

/** What a description says, as far as it is ours. */
export function readMark(description: string | null | undefined, name: string): string | undefined {
  return new RegExp(`(?:^| )lotse_${name}=([0-9a-z]{26})(?: |$)`).exec(description ?? "")?.[1];
}

/** Organisations and spaces are any text of the platform; OpenStack takes 255 characters, and no control characters. */
function markable(value: string): string {
  return value.replace(/[^\x20-\x7e\u00a0-\ud7ff\ue000-\uffff]/g, "?").slice(0, 255);
}

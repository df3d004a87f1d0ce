/** What things are called at AWS, and the tags they carry. Names derive from Lotse's own ids only. */
import type { Order } from "#adapter";

const prefix = "lotse-";

/** A DB instance identifier: at most 63 lower-case letters, digits and single hyphens. */
export function serverName(instanceId: string): string {
  return `${prefix}${instanceId}`;
}

/** Of a removal, so that another removal after a failed one never meets the first one's snapshot. */
export function snapshotName(instanceId: string, token: string): string {
  return `${prefix}${instanceId}-${token}`;
}

/** Lotse's id of the instance; undefined: the server is none of ours. */
export function readServerName(name: string): string | undefined {
  return /^lotse-([0-9a-z]{26})$/.exec(name)?.[1];
}

/** AWS allows 50 tags; these are for people who look at the account, and for inventories. */
export const operationTag = "lotse-operation";
export const instanceTag = "lotse-instance";

export function tagsFor(order: Order): ReadonlyMap<string, string> {
  const { id, platformInstanceId, organization, space } = order.instance;
  const tags = new Map([
    [instanceTag, id],
    ["lotse-platform-instance", platformInstanceId],
    ["lotse-organization", organization ?? ""],
    ["lotse-space", space ?? ""],
    [operationTag, order.token],
  ]);
  return new Map([...tags].map(([key, value]) => [key, tagValue(value)]));
}

/** Each binding is a tag of its server, as the API does not show the roles inside a database. */
export function bindingTag(bindingId: string): string {
  return `lotse-binding-${bindingId}`;
}

export function readBindingTag(key: string): string | undefined {
  return /^lotse-binding-([0-9a-z]{26})$/.exec(key)?.[1];
}

// Of the 50 tags, some are kept for those above and for tags that the account's owners add.
export const mostBindings = 40;

/** What AWS allows in a tag, 256 characters of it; anything else a platform sends becomes an underscore. */
function tagValue(value: string): string {
  return value.replaceAll(/[^\p{L}\p{Z}\p{N}_.:/=+\-@]/gu, "_").slice(0, 256);
}

/** What things are called, and the tags they carry. Names derive from Lotse's own ids only. */
import type { Order } from "#adapter";

const id = "[0-9a-z]{26}";

/** At most 63 lower-case letters, digits and hyphens, unlike any other in the world. */
export function bucketName(instanceId: string): string {
  return `lotse-${instanceId}`;
}

/** Lotse's id of the instance; undefined: the bucket is none of ours. */
export function readBucketName(name: string): string | undefined {
  return new RegExp(`^lotse-(${id})$`).exec(name)?.[1];
}

/** Of a binding; IAM allows 64 characters. */
export function userName(instanceId: string, bindingId: string): string {
  return `lotse-${instanceId}-${bindingId}`;
}

export function readUserName(name: string): { readonly instance: string; readonly binding: string } | undefined {
  const [, instance, binding] = new RegExp(`^lotse-(${id})-(${id})$`).exec(name) ?? [];
  return instance === undefined || binding === undefined ? undefined : { instance, binding };
}

export type Tags = readonly { readonly Key: string; readonly Value: string }[];

/** For people who look at the account; buckets and users carry the same. */
export function tagsFor(order: Order): Tags {
  const { id, platformInstanceId, organization = "", space = "" } = order.instance;
  const tags = {
    "lotse-instance": id,
    "lotse-platform-instance": platformInstanceId,
    "lotse-organization": organization,
    "lotse-space": space,
    "lotse-operation": order.token,
  };
  return Object.entries(tags).map(([Key, value]) => ({ Key, Value: tagValue(value) }));
}

/** What AWS allows in a tag, 256 characters of it; anything else a platform sends becomes an underscore. */
function tagValue(value: string): string {
  return value.replaceAll(/[^\p{L}\p{Z}\p{N}_.:/=+\-@]/gu, "_").slice(0, 256);
}

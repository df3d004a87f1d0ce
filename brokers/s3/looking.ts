/** What is there, what it holds and whether the account works: nothing here changes anything. */
import type { Found, Made, Order, Tools, Usage } from "#adapter";
import { codeOf } from "./errors.ts";
import { bucketName, readBucketName, readUserName } from "./names.ts";
import type { Provider } from "./provider.ts";

export async function fetchBucket({ buckets }: Provider, order: Order, tools: Tools): Promise<Made | undefined> {
  const bucket = bucketName(order.instance.id);
  return (await buckets.exists(bucket, tools.signal)) ? { metadata: { attributes: { bucket } } } : undefined;
}

/** What there is at the moment, older versions included. Ceph keeps count; elsewhere everything is listed and added up. */
export async function usage(provider: Provider, order: Order, tools: Tools): Promise<readonly Usage[]> {
  const held = await measure(provider, bucketName(order.instance.id), tools.signal);
  if (held === undefined) return [];
  const now = tools.now();
  const period = { from: now, to: now };
  return [
    { meter: "stored", quantity: (held.bytes / 1e9).toFixed(9), unit: "GB", period },
    { meter: "objects", quantity: String(held.objects), unit: "Objects", period },
  ];
}

async function measure({ buckets, askCeph }: Provider, bucket: string, signal: AbortSignal) {
  if (askCeph === undefined) return buckets.measure(bucket, signal);
  const stats = (await askCeph("GET", "bucket", { bucket, stats: "true" }, signal)) as Stats | undefined;
  if (stats === undefined) return undefined;
  const { size = 0, num_objects: objects = 0 } = stats.usage?.["rgw.main"] ?? {};
  return { bytes: size, objects };
}

interface Stats {
  readonly usage?: { readonly "rgw.main"?: { readonly size?: number; readonly num_objects?: number } };
}

/** Buckets and users by their names. */
export async function inventory({ buckets, keys }: Provider, signal: AbortSignal): Promise<readonly Found[]> {
  const names = await buckets.list(signal);
  const users = (await keys?.list(undefined, signal)) ?? [];
  return [
    ...names.flatMap((name): Found[] => {
      const id = readBucketName(name);
      return id === undefined ? [] : [{ thing: "instance", id, name: `bucket ${name}` }];
    }),
    ...users.flatMap((user): Found[] => {
      const { instance, binding: id } = readUserName(user) ?? {};
      return id === undefined || instance === undefined
        ? []
        : [{ thing: "binding", id, instance, name: `user ${user}` }];
    }),
  ];
}

/** Undefined, or what is wrong and what to do. */
export async function check({ account, buckets, keys }: Provider, signal: AbortSignal): Promise<string | undefined> {
  const where = account.endpoint ?? `S3 at AWS in ${account.region}`;
  const advice = "The rights it needs are in brokers/s3/README.md.";
  try {
    await buckets.list(signal);
  } catch (error) {
    return `${where} cannot be used with the access key ${account.accessKeyId}: ${codeOf(error)}. ${advice}`;
  }
  try {
    await keys?.list(undefined, signal);
    return undefined;
  } catch (error) {
    return `Users cannot be listed with the access key ${account.accessKeyId}: ${codeOf(error)}. ${advice}`;
  }
}

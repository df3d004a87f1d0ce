/** Gives and takes back access: a user with a key of its own for every binding, limited to the bucket. */
import type { BindingOrder, Made, Outcome, Tools } from "#adapter";
import { refusalOf } from "./errors.ts";
import { vanished } from "./instance.ts";
import type { Keys } from "./keys.ts";
import { bucketName, userName } from "./names.ts";
import { levelOf, policyFor } from "./policies.ts";
import type { Provider } from "./provider.ts";
import { readBackend } from "./settings.ts";

export async function bind(provider: Provider, keys: Keys, order: BindingOrder, tools: Tools): Promise<Outcome> {
  const { account, buckets } = provider;
  const bucket = bucketName(order.instance.id);
  if (!(await buckets.exists(bucket, tools.signal))) return vanished(!order.repeated);
  try {
    const { keepVersions } = readBackend(order.plan.backend);
    const key = await keys.give(order, policyFor(bucket, levelOf(order), keepVersions), tools);
    // IAM takes some seconds until a new key and its policy are known everywhere.
    if (!(await buckets.opens(bucket, key, tools.signal)))
      return { state: "pending", afterMs: account.pollMs, note: "The new key is made, and not yet known everywhere." };
    const { region, pathStyle } = account;
    const endpoint = account.endpoint ?? `https://s3.${region}.amazonaws.com`;
    const { hostname, port } = new URL(endpoint);
    return {
      state: "done",
      made: {
        access: {
          credentials: { endpoint, region, bucket, pathStyle, ...key },
          endpoints: [{ host: hostname, ports: [port || (endpoint.startsWith("https:") ? "443" : "80")] }],
        },
      },
    };
  } catch (error) {
    return refusalOf(error, tools, false) ?? Promise.reject(error);
  }
}

export async function unbind(keys: Keys, order: BindingOrder, tools: Tools): Promise<Outcome> {
  await keys.take(userName(order.instance.id, order.binding.id), tools.signal);
  return { state: "done" };
}

export async function fetchBinding(keys: Keys, order: BindingOrder, tools: Tools): Promise<Made | undefined> {
  const user = userName(order.instance.id, order.binding.id);
  return (await keys.exists(user, tools.signal)) ? { metadata: { attributes: { user } } } : undefined;
}

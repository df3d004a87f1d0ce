/** What is there, what it used and whether the account works: nothing here changes anything. */
import type { Found, Made, Order, Period, Tools, Usage } from "#adapter";
import type { Provider } from "./instance.ts";
import { operationTag, readBindingTag, readServerName, serverName } from "./names.ts";
import type { DatabaseServer } from "./rds.ts";
import { isError } from "./rds.ts";

export async function fetchInstance({ rds }: Provider, order: Order, { signal }: Tools): Promise<Made | undefined> {
  const server = await rds.find(serverName(order.instance.id), signal);
  if (server === undefined) return undefined;
  const { status, instanceClass, storageGb, engineVersion } = server;
  return { metadata: { attributes: { status, instanceClass, storageGb, engineVersion } } };
}

/** Servers by their names, bindings by their servers' tags. */
export async function inventory({ rds }: Provider, signal: AbortSignal): Promise<readonly Found[]> {
  return (await rds.list(signal)).flatMap(thingsOf);
}

function thingsOf(server: DatabaseServer): readonly Found[] {
  const id = readServerName(server.name);
  if (id === undefined) return [];
  const operation = server.tags.get(operationTag);
  const bindings = [...server.tags].flatMap(([key, token]): Found[] => {
    const binding = readBindingTag(key);
    if (binding === undefined) return [];
    return [{ thing: "binding", id: binding, instance: id, name: `tag ${key} of ${server.name}`, operation: token }];
  });
  const found: Found = { thing: "instance", id, name: `RDS instance ${server.name}`, ...(operation && { operation }) };
  return [found, ...bindings];
}

/** Server hours since it was made, and what it has of storage now; see the README for what AWS does not tell. */
export async function usage(
  { rds }: Provider,
  order: Order,
  period: Period,
  { signal, now }: Tools,
): Promise<readonly Usage[]> {
  const server = await rds.find(serverName(order.instance.id), signal);
  if (server === undefined) return [];
  const moment = now();
  const stored: Usage = {
    meter: "storage",
    quantity: String(server.storageGb),
    unit: "GB",
    period: { from: moment, to: moment },
  };
  if (server.createdAt === undefined) return [stored];
  const from = new Date(Math.max(period.from.getTime(), server.createdAt.getTime()));
  const to = new Date(Math.min(period.to.getTime(), moment.getTime()));
  if (from >= to) return [stored];
  const hours = (to.getTime() - from.getTime()) / 3_600_000;
  return [{ meter: "server", quantity: hours.toFixed(6), unit: "Hours", period: { from, to } }, stored];
}

// Two hyphens in a row: AWS has no such server and makes none, yet it looks at the rights first.
const impossible = "lotse--check";

/** Undefined, or what is wrong and what to do. Rights are tried on a server that cannot exist. */
export async function check({ account, rds }: Provider, signal: AbortSignal): Promise<string | undefined> {
  try {
    const [ours] = await rds.list(signal);
    const arn = (ours?.arn ?? `arn:aws:rds:${account.region}:000000000000:db:`).replace(/[^:]*$/, impossible);
    const tries = {
      "rds:CreateDBInstance": () =>
        rds.create(
          {
            DBInstanceIdentifier: impossible,
            Engine: "postgres",
            DBInstanceClass: "db.t4g.micro",
            AllocatedStorage: 20,
            MasterUsername: "lotse",
            MasterUserPassword: "never-used",
          },
          signal,
        ),
      "rds:ModifyDBInstance": () => rds.modify({ DBInstanceIdentifier: impossible }, signal),
      "rds:DeleteDBInstance": () => rds.remove(impossible, undefined, signal),
      "rds:AddTagsToResource": () => rds.tag(arn, new Map([["lotse-instance", "check"]]), signal),
      "rds:RemoveTagsFromResource": () => rds.untag(arn, "lotse-instance", signal),
    };
    const missing: string[] = [];
    for (const [action, call] of Object.entries(tries))
      await call().catch((error: unknown) => {
        if (isError(error, "AccessDenied", "AccessDeniedException")) missing.push(action);
        else if (!isRefusal(error)) throw error;
      });
    if (missing.length === 0) return undefined;
    return `The AWS account's user lacks ${missing.join(", ")}. Give it the policy in brokers/aws/README.md.`;
  } catch (error) {
    const where = account.endpoint ?? `RDS in ${account.region}`;
    return `${where} cannot be used with the access key ${account.accessKeyId}: ${reasonOf(error)}. The policy it needs is in brokers/aws/README.md.`;
  }
}

/** AWS understood, allowed, and found nothing to do it with. */
function isRefusal(error: unknown): boolean {
  const { $metadata } = error as { readonly $metadata?: { readonly httpStatusCode?: number } };
  const status = $metadata?.httpStatusCode ?? 0;
  return (
    status >= 400 && status < 500 && !isError(error, "InvalidClientTokenId", "SignatureDoesNotMatch", "Throttling")
  );
}

/** AWS's code, or the network's; never its text, which may repeat what it was sent. */
function reasonOf(error: unknown): string {
  const { code, name } = error as { readonly code?: unknown; readonly name?: unknown };
  return String(code ?? name ?? "no answer");
}

/**
 * Makes, changes and removes database servers. Every verb looks at what is there and takes the one step that is due; as
 * the name derives from the instance, no handle is needed to find it again.
 *
 * | what is there        | provision                 | update                        | deprovision            |
 * | -------------------- | ------------------------- | ----------------------------- | ---------------------- |
 * | nothing              | create, then wait         | failed: it vanished           | done                   |
 * | on its way           | wait                      | wait                          | remove, or wait        |
 * | ready, as it was     | set the database up, done | modify, then wait             | remove, then wait      |
 * | ready, as wanted     |                           | set the database's limits, done |                      |
 * | being deleted        | unknown                   | failed: it vanished           | wait                   |
 * | in need of a person  | failed                    | failed                        | remove, then wait      |
 */
import type { Order, Outcome, Tools, UpdateOrder } from "#adapter";
import {
  provision as provisionDatabase,
  refusalOf,
  update as updateDatabase,
  vanished,
} from "../postgresql/instance.ts";
import { type Facts, insideOrder, masterUser, openServer, readFacts } from "./inside.ts";
import { instanceTag, operationTag, serverName, snapshotName, tagsFor } from "./names.ts";
import { type DatabaseServer, isError, type Rds, tagList } from "./rds.ts";
import { type Account, type Backend, readBackend } from "./settings.ts";
import { isReady, noteOfStatus, reasonOfStatus, refusedByAws } from "./words.ts";

export interface Provider {
  readonly account: Account;
  readonly rds: Rds;
}

export async function provision(provider: Provider, order: Order, tools: Tools): Promise<Outcome> {
  const { account, rds } = provider;
  const inside = insideOrder(order);
  // Before a server is made that costs money.
  const refusal = refusalOf(inside);
  if (refusal !== undefined) return refusal;
  const facts = readFacts(order.instance.facts) ?? { password: tools.secret("master"), ready: false };
  const server = await rds.find(serverName(order.instance.id), tools.signal);
  if (server === undefined) return create(provider, order, tools, facts);
  // Nobody else chooses such a name; but if, then a stranger's data is not ours to hand out.
  if (server.tags.size > 0 && server.tags.get(instanceTag) !== order.instance.id)
    throw new Error(`The server ${server.name} does not carry this instance's tag.`);
  if (server.status === "deleting") throw new Error(`The server ${server.name} is being deleted.`);
  const reason = reasonOfStatus(server.status);
  if (reason !== undefined) return { state: "failed", reason, clean: false };
  if (!isReady(server.status) || server.endpoint === undefined) return pending(account, server.status, facts);
  const outcome = await provisionDatabase(openServer(account, server.endpoint, facts.password), inside, tools);
  return outcome.state === "done" ? { state: "done", made: { facts: { ...facts, ready: true } } } : outcome;
}

async function create(provider: Provider, order: Order, tools: Tools, facts: Facts): Promise<Outcome> {
  const { account, rds } = provider;
  const backend = readBackend(order.plan.backend);
  try {
    const made = await rds.create(
      {
        DBInstanceIdentifier: serverName(order.instance.id),
        Engine: "postgres",
        EngineVersion: backend.engineVersion,
        DBInstanceClass: backend.instanceClass,
        AllocatedStorage: backend.storageGb,
        StorageType: backend.storageType,
        StorageEncrypted: true,
        MultiAZ: backend.multiAz,
        BackupRetentionPeriod: backend.backupDays,
        CopyTagsToSnapshot: true,
        MasterUsername: masterUser,
        MasterUserPassword: facts.password,
        PubliclyAccessible: account.publiclyAccessible,
        Tags: tagList(tagsFor(order)),
        ...(account.subnetGroup !== undefined && { DBSubnetGroupName: account.subnetGroup }),
        ...(account.securityGroups !== undefined && { VpcSecurityGroupIds: [...account.securityGroups] }),
        ...(account.kmsKey !== undefined && { KmsKeyId: account.kmsKey }),
      },
      tools.signal,
    );
    return pending(account, made.status, facts);
  } catch (error) {
    // Made by a call whose answer was lost; AWS may show it a moment later.
    if (isError(error, "DBInstanceAlreadyExistsFault")) return pending(account, "creating", facts);
    return refusedByAws(error, tools, { clean: !order.repeated }) ?? Promise.reject(error);
  }
}

export async function update(provider: Provider, order: UpdateOrder, tools: Tools): Promise<Outcome> {
  const { account, rds } = provider;
  const inside = insideOrder(order);
  const refusal = refusalOf(inside);
  if (refusal !== undefined) return refusal;
  const facts = readFacts(order.instance.facts);
  const server = await rds.find(serverName(order.instance.id), tools.signal);
  if (server === undefined || server.status === "deleting" || facts === undefined) return vanished;
  const reason = server.status === "storage-full" ? undefined : reasonOfStatus(server.status);
  if (reason !== undefined) return { state: "failed", reason, clean: true, usable: false };
  const backend = readBackend(order.plan.backend);
  if (backend.storageGb < server.storageGb)
    return {
      state: "failed",
      reason: `Storage at AWS cannot shrink: there are ${server.storageGb} GB, this plan has ${backend.storageGb}. Choose a plan with as much.`,
      clean: true,
      repeatable: false,
    };
  const canChange = isReady(server.status) || server.status === "storage-full";
  if (!canChange || server.pending) return pending(account, server.pending ? "modifying" : server.status);
  const changes = changesFor(server, backend);
  if (changes !== undefined) return change(provider, server, changes, order, tools);
  if (server.endpoint === undefined) return pending(account, server.status);
  return updateDatabase(openServer(account, server.endpoint, facts.password), inside, tools);
}

type Changes = Partial<
  Readonly<{ DBInstanceClass: string; AllocatedStorage: number; MultiAZ: boolean; BackupRetentionPeriod: number }>
>;

/** Undefined: the server is as the plan says. */
function changesFor(server: DatabaseServer, backend: Backend): Changes | undefined {
  const changes: Changes = {
    ...(backend.instanceClass !== server.instanceClass && { DBInstanceClass: backend.instanceClass }),
    ...(backend.storageGb !== server.storageGb && { AllocatedStorage: backend.storageGb }),
    ...(backend.multiAz !== server.multiAz && { MultiAZ: backend.multiAz }),
    ...(backend.backupDays !== server.backupDays && { BackupRetentionPeriod: backend.backupDays }),
  };
  return Object.keys(changes).length > 0 ? changes : undefined;
}

async function change(
  { account, rds }: Provider,
  server: DatabaseServer,
  changes: Changes,
  order: UpdateOrder,
  tools: Tools,
): Promise<Outcome> {
  try {
    if (server.tags.get(operationTag) !== order.token)
      await rds.tag(server.arn, new Map([[operationTag, order.token]]), tools.signal);
    await rds.modify({ DBInstanceIdentifier: server.name, ApplyImmediately: true, ...changes }, tools.signal);
    return pending(account, "modifying");
  } catch (error) {
    // An earlier change, or this one by a call whose answer was lost, is still going on.
    if (isError(error, "InvalidDBInstanceStateFault")) return pending(account, server.status);
    return refusedByAws(error, tools, { clean: !order.repeated }) ?? Promise.reject(error);
  }
}

export async function deprovision(provider: Provider, order: Order, tools: Tools): Promise<Outcome> {
  const { account, rds } = provider;
  const { finalSnapshot } = readBackend(order.plan.backend);
  const name = serverName(order.instance.id);
  const server = await rds.find(name, tools.signal);
  if (server === undefined) return { state: "done" };
  if (server.status === "deleting") return pending(account, "deleting");
  // What was never finished holds nobody's data, and a server in need of a person cannot make a snapshot any more.
  const keep = finalSnapshot && (readFacts(order.instance.facts)?.ready ?? false);
  const possible = reasonOfStatus(server.status) === undefined || server.status === "storage-full";
  try {
    await rds.remove(name, keep && possible ? snapshotName(order.instance.id, order.token) : undefined, tools.signal);
    return pending(account, "deleting");
  } catch (error) {
    if (isError(error, "DBInstanceNotFoundFault")) return { state: "done" };
    // Busy with something else, or already being deleted by a call whose answer was lost.
    if (isError(error, "InvalidDBInstanceStateFault", "DBSnapshotAlreadyExistsFault"))
      return pending(account, server.status);
    return refusedByAws(error, tools, { clean: false }) ?? Promise.reject(error);
  }
}

function pending({ pollMs: afterMs }: Account, status: string, facts?: Facts): Outcome {
  return { state: "pending", note: noteOfStatus(status), afterMs, ...(facts && { made: { facts: { ...facts } } }) };
}

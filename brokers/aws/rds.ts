/** What is said to the RDS API, by AWS's own client. Every call is one request; errors are the client's. */
import { Agent } from "node:https";
import type { CreateDBInstanceCommandInput, DBInstance, ModifyDBInstanceCommandInput } from "@aws-sdk/client-rds";
import type { Account } from "./settings.ts";

/** A database server as AWS tells of it. */
export interface DatabaseServer {
  readonly name: string;
  readonly arn: string;
  readonly status: string;
  /** Absent until the server is ready. */
  readonly endpoint?: { readonly host: string; readonly port: number };
  readonly instanceClass: string;
  readonly storageGb: number;
  readonly engineVersion: string;
  readonly multiAz: boolean;
  readonly backupDays: number;
  /** What has been asked for and is not yet so. */
  readonly pending: boolean;
  readonly createdAt?: Date;
  readonly tags: ReadonlyMap<string, string>;
}

export interface Rds {
  /** Undefined: there is no such server. */
  find(name: string, signal: AbortSignal): Promise<DatabaseServer | undefined>;
  /** All servers of the account in this region. */
  list(signal: AbortSignal): Promise<readonly DatabaseServer[]>;
  create(input: CreateDBInstanceCommandInput, signal: AbortSignal): Promise<DatabaseServer>;
  modify(input: ModifyDBInstanceCommandInput, signal: AbortSignal): Promise<void>;
  /** Without a snapshot's name, nothing is kept. */
  remove(name: string, snapshot: string | undefined, signal: AbortSignal): Promise<void>;
  tag(arn: string, tags: ReadonlyMap<string, string>, signal: AbortSignal): Promise<void>;
  untag(arn: string, key: string, signal: AbortSignal): Promise<void>;
  close(): void;
}

/** The client is loaded here, as a start of Lotse without AWS accounts need not wait for it. */
export async function openRds(account: Account): Promise<Rds> {
  const sdk = await import("@aws-sdk/client-rds");
  const client = new sdk.RDSClient({
    region: account.region,
    credentials: { accessKeyId: account.accessKeyId, secretAccessKey: account.secretAccessKey },
    // Throttling is waited for by AWS's own rules; what is still refused then, the engine tries again later.
    retryMode: "standard",
    maxAttempts: account.attempts,
    requestHandler: {
      connectionTimeout: account.connectTimeoutMs,
      requestTimeout: account.requestTimeoutMs,
      throwOnRequestTimeout: true,
      ...(account.ca !== undefined && { httpsAgent: new Agent({ ca: account.ca, keepAlive: true }) }),
    },
    ...(account.endpoint !== undefined && { endpoint: account.endpoint }),
  });
  return {
    async find(name, abortSignal) {
      abortSignal.throwIfAborted();
      try {
        const answer = await client.send(new sdk.DescribeDBInstancesCommand({ DBInstanceIdentifier: name }), {
          abortSignal,
        });
        return answer.DBInstances?.map(serverOf)[0];
      } catch (error) {
        if (isError(error, "DBInstanceNotFoundFault")) return undefined;
        throw error;
      }
    },
    async list(abortSignal) {
      abortSignal.throwIfAborted();
      const servers: DatabaseServer[] = [];
      for await (const page of sdk.paginateDescribeDBInstances({ client }, {}, { abortSignal }))
        servers.push(...(page.DBInstances ?? []).map(serverOf));
      return servers;
    },
    async create(input, abortSignal) {
      const answer = await client.send(new sdk.CreateDBInstanceCommand(input), { abortSignal });
      return serverOf(answer.DBInstance ?? {});
    },
    async modify(input, abortSignal) {
      await client.send(new sdk.ModifyDBInstanceCommand(input), { abortSignal });
    },
    async remove(name, snapshot, abortSignal) {
      const keep =
        snapshot === undefined
          ? { SkipFinalSnapshot: true }
          : { SkipFinalSnapshot: false, FinalDBSnapshotIdentifier: snapshot };
      const input = { DBInstanceIdentifier: name, DeleteAutomatedBackups: true, ...keep };
      await client.send(new sdk.DeleteDBInstanceCommand(input), { abortSignal });
    },
    async tag(arn, tags, abortSignal) {
      const input = { ResourceName: arn, Tags: tagList(tags) };
      await client.send(new sdk.AddTagsToResourceCommand(input), { abortSignal });
    },
    async untag(arn, key, abortSignal) {
      await client.send(new sdk.RemoveTagsFromResourceCommand({ ResourceName: arn, TagKeys: [key] }), { abortSignal });
    },
    close: () => client.destroy(),
  };
}

export function tagList(tags: ReadonlyMap<string, string>): { Key: string; Value: string }[] {
  return [...tags].map(([Key, Value]) => ({ Key, Value }));
}

/** Whether AWS answered with one of these codes. */
export function isError(error: unknown, ...names: readonly string[]): boolean {
  return error instanceof Error && names.includes(error.name);
}

function serverOf(instance: DBInstance): DatabaseServer {
  const { Address: host, Port: port } = instance.Endpoint ?? {};
  return {
    name: instance.DBInstanceIdentifier ?? "",
    arn: instance.DBInstanceArn ?? "",
    status: instance.DBInstanceStatus ?? "unknown",
    ...(host !== undefined && port !== undefined && { endpoint: { host, port } }),
    instanceClass: instance.DBInstanceClass ?? "",
    storageGb: instance.AllocatedStorage ?? 0,
    engineVersion: instance.EngineVersion ?? "",
    multiAz: instance.MultiAZ ?? false,
    backupDays: instance.BackupRetentionPeriod ?? 0,
    pending: Object.values(instance.PendingModifiedValues ?? {}).some((value) => value !== undefined),
    ...(instance.InstanceCreateTime !== undefined && { createdAt: instance.InstanceCreateTime }),
    tags: new Map((instance.TagList ?? []).map(({ Key = "", Value = "" }) => [Key, Value])),
  };
}

/** What a person is told: of a server's status while it is waited for, and of AWS's "no". */
import type { Outcome, Tools } from "#adapter";

/** Statuses in which a server takes connections and orders (AWS: "Viewing Amazon RDS DB instance status"). */
const ready = new Set(["available", "storage-optimization", "storage-config-upgrade", "storage-initialization"]);

export const isReady = (status: string): boolean => ready.has(status);

/** Statuses that nothing but a person at the account can end. */
const stuck: ReadonlyMap<string, string> = new Map([
  ["failed", "AWS could not make the database server."],
  ["inaccessible-encryption-credentials", "The key the database server is encrypted with cannot be used any more."],
  ["incompatible-network", "The account's network has no room for the database server, or does not fit it."],
  ["incompatible-parameters", "The database server does not start with its parameters."],
  ["incompatible-option-group", "The database server does not start with its options."],
  ["incompatible-create", "AWS could not make the database server with these settings."],
  ["insufficient-capacity", "AWS has no capacity for this size of server in this region at present."],
  ["restore-error", "AWS could not restore the database server."],
  ["stopped", "The database server was stopped at the provider."],
  ["storage-full", "The database server's storage is full; a larger plan gives it room."],
]);

export function reasonOfStatus(status: string): string | undefined {
  const reason = stuck.get(status);
  return reason && `${reason} Ask the provider, or choose another plan.`;
}

const steps: ReadonlyMap<string, string> = new Map([
  ["creating", "AWS is making the database server"],
  ["backing-up", "AWS is making the first backup"],
  ["configuring-enhanced-monitoring", "AWS is finishing the database server"],
  ["modifying", "AWS is changing the database server"],
  ["deleting", "AWS is removing the database server"],
  ["rebooting", "The database server is starting again"],
  ["maintenance", "AWS is maintaining the database server"],
  ["upgrading", "AWS is bringing PostgreSQL up to date"],
  ["starting", "The database server is starting"],
]);

/** A note for last_operation. */
export function noteOfStatus(status: string): string {
  return `${steps.get(status) ?? "Waiting for the database server"} (${status}).`;
}

/** AWS's codes for a "no" that a person can do something about. */
const refusals: ReadonlyMap<string, string> = new Map([
  [
    "InstanceQuotaExceededFault",
    "The provider's AWS account has as many database servers as it may. The provider has to have its quota raised, or choose another provider's plan.",
  ],
  [
    "StorageQuotaExceededFault",
    "The provider's AWS account has as much database storage as it may. The provider has to have its quota raised, or choose a smaller plan.",
  ],
  [
    "SnapshotQuotaExceededFault",
    "The provider's AWS account has as many snapshots as it may, so the last one cannot be made. The provider has to delete old ones.",
  ],
  [
    "InsufficientDBInstanceCapacityFault",
    "AWS has no capacity for this size of server in this region at present. Try again later, or choose another plan.",
  ],
  [
    "StorageTypeNotSupportedFault",
    "AWS does not have this kind of storage for the plan's server. Choose another plan.",
  ],
  ["ProvisionedIopsNotAvailableInAZFault", "AWS does not have this storage in the zone at present. Try again later."],
  [
    "DBSubnetGroupNotFoundFault",
    "The account's subnet group does not exist. The provider has to correct its settings.",
  ],
  [
    "DBSubnetGroupDoesNotCoverEnoughAZs",
    "The account's subnet group covers too few zones. The provider has to correct its settings.",
  ],
  ["InvalidSubnet", "The account's subnets cannot be used. The provider has to correct its settings."],
  ["InvalidVPCNetworkStateFault", "The account's network has no room for the server. The provider has to correct it."],
  ["KMSKeyNotAccessibleFault", "The account's key cannot be used. The provider has to correct its settings."],
  ["InvalidParameterValue", "AWS does not accept what this plan says. The provider finds the details in the log."],
  ["InvalidParameterCombination", "AWS does not accept this at present. The provider finds the details in the log."],
]);

/** AWS's own "no", if the error is one. What it says itself goes to the log. */
export function refusedByAws(
  error: unknown,
  { log }: Tools,
  hints: { readonly clean: boolean; readonly repeatable?: boolean },
): Outcome | undefined {
  const reason = error instanceof Error ? refusals.get(error.name) : undefined;
  if (reason === undefined) return undefined;
  log.warn({ err: error }, "AWS refused");
  return { state: "failed", reason, ...hints };
}

/** The two shapes the adapter reads: an AWS account's settings, and what a plan says to it. */
import type { Json, JsonSchema, Settings } from "#adapter";
import { readCertificates, requireTls } from "#trust";
import { backendSchema as databaseSchema } from "../postgresql/settings.ts";

const text = { type: "string", minLength: 1 } as const;

export const settingsSchema: JsonSchema = {
  type: "object",
  additionalProperties: false,
  required: ["region", "accessKeyId", "secretAccessKey", "databaseCa"],
  properties: {
    region: {
      type: "string",
      pattern: "^[a-z0-9-]{3,40}$",
      description: "Where databases are made, such as eu-central-1.",
    },
    accessKeyId: { ...text, description: "Of a user with the policy in brokers/aws/README.md." },
    secretAccessKey: text,
    databaseCa: {
      ...text,
      description: "The authorities that sign RDS servers' certificates (AWS: global-bundle.pem): PEM text or a path.",
    },
    endpoint: {
      ...text,
      pattern: "^https?://[^?#@]+$",
      description: "Address of the RDS API; absent: AWS's own for the region. https, except on the loopback address.",
    },
    ca: {
      ...text,
      description: "PEM text or the path of a PEM file, for `endpoint`; absent: the system's authorities.",
    },
    subnetGroup: { ...text, description: "DB subnet group the servers are put in; absent: the account's default." },
    securityGroups: {
      type: "array",
      items: { type: "string", pattern: "^sg-[0-9a-f]{8,17}$" },
      description: "Who reaches the servers; has to let Lotse and the customers in. Absent: the network's default.",
    },
    kmsKey: { ...text, description: "Key the storage is encrypted with; absent: the account's own for RDS." },
    publiclyAccessible: { type: "boolean", default: false, description: "Whether servers get a public address." },
    pollSeconds: {
      type: "number",
      minimum: 0.05,
      maximum: 600,
      default: 20,
      description: "Between two looks at a server that is being made, changed or removed.",
    },
    requestTimeoutMs: { type: "integer", minimum: 100, maximum: 120000, default: 20000 },
    attempts: {
      type: "integer",
      minimum: 1,
      maximum: 10,
      default: 3,
      description: "Of one call to the API, before the whole step is tried again later.",
    },
    connectTimeoutMs: { type: "integer", minimum: 100, maximum: 60000, default: 10000, description: "To a database." },
  },
};

export const backendSchema: JsonSchema = {
  type: "object",
  additionalProperties: false,
  required: ["instanceClass", "storageGb"],
  properties: {
    instanceClass: { type: "string", pattern: "^db\\.[a-z0-9.-]{3,40}$" },
    storageGb: { type: "integer", minimum: 20, maximum: 65536, description: "Can grow, and never shrinks." },
    storageType: { enum: ["gp2", "gp3"], default: "gp3", description: "Chosen once, when the server is made." },
    engineVersion: {
      type: "string",
      pattern: "^[0-9]{2}(\\.[0-9]{1,2})?$",
      default: "17",
      description: "PostgreSQL 15 or later, chosen once; AWS raises the minor version in its maintenance windows.",
    },
    multiAz: { type: "boolean", default: false, description: "A second server in another zone takes over." },
    backupDays: { type: "integer", minimum: 0, maximum: 35, default: 7 },
    finalSnapshot: { type: "boolean", default: false, description: "Deleting the instance leaves a snapshot." },
    database: databaseSchema,
  },
};

export interface Account {
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly databaseCa: string;
  readonly endpoint?: string;
  readonly ca?: string;
  readonly subnetGroup?: string;
  readonly securityGroups?: readonly string[];
  readonly kmsKey?: string;
  readonly publiclyAccessible: boolean;
  readonly pollMs: number;
  readonly requestTimeoutMs: number;
  readonly attempts: number;
  readonly connectTimeoutMs: number;
}

export interface Backend {
  readonly instanceClass: string;
  readonly storageGb: number;
  readonly storageType: string;
  readonly engineVersion: string;
  readonly multiAz: boolean;
  readonly backupDays: number;
  readonly finalSnapshot: boolean;
  /** What the plan says of the database inside, as the postgresql adapter reads it. */
  readonly database: Json;
}

/** Throws with advice where secrets would cross a network in the clear, or nobody could be trusted. */
export function readAccount({ values, secrets, directory = "", withoutFiles = false }: Settings): Account {
  const { databaseCa, ca, pollSeconds, ...rest } = values as unknown as Partial<Account> & {
    readonly pollSeconds?: number;
  };
  const from = withoutFiles ? undefined : directory;
  const { endpoint } = rest;
  if (endpoint !== undefined) requireTls("endpoint", endpoint);
  return {
    ...rest,
    region: rest.region ?? "",
    accessKeyId: rest.accessKeyId ?? "",
    secretAccessKey: secrets.secretAccessKey?.reveal() ?? "",
    databaseCa: readCertificates("databaseCa", databaseCa ?? "", from),
    ...(ca !== undefined && { ca: readCertificates("ca", ca, from) }),
    publiclyAccessible: rest.publiclyAccessible ?? false,
    pollMs: (pollSeconds ?? 20) * 1000,
    requestTimeoutMs: rest.requestTimeoutMs ?? 20_000,
    attempts: rest.attempts ?? 3,
    connectTimeoutMs: rest.connectTimeoutMs ?? 10_000,
  };
}

export function readBackend(backend: Json): Backend {
  const given = backend as unknown as Partial<Backend>;
  return {
    instanceClass: given.instanceClass ?? "",
    storageGb: given.storageGb ?? 20,
    storageType: given.storageType ?? "gp3",
    engineVersion: given.engineVersion ?? "17",
    multiAz: given.multiAz ?? false,
    backupDays: given.backupDays ?? 7,
    finalSnapshot: given.finalSnapshot ?? false,
    database: given.database ?? {},
  };
}

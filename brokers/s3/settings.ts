/** The two shapes the adapter reads: an account's settings, and what a plan says to it. */
import type { Json, JsonSchema, Settings } from "#adapter";
import { readCertificates, requireTls } from "#trust";

const text = { type: "string", minLength: 1 } as const;
const address = { ...text, pattern: "^https?://[^/?#@]+$" } as const;

export const settingsSchema: JsonSchema = {
  type: "object",
  additionalProperties: false,
  required: ["region", "accessKeyId", "secretAccessKey", "keys"],
  properties: {
    region: { ...text, description: "Where buckets are made, such as eu-central-1; at Ceph its zone group's name." },
    accessKeyId: { ...text, description: "Of a user with the rights in brokers/s3/README.md." },
    secretAccessKey: text,
    keys: {
      enum: ["iam", "ceph", "none"],
      description: "How bindings get keys: by users of IAM, by users of Ceph's admin API, or not at all.",
    },
    endpoint: { ...address, description: "Of the S3 API; absent: AWS's. https, except on the loopback address." },
    iamEndpoint: { ...address, description: "Of the IAM API; absent: AWS's, and at Ceph the endpoint." },
    pathStyle: {
      type: "boolean",
      description: "Buckets are in the path, not the host name. Absent: yes where there is an endpoint.",
    },
    ca: { ...text, description: "PEM text or the path of a PEM file; absent: the system's authorities." },
    pollSeconds: {
      type: "number",
      minimum: 0.05,
      maximum: 600,
      default: 5,
      description: "Until a new key is tried again, or a bucket whose listings lag behind is.",
    },
    requestTimeoutMs: { type: "integer", minimum: 100, maximum: 120000, default: 20000 },
    attempts: {
      type: "integer",
      minimum: 1,
      maximum: 10,
      default: 3,
      description: "Of one call to an API, before the whole step is tried again later.",
    },
  },
};

export const backendSchema: JsonSchema = {
  type: "object",
  additionalProperties: false,
  properties: {
    versioning: {
      enum: ["never", "on-request", "always"],
      default: "on-request",
      description: "Whether what is overwritten or deleted is kept as an older version.",
    },
    keepVersions: {
      type: "boolean",
      default: false,
      description: "Bindings cannot delete older versions; these go by the bucket's life cycle, and with the bucket.",
    },
    oldVersionsDays: {
      type: "integer",
      minimum: 1,
      maximum: 36500,
      description: "Older versions go after so many days, unless the customer says otherwise. Absent: never.",
    },
    encryption: {
      enum: ["AES256", "aws:kms", "provider"],
      default: "AES256",
      description: "What the bucket is told to encrypt with; `provider`: nothing, the provider sees to it.",
    },
    kmsKey: { ...text, description: "With aws:kms; absent: the account's own key for S3." },
    publicAccess: {
      enum: ["blocked", "ignored", "allowed"],
      default: "blocked",
      description: "`ignored`: public ACLs are not refused but have no effect, as Ceph 16 otherwise refuses uploads.",
    },
  },
};

export type KeyKind = "iam" | "ceph" | "none";

export interface Account {
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly keys: KeyKind;
  readonly endpoint?: string;
  readonly iamEndpoint?: string;
  readonly pathStyle: boolean;
  readonly ca?: string;
  readonly pollMs: number;
  readonly requestTimeoutMs: number;
  readonly attempts: number;
}

export interface Backend {
  readonly versioning: "never" | "on-request" | "always";
  readonly keepVersions: boolean;
  readonly oldVersionsDays?: number;
  readonly encryption: "AES256" | "aws:kms" | "provider";
  readonly kmsKey?: string;
  readonly publicAccess: "blocked" | "ignored" | "allowed";
}

/** Throws with advice where secrets would cross a network in the clear, or settings do not go together. */
export function readAccount({ values, secrets, directory = "", withoutFiles = false }: Settings): Account {
  const { ca, pollSeconds, ...rest } = values as unknown as Partial<Account> & { readonly pollSeconds?: number };
  for (const name of ["endpoint", "iamEndpoint"] as const) {
    const given = rest[name];
    if (given !== undefined) requireTls(name, given);
  }
  if (rest.keys === "ceph" && rest.endpoint === undefined) throw new Error("keys: ceph needs the endpoint of Ceph.");
  return {
    ...rest,
    region: rest.region ?? "",
    accessKeyId: rest.accessKeyId ?? "",
    secretAccessKey: secrets.secretAccessKey?.reveal() ?? "",
    keys: rest.keys ?? "none",
    pathStyle: rest.pathStyle ?? rest.endpoint !== undefined,
    ...(ca !== undefined && { ca: readCertificates("ca", ca, withoutFiles ? undefined : directory) }),
    pollMs: (pollSeconds ?? 5) * 1000,
    requestTimeoutMs: rest.requestTimeoutMs ?? 20_000,
    attempts: rest.attempts ?? 3,
  };
}

export function readBackend(backend: Json): Backend {
  const given = backend as unknown as Partial<Backend>;
  return {
    ...given,
    versioning: given.versioning ?? "on-request",
    keepVersions: given.keepVersions ?? false,
    encryption: given.encryption ?? "AES256",
    publicAccess: given.publicAccess ?? "blocked",
  };
}

/** What a provider account of an OpenStack cloud says: where Keystone is, who Lotse is there, and where things are put. */
import type { JsonSchema, Settings } from "#adapter";
import { readCertificates, requireTls } from "#trust";

const whole = (minimum: number, maximum: number, value: number) => ({
  type: "integer",
  minimum,
  maximum,
  default: value,
});
const text = { type: "string", minLength: 1 } as const;

export const settingsSchema: JsonSchema = {
  type: "object",
  additionalProperties: false,
  required: ["authUrl"],
  properties: {
    authUrl: {
      ...text,
      pattern: "^https?://[^?#@]+$",
      description: "Keystone's address, with or without /v3. https, except on the loopback address.",
    },
    applicationCredentialId: {
      ...text,
      description: "With applicationCredentialSecret: the account is bound to one project and holds no password.",
    },
    applicationCredentialSecret: text,
    username: {
      ...text,
      description:
        "With password, instead of an application credential: needed to make projects, and access keys for object storage.",
    },
    password: text,
    userDomain: { ...text, default: "Default", description: "Name of the domain of the user." },
    project: { ...text, description: "Name of the project to work in; needed with username." },
    projectDomain: { ...text, default: "Default", description: "Name of the domain of the project." },
    projectPerOrganization: {
      type: "boolean",
      default: false,
      description:
        "Each customer organisation gets a project of its own in projectDomain; needs username, with the right to make projects.",
    },
    memberRole: { ...text, default: "member", description: "The role that works in a project made by Lotse." },
    regions: {
      type: "array",
      items: text,
      uniqueItems: true,
      minItems: 1,
      description: "Regions to use; the first is used by plans that name none. Absent: the cloud's only region.",
    },
    interface: { enum: ["public", "internal"], default: "public", description: "Which of the catalog's addresses." },
    accessRole: {
      ...text,
      description:
        "Role that users of object storage get in their project; it must give no rights by itself. Absent: object storage has no bindings.",
    },
    s3Endpoint: {
      ...text,
      pattern: "^https?://[^?#@]+$",
      description: "Where customers speak S3. Absent: the origin of the object store, if it says that it speaks S3.",
    },
    s3Region: { ...text, description: "The region that S3 requests are signed for; absent: the cloud's region." },
    network: {
      ...text,
      description: "Name or id of a network all machines are put in. Absent: each machine gets a network of its own.",
    },
    externalNetwork: {
      ...text,
      description: "Name or id of the network that floating addresses and routers lead to. Absent: neither is made.",
    },
    cidr: {
      ...text,
      pattern: "^[0-9.]+/[0-9]+$",
      default: "10.64.0.0/24",
      description: "Addresses inside a machine's own network.",
    },
    ca: { ...text, description: "PEM text or the path of a PEM file; absent: the system's authorities." },
    timeoutMs: { ...whole(1_000, 600_000, 60_000), description: "For one request, answer included." },
    connectTimeoutMs: whole(100, 60_000, 5_000),
    connections: { ...whole(1, 1000, 16), description: "To each service at a time." },
    maxResponseBytes: whole(1024, 256 * 1024 * 1024, 16 * 1024 * 1024),
    retries: { ...whole(0, 20, 4), description: "Repeats of a request that the cloud was too busy for." },
    pollSeconds: {
      type: "number",
      minimum: 0.1,
      maximum: 300,
      default: 3,
      description: "Between two looks at something the cloud is working on.",
    },
  },
};

/** Settings that hold secrets. */
export const secrets = ["applicationCredentialSecret", "password"] as const;

/** Settings that say where the secrets are sent, and who may pose as that. */
export const destinations = ["authUrl", "ca", "s3Endpoint"] as const;

/** Who Lotse is at Keystone. */
export type Login =
  | { readonly kind: "application-credential"; readonly id: string; readonly secret: string }
  | {
      readonly kind: "password";
      readonly username: string;
      readonly userDomain: string;
      readonly password: string;
      readonly project: string;
    };

export interface Account {
  /** Ends in /v3. */
  readonly authUrl: string;
  readonly login: Login;
  readonly projectDomain: string;
  readonly projectPerOrganization: boolean;
  readonly memberRole: string;
  readonly regions?: readonly string[];
  readonly interface: "public" | "internal";
  readonly accessRole?: string;
  readonly s3Endpoint?: string;
  readonly s3Region?: string;
  readonly network?: string;
  readonly externalNetwork?: string;
  readonly cidr: string;
  readonly ca?: string;
  readonly timeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly connections: number;
  readonly maxResponseBytes: number;
  readonly retries: number;
  readonly pollMs: number;
}

/** Throws with advice where settings contradict each other or secrets would cross a network in the clear. */
export function readAccount({ values, secrets: hidden, directory = "", withoutFiles = false }: Settings): Account {
  const given = values as unknown as Partial<Omit<Account, "login" | "ca" | "pollMs">> & {
    readonly authUrl: string;
    readonly pollSeconds?: number;
  };
  const authUrl = `${given.authUrl.replace(/\/+$/, "").replace(/\/v3$/, "")}/v3`;
  requireTls("authUrl", authUrl);
  if (given.s3Endpoint !== undefined) requireTls("s3Endpoint", given.s3Endpoint);
  const login = readLogin(values, (name) => hidden[name]?.reveal());
  if (given.projectPerOrganization === true && login.kind !== "password")
    throw new Error("projectPerOrganization needs username and password: an application credential has one project.");
  const authority = values.ca as string | undefined;
  const ca = authority && readCertificates("ca", authority, withoutFiles ? undefined : directory);
  return {
    authUrl,
    login,
    projectDomain: given.projectDomain ?? "Default",
    projectPerOrganization: given.projectPerOrganization ?? false,
    memberRole: given.memberRole ?? "member",
    ...(given.regions !== undefined && { regions: given.regions }),
    interface: given.interface ?? "public",
    ...(given.accessRole !== undefined && { accessRole: given.accessRole }),
    ...(given.s3Endpoint !== undefined && { s3Endpoint: given.s3Endpoint }),
    ...(given.s3Region !== undefined && { s3Region: given.s3Region }),
    ...(given.network !== undefined && { network: given.network }),
    ...(given.externalNetwork !== undefined && { externalNetwork: given.externalNetwork }),
    cidr: given.cidr ?? "10.64.0.0/24",
    ...(ca !== undefined && { ca }),
    timeoutMs: given.timeoutMs ?? 60_000,
    connectTimeoutMs: given.connectTimeoutMs ?? 5_000,
    connections: given.connections ?? 16,
    maxResponseBytes: given.maxResponseBytes ?? 16 * 1024 * 1024,
    retries: given.retries ?? 4,
    pollMs: (given.pollSeconds ?? 3) * 1000,
  };
}

function readLogin(values: Settings["values"], secret: (name: (typeof secrets)[number]) => string | undefined): Login {
  const {
    applicationCredentialId: id,
    username,
    userDomain,
    project,
  } = values as {
    readonly [name: string]: string | undefined;
  };
  const credential = secret("applicationCredentialSecret");
  const password = secret("password");
  if ((id ?? credential) !== undefined && (username ?? password) !== undefined)
    throw new Error("Give either an application credential or username and password.");
  if (id !== undefined && credential !== undefined) return { kind: "application-credential", id, secret: credential };
  if (username !== undefined && password !== undefined && project !== undefined)
    return { kind: "password", username, userDomain: userDomain ?? "Default", password, project };
  throw new Error(
    "Give applicationCredentialId and applicationCredentialSecret, or username, password and project, together.",
  );
}

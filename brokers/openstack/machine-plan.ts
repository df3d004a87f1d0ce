/** What a plan says about a machine, and what whoever orders one may say. */
import type { Json, JsonObject, JsonSchema } from "#adapter";

export const machineSchema: JsonSchema = {
  type: "object",
  additionalProperties: false,
  required: ["kind", "flavor"],
  properties: {
    kind: { const: "machine" },
    region: { type: "string", minLength: 1, description: "Absent: the account's first region." },
    flavor: {
      type: "string",
      minLength: 1,
      description: "The flavor's SCS name, or another name this cloud gives it.",
    },
    equivalentFlavors: {
      type: "boolean",
      default: true,
      description: "Where the cloud has no such flavor, the smallest that is as good by the rules for SCS names.",
    },
    operatingSystem: {
      type: "string",
      pattern: "^[a-z0-9_]+-[A-Za-z0-9._-]+$",
      default: "debian-12",
      description: "The image's os_distro and os_version, where the order names none.",
    },
    bootVolume: {
      type: "object",
      additionalProperties: false,
      default: {},
      description: "Made where the flavor has no disk of its own.",
      properties: {
        gigabytes: { type: "integer", minimum: 1, maximum: 65536, default: 20 },
        type: { type: "string", minLength: 1, description: "The cloud's name of a volume type; absent: its default." },
      },
    },
    availabilityZone: { type: "string", minLength: 1 },
    floatingAddress: {
      enum: ["never", "on-request", "always"],
      default: "on-request",
      description: "Needs the account's externalNetwork.",
    },
    certificateDays: {
      type: "integer",
      minimum: 1,
      maximum: 3650,
      default: 90,
      description: "How long a binding's SSH certificate is good for.",
    },
  },
};

export interface MachinePlan {
  readonly region?: string;
  readonly flavor: string;
  readonly equivalentFlavors: boolean;
  readonly operatingSystem: string;
  readonly bootVolume: { readonly gigabytes: number; readonly type?: string };
  readonly availabilityZone?: string;
  readonly floatingAddress: "never" | "on-request" | "always";
  readonly certificateDays: number;
}

export function readMachinePlan(backend: Json): MachinePlan {
  const given = backend as unknown as Partial<MachinePlan>;
  return {
    ...given,
    flavor: given.flavor ?? "",
    equivalentFlavors: given.equivalentFlavors ?? true,
    operatingSystem: given.operatingSystem ?? "debian-12",
    bootVolume: { ...given.bootVolume, gigabytes: given.bootVolume?.gigabytes ?? 20 },
    floatingAddress: given.floatingAddress ?? "on-request",
    certificateDays: given.certificateDays ?? 90,
  };
}

/** A door in the machine's firewall, open to everybody in `from`. */
export interface Opening {
  readonly protocol: "tcp" | "udp";
  readonly fromPort: number;
  readonly toPort: number;
  /** A network in CIDR notation. */
  readonly from: string;
}

export interface MachineWish {
  readonly operatingSystem: string;
  readonly publicKey?: string;
  readonly userData?: string;
  readonly openings: readonly Opening[];
  readonly floatingAddress: boolean;
}

/** The order's parameters, which the plan's schema has checked, with the plan's word where they are silent. */
export function readWish(parameters: JsonObject, plan: MachinePlan): MachineWish {
  const given = parameters as unknown as {
    readonly operatingSystem?: string;
    readonly publicKey?: string;
    readonly userData?: string;
    readonly floatingAddress?: boolean;
    readonly firewall?: readonly {
      readonly protocol?: "tcp" | "udp";
      readonly port: number;
      readonly toPort?: number;
      readonly from?: string;
    }[];
  };
  return {
    operatingSystem: given.operatingSystem ?? plan.operatingSystem,
    ...(given.publicKey !== undefined && { publicKey: given.publicKey.trim() }),
    ...(given.userData !== undefined && { userData: given.userData }),
    openings: (given.firewall ?? []).map(({ protocol = "tcp", port, toPort = port, from = "0.0.0.0/0" }) => ({
      protocol,
      fromPort: port,
      toPort,
      from,
    })),
    floatingAddress:
      plan.floatingAddress === "always" || (plan.floatingAddress === "on-request" && given.floatingAddress === true),
  };
}

/** Checks the header X-Broker-API-Version, which every request of a platform must carry. */
import { type Refusal, refuse } from "../core/refusal.ts";
import type { Switches } from "../core/switches.ts";

type VersionSwitches = Pick<Switches, "minApiVersion" | "missingVersionStatus">;

/** The major version this broker speaks; its minor versions only add to one another. */
const spokenMajor = 2;
/** Nine digits at most, so that a part is an exact number. */
const versionForm = /^([0-9]{1,9})\.([0-9]{1,9})$/;

/**
 * Undefined if the version is spoken here: 2.x, not older than `minApiVersion`, and any younger minor. Otherwise why not
 * (OSB 2.17, API Version Header): 400 for a missing header, 412 for another version.
 */
export function checkApiVersion(
  header: string | readonly string[] | undefined,
  switches: VersionSwitches,
): Refusal | undefined {
  const good = accepted.get(switches);
  if (typeof header === "string" && good?.has(header)) return undefined;
  const refusal = examine(header, switches);
  if (refusal !== undefined || typeof header !== "string") return refusal;
  if (good === undefined) accepted.set(switches, new Set([header]));
  else if (good.size < mostRemembered) good.add(header);
  return undefined;
}

/** Versions found good before: platforms send the same one with every request. */
const accepted = new WeakMap<VersionSwitches, Set<string>>();
const mostRemembered = 100;

function examine(
  header: string | readonly string[] | undefined,
  { minApiVersion, missingVersionStatus }: VersionSwitches,
): Refusal | undefined {
  if (header === undefined || header === "") return refuse(missingVersionStatus, "ApiVersionMissing");
  const version = parseApiVersion(header);
  const minimum = parseApiVersion(minApiVersion);
  if (minimum?.major !== spokenMajor) throw new Error("The switch minApiVersion must be a version in the form 2.13.");
  if (version?.major === spokenMajor && version.minor >= minimum.minor) return undefined;
  const wanted = `This broker accepts ${minApiVersion} and every later version of major version ${spokenMajor}`;
  if (version === undefined) {
    return unsupported(`X-Broker-API-Version is not a version in the form 2.17. ${wanted}.`);
  }
  return unsupported(`${wanted}, but X-Broker-API-Version is ${version.major}.${version.minor}.`);
}

/** Major and minor as numbers, because 2.9 is older than 2.10; undefined for anything but digits, a point, digits. */
function parseApiVersion(text: string | readonly string[]): { major: number; minor: number } | undefined {
  const [, major, minor] = typeof text === "string" ? (versionForm.exec(text) ?? []) : [];
  return major === undefined || minor === undefined ? undefined : { major: Number(major), minor: Number(minor) };
}

const unsupported = (description: string): Refusal => refuse(412, "ApiVersionUnsupported", description);

/** Which of Nova's microversions is spoken: found out once from Nova's own version document, between what we need and know. */
import type { Json } from "#adapter";
import type { Http } from "./http.ts";

/** Least: volume types in block devices (Stein). Best: what was tried; newer ones change answers we read. */
export const novaVersions = { least: "2.67", best: "2.79" } as const;

/** The highest that both sides speak. Throws with advice where there is none. */
export function chooseMicroversion(document: Json | undefined, { least, best } = novaVersions): string {
  const offered = (document as unknown as VersionDocument | undefined)?.version;
  const max = offered?.version;
  if (max === undefined || max === "")
    throw new Error("Nova does not tell its microversions; is the compute endpoint of the catalog right?");
  const chosen = compare(max, best) < 0 ? max : best;
  if (compare(chosen, least) < 0)
    throw new Error(`Nova speaks microversions up to ${max}; ${least} (Stein, 2019) is needed.`);
  if (offered?.min_version !== undefined && compare(chosen, offered.min_version) < 0)
    throw new Error(`Nova speaks microversions from ${offered.min_version} on; ${best} is the newest known here.`);
  return chosen;
}

interface VersionDocument {
  readonly version?: { readonly version?: string; readonly min_version?: string };
}

function compare(a: string, b: string): number {
  const [majorA = 0, minorA = 0] = a.split(".").map(Number);
  const [majorB = 0, minorB = 0] = b.split(".").map(Number);
  return majorA - majorB || minorA - minorB;
}

/** Asks each compute endpoint once; a failed look is looked again. */
export function openMicroversions(
  http: Http,
): (endpoint: string, token: string, signal: AbortSignal) => Promise<string> {
  const known = new Map<string, string>();
  return async (endpoint, token, signal) => {
    const found = known.get(endpoint);
    if (found !== undefined) return found;
    // The version document is at the endpoint's root, above a project id that old catalogs add.
    const root = endpoint.replace(/(\/v2\.\d+)\/.*$/, "$1");
    const answer = await http.send({ method: "GET", url: `${root}/`, headers: { "x-auth-token": token } }, signal);
    if (answer.status !== 200) throw new Error(`Nova does not tell its microversions (${answer.status}).`);
    const chosen = chooseMicroversion(answer.body);
    known.set(endpoint, chosen);
    return chosen;
  };
}

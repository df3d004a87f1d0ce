/** Reads the header X-Broker-API-Originating-Identity: on whose behalf a platform asks. */
import type { JsonObject } from "../core/json.ts";
import { decodeBase64 } from "../http/base64.ts";
import { readJsonObject } from "../http/read-json.ts";

/** `platform` is a word of the profile such as `cloudfoundry`; what `value` holds depends on it. */
export interface OriginatingIdentity {
  readonly platform: string;
  readonly value: JsonObject;
}

/** Longest header read, in characters: Kubernetes users in hundreds of groups fit, and it is kept with each operation. */
const longestHeader = 8192;
/** A word in visible ASCII, one space, and Base64. */
const headerForm = /^([\x21-\x7e]{1,64}) (\S+)$/;

/**
 * The identity, undefined if the platform sent none, or a sentence on why the header cannot be read (OSB 2.17,
 * Originating Identity). Whether that is refused or only logged is the caller's choice; the spec leaves it open.
 * Which properties the value has is not checked: platforms leave out some that the profile demands, and add others.
 */
export function readOriginatingIdentity(
  header: string | readonly string[] | undefined,
): OriginatingIdentity | { readonly problem: string } | undefined {
  if (header === undefined) return undefined;
  if (typeof header !== "string") return { problem: `${headerName} was sent more than once.` };
  if (header.length > longestHeader) {
    return { problem: `${headerName} is longer than ${longestHeader} characters.` };
  }
  const [, platform, encoded] = headerForm.exec(header) ?? [];
  if (platform === undefined || encoded === undefined) {
    return { problem: `${headerName} must be the name of a platform, one space, and a Base64 text.` };
  }
  const bytes = decodeBase64(encoded);
  if (bytes === undefined) return { problem: `The value in ${headerName} is not valid Base64.` };
  const read = readJsonObject(bytes);
  if ("problem" in read) return { problem: `The value in ${headerName} cannot be read. ${read.problem}` };
  return { platform, value: read.value };
}

const headerName = "X-Broker-API-Originating-Identity";

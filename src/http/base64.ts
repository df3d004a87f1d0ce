/** Strict Base64, for header values where two spellings of the same bytes would be two keys or two meanings. */

const standardForm = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** The bytes of standard, padded Base64 (RFC 4648, section 4) in its one canonical spelling; undefined for all else. */
export function decodeBase64(text: string): Buffer | undefined {
  if (!standardForm.test(text)) return undefined;
  const bytes = Buffer.from(text, "base64");
  // Bits that the last character carries beyond the bytes must be zero.
  return bytes.toString("base64") === text ? bytes : undefined;
}

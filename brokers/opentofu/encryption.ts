/**
 * OpenTofu's own encryption of states. Lotse seals them itself, so this is for one moment only: where nobody takes a state,
 * as its runner was ended, OpenTofu writes it into the file `errored.tfstate`, and nobody else may be able to read that.
 * https://opentofu.org/docs/language/state/encryption/
 */
import { createDecipheriv, pbkdf2Sync } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** The key is as random as keys get, so the fewest rounds that OpenTofu accepts are enough. */
const rounds = 200_000;
const nonceLength = 12;
const tagLength = 16;

/** Tells OpenTofu to encrypt what it writes with `key` (base64, 32 bytes); what it reads may be plain. Others ignore it. */
export function encryptionBy(key: string): { readonly TF_ENCRYPTION: string } {
  return {
    TF_ENCRYPTION: `
key_provider "pbkdf2" "run" {
  passphrase    = "${key}"
  iterations    = ${rounds}
  hash_function = "sha256"
}
method "aes_gcm" "run" {
  keys = key_provider.pbkdf2.run
}
method "unencrypted" "plain" {}
state {
  method = method.aes_gcm.run
  fallback {
    method = method.unencrypted.plain
  }
}
`,
  };
}

interface Encrypted {
  readonly encryption_version?: string;
  readonly meta?: { readonly [provider: string]: string };
  /** Base64. */
  readonly encrypted_data?: string;
}

interface Derivation {
  /** Base64. */
  readonly salt: string;
  readonly iterations: number;
  readonly hash_function: string;
  readonly key_length: number;
}

/** The state as text, whether it was encrypted or not. Throws if it was changed, or encrypted with another key. */
export function readEncrypted(body: string, key: string): string {
  const { encryption_version: version, meta = {}, encrypted_data: data = "" } = JSON.parse(body) as Encrypted;
  if (version === undefined) return body;
  if (version !== "v0") throw new Error(`OpenTofu's encryption has the version ${version}, and only v0 is known here.`);
  const told = Buffer.from(meta["key_provider.pbkdf2.run"] ?? "", "base64").toString("utf8");
  const { salt, iterations, hash_function: hash, key_length: length } = JSON.parse(told) as Derivation;
  const derived = pbkdf2Sync(key, Buffer.from(salt, "base64"), iterations, length, hash);
  const sealed = Buffer.from(data, "base64");
  const end = sealed.length - tagLength;
  const decipher = createDecipheriv("aes-256-gcm", derived, sealed.subarray(0, nonceLength));
  decipher.setAuthTag(sealed.subarray(end));
  const plain = Buffer.concat([decipher.update(sealed.subarray(nonceLength, end)), decipher.final()]);
  return plain.toString("utf8");
}

/**
 * What OpenTofu wrote into a run's directory since nobody took it; it writes nothing after that. Undefined: it did not, or
 * was ended while it wrote.
 */
export function writtenInDespair(directory: string, key: string): string | undefined {
  const path = join(directory, "errored.tfstate");
  if (directory === "" || !existsSync(path)) return undefined;
  const written = readFileSync(path, "utf8");
  return isWhole(written) ? readEncrypted(written, key) : undefined;
}

function isWhole(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

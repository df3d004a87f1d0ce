/** Administrators' tokens: how they are made, what is stored of them, and who is behind a Bearer header (RFC 6750). */
import { hash, timingSafeEqual } from "node:crypto";
import type { Millis } from "../core/model.ts";
import { Secret } from "../core/secret.ts";
import type { RandomBytes } from "./password.ts";

/** What a stored token must at least say of itself. */
export interface StoredToken {
  /** As made by `hashToken`. */
  readonly hash: string;
  readonly expiresAt?: Millis;
}

/** Known prefix, so that a token found in a repository or a log is recognised for what it is. */
const tokenPrefix = "lotse_";
const bearerForm = /^bearer +(lotse_[A-Za-z0-9_-]{43})$/i;

/** A new token of 256 random bits, to be shown once, and the hash to store. */
export function makeToken(randomBytes: RandomBytes): { readonly token: Secret<string>; readonly hash: string } {
  const token = new Secret(tokenPrefix + randomBytes(32).toString("base64url"));
  return { token, hash: hashToken(token) };
}

/**
 * SHA-256 in hexadecimal. A slow, salted hash protects passwords that people chose and that can be guessed; among 2^256
 * random tokens there is nothing to guess, and an unsalted hash can be looked up by an index.
 */
export function hashToken(token: Secret<string>): string {
  return hash("sha256", token.reveal(), "hex");
}

/**
 * The stored token that a Bearer header presents, if it exists and has not expired.
 *
 * The look-up compares hashes, whose prefixes a caller cannot steer, so that its time tells nothing of the token; the
 * found hash is compared once more in constant time, which makes that independent of how `findByHash` compares.
 */
export async function authenticateBearer<T extends StoredToken>(
  header: string | undefined,
  findByHash: (hash: string) => T | undefined | Promise<T | undefined>,
  now: Millis,
): Promise<T | undefined> {
  const text = bearerForm.exec(header ?? "")?.[1];
  // The scheme's name may be written in any case, the token may not.
  if (!text?.startsWith(tokenPrefix)) return undefined;
  const presented = hashToken(new Secret(text));
  const stored = await findByHash(presented);
  if (stored === undefined || !sameHash(stored.hash, presented)) return undefined;
  return stored.expiresAt !== undefined && now >= stored.expiresAt ? undefined : stored;
}

function sameHash(one: string, other: string): boolean {
  const left = Buffer.from(one);
  const right = Buffer.from(other);
  return left.length === right.length && timingSafeEqual(left, right);
}

/**
 * Callbacks as Standard Webhooks (standardwebhooks.com, 1.0): the vendor signs `id.timestamp.body` with HMAC-SHA256.
 *
 * Nothing is kept of a callback, because it says nothing that is believed: it makes a look at the vendor due, and the look
 * finds the truth. One that is sent again within the five minutes it is good for asks for one more look.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import type { Callback, CallbackRequest, Json } from "#adapter";
import { tokenIn } from "./scope.ts";
import { textAt } from "./template.ts";

/** How far the vendor's clock may be off, in seconds; Standard Webhooks' own figure. */
const toleranceSeconds = 300;
/** More signatures than any vendor changing its secret needs. */
const mostSignatures = 8;

const prefix = "whsec_";

/** The key in a secret of the form `whsec_` and base64; throws with advice for anything else. */
export function signingKey(secret: string): Buffer {
  const key = Buffer.from(secret.startsWith(prefix) ? secret.slice(prefix.length) : "", "base64");
  if (key.length < 24 || key.length > 64)
    throw new Error(
      `A callback secret must be ${prefix} and 24 to 64 random bytes in base64: make one by openssl rand -base64 32.`,
    );
  return key;
}

/** base64. */
export function sign(key: Buffer, id: string, timestamp: string, body: Buffer): string {
  return createHmac("sha256", key).update(`${id}.${timestamp}.`).update(body).digest("base64");
}

/** Undefined: not signed by the vendor, or too old, or of a time to come. `at` points to the request's key. */
export function readCallback(
  keys: readonly Buffer[],
  at: string | undefined,
  { headers, body }: CallbackRequest,
  now: Date,
): Callback | undefined {
  const { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": signatures } = headers;
  if (id === undefined || timestamp === undefined || signatures === undefined) return undefined;
  if (!/^\d{1,12}$/.test(timestamp)) return undefined;
  if (Math.abs(now.getTime() / 1000 - Number(timestamp)) > toleranceSeconds) return undefined;
  const expected = keys.map((key) => createHmac("sha256", key).update(`${id}.${timestamp}.`).update(body).digest());
  const given = signatures.split(" ").slice(0, mostSignatures);
  const genuine = given.some((one) => one.startsWith("v1,") && expected.some((right) => matches(right, one.slice(3))));
  if (!genuine) return undefined;
  const key = textAt(parsed(body), at);
  return key === undefined ? {} : { token: tokenIn(key) };
}

function matches(right: Buffer, given: string): boolean {
  const bytes = Buffer.from(given, "base64");
  return bytes.length === right.length && timingSafeEqual(bytes, right);
}

function parsed(body: Buffer): Json | undefined {
  try {
    return JSON.parse(body.toString("utf8")) as Json;
  } catch {
    return undefined;
  }
}

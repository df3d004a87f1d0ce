/** Makes passwords and keeps them as salted scrypt hashes, in the form `$scrypt$ln=14,r=8,p=1$salt$hash`. */
import { type ScryptOptions, scrypt, timingSafeEqual } from "node:crypto";
import { Secret } from "../core/secret.ts";

/** Source of randomness: `randomBytes` of node:crypto. */
export type RandomBytes = (size: number) => Buffer;

/** scrypt's cost (RFC 7914): memory is 128 · 2^ln · r bytes. */
interface Cost {
  readonly ln: number;
  readonly r: number;
  readonly p: number;
}

/** For new hashes: 16 MiB and about 25 ms. Each hash names its own cost, so that raising this leaves old ones valid. */
const currentCost: Cost = { ln: 14, r: 8, p: 1 };
/** Above this a hash is taken for damaged: 2^20 · 8 · 128 bytes are 1 GiB already. */
const highestCost: Cost = { ln: 20, r: 8, p: 4 };
const saltBytes = 16;
const hashBytes = 32;

const encodedForm =
  /^\$scrypt\$ln=(?<ln>\d{1,2}),r=(?<r>\d{1,2}),p=(?<p>\d{1,2})\$(?<salt>[\w+/]{22})\$(?<hash>[\w+/]{43})$/;

/** A random password of 256 bits, 43 characters safe in URLs, headers and shells. */
export function generatePassword(randomBytes: RandomBytes): Secret<string> {
  return new Secret(randomBytes(32).toString("base64url"));
}

/** The hash to store. The work is done in libuv's thread pool. */
export async function hashPassword(password: Secret<string>, randomBytes: RandomBytes): Promise<string> {
  const salt = randomBytes(saltBytes);
  return encode(currentCost, salt, await derive(password, salt, currentCost));
}

/** Whether `encoded` is this password's hash. Rejects when `encoded` is no hash at all, which means damaged data. */
export async function verifyPassword(password: Secret<string>, encoded: string): Promise<boolean> {
  const { cost, salt, hash } = decode(encoded);
  return timingSafeEqual(await derive(password, salt, cost), hash);
}

/** Looks like a hash and takes as long to verify, but no password fits: for answering about unknown users. */
export function decoyHash(randomBytes: RandomBytes): string {
  return encode(currentCost, randomBytes(saltBytes), randomBytes(hashBytes));
}

function encode({ ln, r, p }: Cost, salt: Buffer, hash: Buffer): string {
  return `$scrypt$ln=${ln},r=${r},p=${p}$${unpadded(salt)}$${unpadded(hash)}`;
}

function unpadded(bytes: Buffer): string {
  return bytes.toString("base64").replaceAll("=", "");
}

function decode(encoded: string): { cost: Cost; salt: Buffer; hash: Buffer } {
  const { ln, r, p, salt = "", hash = "" } = encodedForm.exec(encoded)?.groups ?? {};
  const cost = { ln: Number(ln), r: Number(r), p: Number(p) };
  const sane = (["ln", "r", "p"] as const).every((name) => cost[name] >= 1 && cost[name] <= highestCost[name]);
  if (!sane) throw new Error("A stored password hash is not in the form this version knows.");
  return { cost, salt: Buffer.from(salt, "base64"), hash: Buffer.from(hash, "base64") };
}

function derive(password: Secret<string>, salt: Buffer, { ln, r, p }: Cost): Promise<Buffer> {
  const N = 2 ** ln;
  // What OpenSSL needs; Node's own limit of 32 MiB would forbid raising the cost.
  const options: ScryptOptions = { N, r, p, maxmem: 128 * r * (N + p + 2) };
  return new Promise((resolve, reject) => {
    scrypt(password.reveal(), salt, hashBytes, options, (error, key) =>
      error === null ? resolve(key) : reject(error),
    );
  });
}

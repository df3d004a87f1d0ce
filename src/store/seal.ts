/** Encrypts what must not be read from the database file: credentials, parameters, facts, handles. */
import { createCipheriv, createDecipheriv, createSecretKey, randomFillSync } from "node:crypto";

/** A key of the ring; `key` is 32 bytes. */
export interface SealingKey {
  readonly id: string;
  readonly key: Buffer;
}

/** The first key seals new data, all of them open old data. */
export interface Seal {
  /** `place` is table, row and column: sealed data moved elsewhere does not open. */
  close(plain: string, place: string): Buffer;
  /** Throws if the key is unknown, or the data or its place is not what was sealed. */
  open(sealed: Uint8Array, place: string): string;
}

// Layout: version (1 byte) | length of key id (1) | key id | nonce (12) | ciphertext | tag (16). AES-256-GCM; the header
// up to the nonce and the place are its associated data.
const version = 1;
const nonceLength = 12;
const tagLength = 16;

export function openSeal(ring: readonly SealingKey[]): Seal {
  const [current] = ring;
  if (current === undefined) throw new Error("No sealing key is configured.");
  for (const { id, key } of ring)
    if (key.length !== 32) throw new Error(`The sealing key "${id}" must be 32 bytes long, it has ${key.length}.`);
  // Key objects: with plain bytes Node takes four times as long for a short text, most of it to look at the key.
  const keys = new Map(ring.map(({ id, key }) => [id, createSecretKey(key)]));
  const sealingKey = createSecretKey(current.key);
  const id = Buffer.from(current.id, "utf8");
  const header = Buffer.concat([Buffer.from([version, id.length]), id]);
  const nonces = noncePool();

  return {
    close(plain, place) {
      const nonce = nonces();
      const cipher = createCipheriv("aes-256-gcm", sealingKey, nonce);
      cipher.setAAD(Buffer.concat([header, Buffer.from(place, "utf8")]));
      const body = cipher.update(plain, "utf8");
      cipher.final();
      return Buffer.concat([header, nonce, body, cipher.getAuthTag()]);
    },
    open(sealed, place) {
      const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
      const idLength = bytes[1] ?? 0;
      const headerLength = 2 + idLength;
      if (bytes[0] !== version || bytes.length < headerLength + nonceLength + tagLength)
        throw new Error("Sealed data has an unknown shape.");
      const keyId = bytes.toString("utf8", 2, headerLength);
      const key = keys.get(keyId);
      if (key === undefined) throw new Error(`Sealed data needs the key "${keyId}", which is not configured.`);
      const bodyStart = headerLength + nonceLength;
      const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(headerLength, bodyStart));
      decipher.setAAD(Buffer.concat([bytes.subarray(0, headerLength), Buffer.from(place, "utf8")]));
      decipher.setAuthTag(bytes.subarray(bytes.length - tagLength));
      const plain = decipher.update(bytes.subarray(bodyStart, bytes.length - tagLength));
      return Buffer.concat([plain, decipher.final()]).toString("utf8");
    },
  };
}

/** Random nonces drawn in bulk: one system call for many. Random 96-bit nonces are safe for 2^32 uses of one key. */
function noncePool(): () => Buffer {
  const pool = Buffer.alloc(nonceLength * 256);
  let used = pool.length;
  return () => {
    if (used === pool.length) {
      randomFillSync(pool);
      used = 0;
    }
    const nonce = Buffer.from(pool.subarray(used, used + nonceLength));
    used += nonceLength;
    return nonce;
  };
}

/**
 * What a run could not hand over because Lotse was gone: one file in the run's directory, sealed with a key that only
 * Lotse's database holds. So a state is never on disk as text, and yet nothing a run did is lost.
 */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Journal } from "./protocol.ts";

const nonceLength = 12;
const tagLength = 16;
const place = "lotse opentofu journal";

export function writeJournal(directory: string, key: Buffer, journal: Journal): void {
  const nonce = randomBytes(nonceLength);
  const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(Buffer.from(place));
  const body = Buffer.concat([cipher.update(JSON.stringify(journal), "utf8"), cipher.final()]);
  const path = join(directory, "journal");
  const file = openSync(`${path}.part`, "w", 0o600);
  writeSync(file, Buffer.concat([nonce, body, cipher.getAuthTag()]));
  fsyncSync(file);
  closeSync(file);
  renameSync(`${path}.part`, path);
}

/** Undefined: the run left none, or had no directory. Throws if it is not what was sealed. */
export function readJournal(directory: string, key: Buffer): Journal | undefined {
  if (directory === "") return undefined;
  let sealed: Buffer;
  try {
    sealed = readFileSync(join(directory, "journal"));
  } catch (error) {
    if ((error as { readonly code?: unknown }).code === "ENOENT") return undefined;
    throw error;
  }
  const decipher = createDecipheriv("aes-256-gcm", key, sealed.subarray(0, nonceLength)).setAAD(Buffer.from(place));
  decipher.setAuthTag(sealed.subarray(sealed.length - tagLength));
  const plain = Buffer.concat([
    decipher.update(sealed.subarray(nonceLength, sealed.length - tagLength)),
    decipher.final(),
  ]);
  return JSON.parse(plain.toString("utf8")) as Journal;
}

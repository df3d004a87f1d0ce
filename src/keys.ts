/** The keys that seal data: the operator's, or one made at the first start and kept in the data directory. */
import { hkdfSync, randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Config } from "./config.ts";
import { writePrivateFile } from "./store/data-directory.ts";
import type { SealingKey } from "./store/seal.ts";

export function readKeys(config: Pick<Config, "keys" | "dataDirectory">): readonly SealingKey[] {
  if (config.keys.length > 0)
    return config.keys.map(({ id, secret }) => ({ id, key: Buffer.from(secret.reveal(), "base64") }));
  mkdirSync(config.dataDirectory, { recursive: true, mode: 0o755 });
  const path = join(config.dataDirectory, "sealing.key");
  if (!existsSync(path)) writePrivateFile(path, `${randomBytes(32).toString("base64")}\n`);
  return [{ id: "local", key: Buffer.from(readFileSync(path, "utf8"), "base64") }];
}

/** A secret for one operation and purpose, the same on every attempt, known to nobody without the key. */
export function secretDeriver(key: SealingKey): (token: string, purpose: string) => string {
  return (token, purpose) =>
    Buffer.from(hkdfSync("sha256", key.key, token, `lotse ${purpose}`, 32)).toString("base64url");
}

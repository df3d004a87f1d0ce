/** The store as the broker is configured, for whoever works on it: the broker itself, and commands beside it. */
import { randomFillSync } from "node:crypto";
import type { Config } from "./config.ts";
import { createIds } from "./core/ids.ts";
import { readKeys } from "./keys.ts";
import { type OpenStore, openStore } from "./store/open.ts";
import { openSeal, type Seal, type SealingKey } from "./store/seal.ts";

export const newIds = (): (() => string) =>
  createIds(
    () => Date.now(),
    (bytes) => randomFillSync(bytes),
  );

export async function openConfiguredStore(
  config: Config,
): Promise<OpenStore & { readonly keys: readonly SealingKey[]; readonly seal: Seal }> {
  const keys = readKeys(config);
  const seal = openSeal(keys);
  const databaseUrl = config.database.kind === "postgresql" ? config.database.url.reveal() : "";
  const open = await openStore({ databaseUrl, dataDir: config.dataDirectory }, seal);
  return { ...open, keys, seal };
}

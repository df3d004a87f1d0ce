/** Simulates a disk whose fsync takes 5 ms, with a preloaded library; needs a C compiler. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** What every sync takes longer. */
const slowerByMicros = 5_000;

/** The environment that makes a process's disk slow; undefined where there is no `cc`. */
export function slowDisk(folder: string): { readonly [name: string]: string } | undefined {
  const source = fileURLToPath(new URL("../slow-fsync.c", import.meta.url));
  const library = join(folder, "slow-fsync.so");
  const built = spawnSync("cc", ["-shared", "-fPIC", "-O2", "-o", library, source, "-ldl"]);
  if (built.status !== 0) return undefined;
  return { LD_PRELOAD: library, SLOW_FSYNC_US: String(slowerByMicros) };
}

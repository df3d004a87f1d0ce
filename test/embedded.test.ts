/** The demonstration's PostgreSQL servers, as far as other tests do not tell. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t from "tap";
import { startPostgresql } from "../src/embedded/postgresql.ts";

t.test("whoever removes the data directory begins anew, also in a folder that others cannot enter", async (t) => {
  // Closed to others, such as a home folder. Started by root, the server runs as another user and has a home elsewhere.
  const closed = mkdtempSync(join(tmpdir(), "lotse-closed-"));
  const directory = join(closed, "data");
  const homes: string[] = [];
  t.teardown(() => {
    for (const path of [closed, ...homes]) rmSync(path, { recursive: true, force: true });
  });
  const log = (message: string) => homes.push(/kept in (\S+) instead/.exec(message)?.[1] ?? directory);
  for (const superuserPassword of ["the first", "the second"]) {
    const server = await startPostgresql({ directory, superuserPassword, durable: false, log });
    await server.stop();
    rmSync(directory, { recursive: true, force: true });
    t.pass(`a server starts with ${superuserPassword} password`);
  }
});

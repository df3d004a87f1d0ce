/** Documents that adapters have kept: sealed, and written by whoever holds the lock. On both databases. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { Secret, type States } from "../../src/core/adapter.ts";
import { openStore } from "../../src/store/open.ts";
import { openSeal } from "../../src/store/seal.ts";
import { createStates } from "../../src/store/states.ts";
import { temporaryDirectory } from "../support/broker.ts";
import { postgresqlForTests } from "../support/postgresql.ts";

const server = await postgresqlForTests(t);
const key = { id: "test", key: Buffer.alloc(32, 1) };
let databases = 0;

interface Shelf {
  of(account: string): States;
  at: number;
  /** All that the database holds, as text. */
  dump(): Promise<string>;
}

function story(name: string, tell: (t: Test, shelf: Shelf) => Promise<void>): void {
  for (const database of ["SQLite", "PostgreSQL"] as const)
    void t.test(`${name} (${database})`, async (t) => {
      const dataDir = temporaryDirectory(t);
      const databaseUrl = database === "SQLite" ? "" : await server.emptyDatabase(`states_${++databases}`);
      const seal = openSeal([key]);
      const { store, knex } = await openStore({ databaseUrl, dataDir }, seal);
      t.teardown(() => store.close());
      const shelf: Shelf = {
        at: 1000,
        of: (account) => createStates({ knex, seal, now: () => shelf.at }, account),
        async dump() {
          const rows = JSON.stringify(await knex("states"), (_key, value) =>
            value?.type === "Buffer" ? Buffer.from(value.data).toString("latin1") : value,
          );
          const file = databaseUrl === "" ? readFileSync(join(dataDir, "lotse.sqlite-wal"), "latin1") : "";
          return rows + file;
        },
      };
      await tell(t, shelf);
    });
}

const owner = { id: "i1", instanceId: "i1" };
const lock = (id: string) => ({ id, holder: new Secret({ who: `holder ${id}` }) });

story("a document is there for whoever asks, and in the database nobody can read it", async (t, shelf) => {
  const states = shelf.of("a");
  t.equal(await states.read("i1"), undefined);
  const locked = await states.lock(owner, lock("one"));
  t.match(locked, { id: "i1", lock: { id: "one", seenAt: new Date(1000) } });
  t.same(locked.lock?.holder.reveal(), { who: "holder one" });
  t.equal(await states.write("i1", "one", new Secret("canary of the body")), true);
  t.equal(await states.release("i1", "one", new Secret({ word: "canary of the result" })), true);
  const kept = await states.read("i1");
  t.equal(kept?.body?.reveal(), "canary of the body");
  t.same(kept?.result?.reveal(), { word: "canary of the result" });
  t.equal(kept?.lock, undefined);
  const dump = await shelf.dump();
  t.match(dump, "i1");
  t.notMatch(dump, /canary|holder one/);
});

story("of two who want the lock one gets it, and only that one writes", async (t, shelf) => {
  const states = shelf.of("a");
  const [one, two] = await Promise.all([states.lock(owner, lock("one")), states.lock(owner, lock("two"))]);
  const winner = one.lock?.id ?? "";
  t.equal(two.lock?.id, winner);
  const loser = winner === "one" ? "two" : "one";
  t.equal(await states.write("i1", loser, new Secret("wrong")), false);
  t.equal(await states.touch("i1", loser), false);
  t.equal(await states.release("i1", loser, new Secret({})), false);
  t.equal(await states.remove("i1", loser), false);
  t.equal(await states.write("i1", winner, new Secret("right")), true);
  t.equal((await states.lock(owner, lock(winner))).lock?.id, winner, "asked again, the holder still has it");
  t.equal((await states.read("i1"))?.body?.reveal(), "right");
});

story("whose lock was broken writes nothing any more", async (t, shelf) => {
  const states = shelf.of("a");
  await states.lock(owner, lock("late"));
  shelf.at = 2000;
  t.equal(await states.touch("i1", "late"), true);
  t.same((await states.read("i1"))?.lock?.seenAt, new Date(2000));
  await states.release("i1", "late", new Secret({ lost: true }));
  await states.lock(owner, lock("next"));
  t.equal(await states.write("i1", "late", new Secret("from the past")), false);
  t.equal(await states.release("i1", "late", new Secret({})), false);
  t.equal((await states.read("i1"))?.body, undefined);
});

story("an instance has its bindings' documents beside its own, and each account has its own", async (t, shelf) => {
  const [ours, theirs] = [shelf.of("a"), shelf.of("b")];
  await ours.lock(owner, lock("one"));
  await ours.lock({ id: "b1", instanceId: "i1", bindingId: "b1" }, lock("two"));
  await ours.lock({ id: "i2", instanceId: "i2" }, lock("three"));
  await ours.write("i1", "one", new Secret("body"));
  t.same(
    (await ours.about("i1")).map(({ id, bindingId, body }) => [id, bindingId, body?.reveal()]),
    [
      ["b1", "b1", undefined],
      ["i1", undefined, "body"],
    ],
  );
  t.same(
    (await ours.all()).map(({ body }) => body),
    [undefined, undefined, undefined],
    "the list of all leaves the bodies out",
  );
  t.same(await theirs.all(), []);
  t.equal(await theirs.read("i1"), undefined);
  t.equal(await ours.remove("i1", "one"), true);
  t.equal(await ours.remove("i1", "one"), false, "a second time there is nothing to remove");
  t.same(
    (await ours.all()).map(({ id }) => id),
    ["b1", "i2"],
  );
});

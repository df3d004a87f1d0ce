/** The OpenTofu adapter on the real program, with modules for a real PostgreSQL server. */
import { readdirSync } from "node:fs";
import t from "tap";
import {
  accountValues,
  around,
  databasePlan,
  houseForTests,
  openAccount,
  secretVariablesFor,
  thingsOn,
  workDirectoryFor,
  works,
} from "../support/opentofu.ts";
import { onPeer } from "../support/peers.ts";
import { postgresqlForTests } from "../support/postgresql.ts";
import { keepsEveryPromise, type Subject } from "./promise.ts";

void onPeer(t, "opentofu", async (facts) => {
  const server = await postgresqlForTests(t);
  const { house } = await houseForTests(t);
  const workDirectory = workDirectoryFor(t);
  const account = { facts, server, workDirectory };

  const subject: Subject = {
    open: () => openAccount(account, house),
    async losing(nth) {
      let calls = 0;
      const adapter = await openAccount(
        account,
        around(house, async (run) => {
          const mine = ++calls;
          const answer = await run();
          if (mine === nth) throw new Error("The answer got lost.");
          return answer;
        }),
      );
      return { adapter, lost: () => calls >= nth };
    },
    async hanging() {
      const reached = Promise.withResolvers<void>();
      const adapter = await openAccount(
        account,
        around(house, () => {
          reached.resolve();
          return new Promise(() => undefined);
        }),
      );
      return { adapter, reached: reached.promise };
    },
    async broken() {
      const away = around(house, async () => {
        throw new Error("The database is away.");
      });
      return new Map([["the database is away", await openAccount(account, away)]]);
    },
    inventory: (id) => thingsOn(server, id),
    works,
    backend: databasePlan,
    largerBackend: { ...databasePlan, variables: { tier: "larger" } },
    parameters: { connections: 5 },
    changedParameters: { connections: 9 },
    bindingParameters: {},
    refused: {
      parameters: { connections: 1, label: "a label that is far too long for anybody to read" },
      text: "a label that is far too long",
    },
    secrets: [server.password],
    patienceMs: 60_000,
    atOnce: 3,
  };

  await keepsEveryPromise(t, subject);
  await t.test("nothing of a run is left on disk", async (t) => {
    t.same(
      readdirSync(workDirectory).filter((name) => name !== "compiled"),
      [],
    );
  });
  void accountValues;
  void secretVariablesFor;
});

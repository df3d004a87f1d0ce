/** Databases made by modules: a provider's line stands still between two statements, in the middle of a run of OpenTofu. */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { Test } from "tap";
import type { Facts } from "../peers/peer.ts";
import { temporaryDirectory } from "./broker.ts";
import { accountValues, databasePlan, processesIn, secretVariablesFor, thingsOn, works } from "./opentofu.ts";
import { postgresqlForTests } from "./postgresql.ts";
import { startStatementProxy } from "./statement-proxy.ts";
import type { Line, Supply } from "./supply.ts";

const changes = /(create|alter|drop|comment on) /;

/**
 * Every second life's OpenTofu, with its runner and its provider, is killed together with the broker; the others' goes on
 * without it.
 */
export async function modules(t: Test, facts: Facts): Promise<Supply> {
  const server = await postgresqlForTests(t);
  const root = temporaryDirectory(t);
  const workDirectoryOf = (port: string) => join(root, port);

  async function line(moment: number): Promise<Line> {
    let stop: number | undefined;
    let count = 0;
    let stands = false;
    let reached = false;
    const proxy = await startStatementProxy(t, server, {
      judge({ text }) {
        if (stands) return "hold before";
        if (!changes.test(text) || ++count !== stop) return "pass";
        stands = true;
        return "hold after";
      },
      onReached() {
        reached = true;
      },
    });
    const address = String(proxy.port);
    return {
      address,
      hold: {
        arm(at) {
          stop = at;
          count = 0;
        },
        stands: () => stands && reached,
        open() {
          if (stands && moment % 2 === 0)
            for (const pid of processesIn(workDirectoryOf(address))) process.kill(pid, "SIGKILL");
          stop = undefined;
          stands = false;
          reached = false;
          proxy.release();
        },
      },
    };
  }

  const things = async () => (await thingsOn(server)).filter((one) => one.startsWith("database "));
  return {
    name: "modules",
    lives: 6,
    create: { properties: { connections: { type: "integer" } }, additionalProperties: false },
    small: databasePlan,
    large: { ...databasePlan, variables: { tier: "large" } },
    // OpenTofu waits as long as its provider does.
    patienceMs: 3_600_000,
    line,
    account: (address, secret) => ({
      adapter: "opentofu",
      settings: {
        ...accountValues({ facts, server, through: Number(address), workDirectory: workDirectoryOf(address) }),
        pollMs: 500,
        secretVariables: { env: secret },
      },
    }),
    secret: secretVariablesFor(server),
    ware: (ids) => ({
      ...ids,
      what: "databases made by modules",
      parameters: { connections: 5 },
      async use(access) {
        assert.ok(await works(access), "the access opens the database");
      },
      opens: works,
      async isLarge() {
        for (const one of await things()) assert.match(one, /"tier":"large"/);
      },
      things,
      inventory: () => thingsOn(server),
    }),
  };
}

/**
 * Kills the broker between any two calls to the world outside: nothing is there twice, nothing is left, nothing fails.
 *
 * Of each ware many instances live at once in one broker, each through an account and a line of its own. Of a step, such as
 * the order, the first one's line stands still at the first call, the second one's at the second, and so on: the call takes
 * effect, and its answer does not come. When all of them stand still the process is killed once, another one starts on the
 * same data, and every life has to go on by itself. At least one life of each ware has to go through each step without
 * reaching its moment, which shows that there were enough of them for all its calls.
 */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import t, { type Test } from "tap";
import type { Access } from "../../src/core/adapter.ts";
import { temporaryDirectory } from "../support/broker.ts";
import { type BrokerProcess, newSealingKey, startBrokerProcess } from "../support/broker-process.ts";
import { type Ask, type Choice, order, type Purchase } from "../support/buyer.ts";
import type { Ware } from "../support/cloud-wares.ts";
import { operationStates } from "../support/crashes.ts";
import { createHold, type Hold } from "../support/holding-line.ts";
import { onPeers } from "../support/peers.ts";
import { type Ids, type Shelf, writeCatalog } from "../support/shop-window.ts";
import { openSupplies, type Supply } from "../support/supplies.ts";

interface Life {
  readonly supply: Supply;
  readonly ids: Ids;
  readonly hold: Hold;
  /** The moment it is stopped at, from 1. */
  readonly moment: number;
  readonly name: string;
  thing?: Purchase;
  readonly access: Map<string, Access>;
}

interface Step {
  readonly name: string;
  readonly carry: (life: Life, thing: Purchase) => Promise<unknown>;
  /** Names of bindings that work afterwards, and of such that do not. */
  readonly works?: readonly string[];
  readonly ended?: readonly string[];
  readonly proof?: (ware: Ware) => Promise<void>;
  /** No thing is left afterwards. */
  readonly gone?: boolean;
}

/** No more than the shortest time that an account waits for an answer. */
const longestStandMs = 110_000;

await onPeers(t, ["openstack", "aws", "ceph", "kubernetes"], async (facts) => {
  const name = "the broker is killed between any two calls to the world outside";
  await t.test(name, { timeout: 800_000 }, (t) => tell(t, facts));
});

async function tell(t: Test, facts: Parameters<typeof openSupplies>[1]): Promise<void> {
  const space = `space-${randomUUID()}`;
  const supplies = await openSupplies(t, facts, space);
  const { lives, accounts, shelves } = await openAccounts(supplies);
  const catalog = join(t.testdir({}), "catalog");
  const wares = new Map<Supply, Ware>();
  for (const [index, goods] of writeCatalog(catalog, shelves).entries()) {
    const supply = supplies[index] as Supply;
    wares.set(supply, await supply.ware(goods[0] as Ids));
    for (const [nth, ids] of goods.entries()) Object.assign(livesOf(supply)[nth] as Life, { ids });
  }
  function livesOf(supply: Supply): Life[] {
    return lives.filter((life) => life.supply === supply);
  }
  const directory = join(temporaryDirectory(t), "data");
  const settings = {
    directory,
    catalog,
    provider: { accounts, secrets: Object.fromEntries(supplies.map(({ name, secret }) => [secretOf(name), secret])) },
    sealingKey: newSealingKey(),
    // Requests hang until the broker is killed, as they do where a platform waits for the answer.
    engine: { quickAnswerSeconds: 50, stepTimeoutSeconds: 600 },
  };
  // It outlives the step that starts it.
  const start = () => startBrokerProcess(t, settings);
  let broker: BrokerProcess = await start();
  const ask: Ask = (method, path, body) => broker.ask(method, path, body);

  const before = new Map<Supply, readonly string[]>();
  for (const [supply, ware] of wares) before.set(supply, await ware.inventory());

  /** Carries one step of all lives out, with one kill. */
  async function carryOut(carry: Step["carry"]) {
    const over = new Set<Life>();
    for (const { hold, moment } of lives) hold.arm(moment);
    const begun = Date.now();
    const going = Promise.all(
      lives.map(async (life) => {
        await carry(life, life.thing as Purchase);
        over.add(life);
      }),
    );
    let broken = false;
    going.catch(() => {
      broken = true;
    });
    while (!broken && !lives.every((life) => over.has(life) || life.hold.stands())) await wait(50);
    const stopped = lives.filter((life) => !over.has(life));
    const stoodMs = Date.now() - begun;
    await broker.end("SIGKILL");
    for (const { hold } of lives) hold.open();
    broker = await start();
    await going;
    return { stopped, stoodMs };
  }

  const step = ({ name, carry, works = [], ended = [], proof, gone = false }: Step) =>
    t.test(`killed at every call of ${name}, all of it goes on`, { timeout: 300_000 }, async (t) => {
      const { stopped, stoodMs } = await carryOut(carry);
      t.ok(stoodMs < longestStandMs, "no account's patience was over before the kill");
      for (const [supply, ware] of wares) {
        const all = livesOf(supply);
        const kills = stopped.filter((life) => life.supply === supply).length;
        t.comment(`${ware.what}: killed at ${kills} moments of ${name}`);
        t.ok(kills > 0 && kills < all.length, `${ware.what}: every moment was reached`);
        await Promise.all(
          all.map(async ({ access }) => {
            for (const name of works) await ware.use(access.get(name) as Access);
            for (const name of ended)
              assert.equal(await ware.opens(access.get(name) as Access), false, "what was taken back opens nothing");
          }),
        );
        await proof?.(ware);
        const there = await ware.things();
        t.equal(new Set(there).size, there.length, `${ware.what}: nothing is there twice`);
        t.equal(there.length, gone ? 0 : all.length, `${ware.what}: ${gone ? "none" : "one for each life"}`);
      }
    });

  const choice = ({ supply, ids }: Life, size: "small" | "large"): Choice => {
    const { parameters } = wares.get(supply) as Ware;
    return { offeringId: ids.offeringId, planId: ids[size], parameters };
  };
  const bind = (name: string, predecessor?: string) => async (life: Life, thing: Purchase) =>
    life.access.set(name, await thing.bind(name, predecessor));

  await step({
    name: "the order",
    async carry(life) {
      life.thing = await order(ask, life.name, space, choice(life, "small"));
    },
  });
  await step({ name: "a binding", carry: bind("first"), works: ["first"] });
  await step({
    name: "a change",
    carry: (life, thing) => thing.change(choice(life, "large")),
    works: ["first"],
    proof: (ware) => ware.isLarge(),
  });
  await step({ name: "a renewal", carry: bind("second", "first"), works: ["second", "first"] });
  await step({
    name: "the end of a binding",
    carry: (_, thing) => thing.unbind("first"),
    works: ["second"],
    ended: ["first"],
  });
  await step({ name: "the return", carry: (_, thing) => thing.giveBack(), ended: ["second"], gone: true });

  for (const [supply, ware] of wares)
    t.same(await ware.inventory(), before.get(supply), `${ware.what}: nothing is left`);
  await broker.end("SIGTERM");
  t.same(await operationStates({ databaseUrl: "", directory }), ["succeeded"], "no operation was called failed");
}

function secretOf(name: string): string {
  return `SECRET_${name.toUpperCase()}`;
}

/** An account and a line for each life; the ids of what it orders come from the catalog. */
async function openAccounts(supplies: readonly Supply[]) {
  const lives: Life[] = [];
  const accounts: Record<string, ReturnType<Supply["account"]>> = {};
  const shelves: Shelf[] = [];
  const run = randomUUID();
  for (const supply of supplies) {
    const { name, small, large, create } = supply;
    const goods: Shelf["goods"][number][] = [];
    for (let moment = 1; moment <= supply.lives; moment++) {
      const hold = createHold(supply.counting);
      const account = `${name}-${moment}`;
      accounts[account] = supply.account(await supply.line(hold.watcher), secretOf(name));
      goods.push({ account, external: true, small, large });
      const ids = { offeringId: "", small: "", large: "" };
      lives.push({ supply, ids, hold, moment, name: `${run}-${account}`, access: new Map() });
    }
    shelves.push({ name, create, goods });
  }
  return { lives, accounts, shelves };
}

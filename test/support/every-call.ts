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
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import type { Test } from "tap";
import { temporaryDirectory } from "./broker.ts";
import { type BrokerProcess, newSealingKey, startBrokerProcess } from "./broker-process.ts";
import { type Ask, type Choice, order, type Purchase } from "./buyer.ts";
import type { Ware } from "./cloud-wares.ts";
import { operationStates } from "./crashes.ts";
import { type Ids, writeCatalog } from "./shop-window.ts";
import { type Life, openAccounts, type Supply } from "./supply.ts";

interface Step {
  readonly name: string;
  readonly carry: (life: Life, thing: Purchase) => Promise<unknown>;
  /** Names of bindings that work afterwards, and of such that do not. */
  readonly works?: readonly string[];
  readonly ended?: readonly string[];
  readonly proof?: (ware: Ware) => Promise<void>;
  /** Part of the shortest life there is. */
  readonly always?: boolean;
  /** No thing is left afterwards. */
  readonly gone?: boolean;
}

/** `space`: the project on the platform that everything is ordered for. */
export async function killAtEveryCall(t: Test, space: string, supplies: readonly Supply[]): Promise<void> {
  const { lives, provider, shelves } = await openAccounts(supplies);
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
    provider,
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
  async function carryOut(lives: readonly Life[], carry: Step["carry"]) {
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

  const step = ({ name, carry, works = [], ended = [], proof, always = false, gone = false }: Step) =>
    t.passing() &&
    t.test(`killed at every call of ${name}, all of it goes on`, { timeout: 400_000 }, async (t) => {
      const partakes = ({ briefly = false }: Supply) => always || !briefly;
      const { stopped, stoodMs } = await carryOut(
        lives.filter((life) => partakes(life.supply)),
        carry,
      );
      t.ok(
        stoodMs < Math.min(...supplies.map(({ patienceMs }) => patienceMs)),
        "no account's patience was over before the kill",
      );
      for (const [supply, ware] of wares) {
        if (!partakes(supply)) continue;
        const all = livesOf(supply);
        const kills = stopped.filter((life) => life.supply === supply).length;
        t.comment(`${ware.what}: killed at ${kills} moments of ${name}`);
        t.ok(kills > 0 && kills < all.length, `${ware.what}: every moment was reached`);
        await Promise.all(
          all.map(async ({ access }) => {
            const named = (names: readonly string[]) => names.flatMap((name) => access.get(name) ?? []);
            for (const one of named(works)) await ware.use(one);
            for (const one of named(ended))
              assert.equal(await ware.opens(one), false, "what was taken back opens nothing");
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
    always: true,
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
  await step({
    name: "the return",
    carry: (_, thing) => thing.giveBack(),
    ended: ["second"],
    always: true,
    gone: true,
  });

  // Others use the same clouds.
  if (!t.passing()) await Promise.allSettled(lives.map(({ thing }) => thing?.giveBack()));
  for (const [supply, ware] of wares)
    t.same(await ware.inventory(), before.get(supply), `${ware.what}: nothing is left`);
  await broker.end("SIGTERM");
  t.same(await operationStates({ databaseUrl: "", directory }), ["succeeded"], "no operation was called failed");
}

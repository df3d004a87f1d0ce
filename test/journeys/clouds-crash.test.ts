/**
 * Several lives at once at real clouds, while the broker is killed and the lines to the clouds lose requests and answers:
 * afterwards nothing is there twice, and in the end nothing at all.
 *
 * CLOUDS_SEED repeats a run's faults, as far as chance decides them; the seed is told.
 */
import { randomInt } from "node:crypto";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import t, { type Test } from "tap";
import type { Access } from "../../src/core/adapter.ts";
import { temporaryDirectory } from "../support/broker.ts";
import { type BrokerProcess, newSealingKey, startBrokerProcess } from "../support/broker-process.ts";
import { type Ask, order, type Purchase } from "../support/buyer.ts";
import type { Ware } from "../support/cloud-wares.ts";
import { openClouds } from "../support/clouds.ts";
import { operationStates } from "../support/crashes.ts";
import { startLosingLine } from "../support/losing-line.ts";
import { type Loss, startCloudLine } from "../support/openstack-line.ts";
import { onPeers } from "../support/peers.ts";
import { chanceOf } from "../support/seeded.ts";

const seed = Number(process.env.CLOUDS_SEED || randomInt(2 ** 31));
t.comment(`CLOUDS_SEED=${seed}`);

/** One in so many requests gets lost, half of them after they took effect. */
const lossShare = 0.06;
const killsInPhase = 2;

await onPeers(t, ["openstack", "openstack-2", "aws", "ceph"], async (facts) => {
  const name = "lives at several clouds go on through kills and lost answers";
  await t.test(name, { timeout: 540_000 }, (t) => tell(t, facts));
});

async function tell(t: Test, facts: Parameters<typeof openClouds>[1]): Promise<void> {
  const lines = chanceOf(seed, "lines");
  const lost = { before: 0, after: 0 };
  const judge = (): Loss => {
    if (!lines.happens(lossShare)) return undefined;
    const loss = lines.pick(["before", "after"] as const);
    lost[loss]++;
    return loss;
  };
  const { wares, provider, catalog, space } = await openClouds(t, facts, {
    openstack: async (authUrl) => (await startCloudLine(t, authUrl, judge)).authUrl,
    aws: (endpoint) => startLosingLine(t, endpoint, judge),
    ceph: (endpoint) => startLosingLine(t, endpoint, judge),
  });

  const directory = join(temporaryDirectory(t), "data");
  const settings = { directory, catalog, provider, sealingKey: newSealingKey() };
  let broker: BrokerProcess = await startBrokerProcess(t, settings);
  const ask: Ask = (method, path, body) => broker.ask(method, path, body);
  const moments = chanceOf(seed, "moments");
  let kills = 0;

  /** Carries the lives' steps out side by side, and kills the broker at moments chance chose. */
  async function phase<T>(steps: readonly Promise<T>[]): Promise<T[]> {
    let over = false;
    const all = Promise.all(steps).finally(() => {
      over = true;
    });
    all.catch(() => undefined);
    for (let left = killsInPhase; left > 0 && !over; left--) {
      await Promise.race([wait(moments.whole(300, 4_000)), all.catch(() => undefined)]);
      if (over) break;
      await broker.end("SIGKILL");
      kills++;
      broker = await startBrokerProcess(t, settings);
    }
    return all;
  }

  interface Life {
    readonly ware: Ware;
    readonly thing: Purchase;
    readonly first: Access;
  }
  const before = await Promise.all(wares.map((ware) => ware.inventory()));
  // Two databases, one of all others: machines take their time.
  const chosen = [...wares, ...wares.slice(-1)];

  const lives = await phase(
    chosen.map(async (ware, nth): Promise<Life> => {
      const { offeringId, small: planId, parameters } = ware;
      const thing = await order(ask, `crash-${seed}-${nth}`, space, { offeringId, planId, parameters });
      const first = await thing.bind("first");
      await ware.use(first);
      return { ware, thing, first };
    }),
  );
  for (const ware of wares) {
    const wanted = chosen.filter((one) => one === ware).length;
    t.equal((await ware.things()).length, wanted, `${ware.what}: as many are there as were ordered`);
  }

  await phase(
    lives.map(async ({ ware, thing, first }) => {
      const { offeringId, large: planId, parameters } = ware;
      await thing.change({ offeringId, planId, parameters });
      await ware.use(await thing.bind("second", "first"));
      await thing.unbind("first");
      if (await ware.opens(first)) throw new Error(`${ware.what}: what was taken back still opens`);
    }),
  );
  for (const ware of wares) {
    await ware.isLarge();
    const wanted = chosen.filter((one) => one === ware).length;
    t.equal((await ware.things()).length, wanted, `${ware.what}: a change made no second one`);
  }

  await phase(lives.map(({ thing }) => thing.giveBack()));
  for (const [nth, ware] of wares.entries())
    t.same(await ware.inventory(), before[nth], `${ware.what}: nothing is left`);
  t.comment(`${kills} kills; of requests ${lost.before} were lost, and of answers ${lost.after}`);
  t.ok(kills > 0 && lost.before > 0 && lost.after > 0, "there were kills, lost requests and lost answers");
  await broker.end("SIGTERM");
  t.same(await operationStates({ databaseUrl: "", directory }), ["succeeded"], "no operation was called failed");
}

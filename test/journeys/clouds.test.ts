/**
 * The same OSB client orders from a public authority's cloud and from external ones, through the broker's own process, whose
 * own records are kept in PostgreSQL; those of every-call.test.ts are kept in SQLite.
 */
import { join } from "node:path";
import t from "tap";
import { temporaryDirectory } from "../support/broker.ts";
import { startBrokerProcess } from "../support/broker-process.ts";
import { order } from "../support/buyer.ts";
import { openClouds } from "../support/clouds.ts";
import { onPeers } from "../support/peers.ts";
import { postgresqlForTests } from "../support/postgresql.ts";

await onPeers(t, ["openstack", "openstack-2", "aws", "ceph"], async (facts) => {
  const { wares, provider, catalog, space } = await openClouds(t, facts);
  const directory = join(temporaryDirectory(t), "data");
  const databaseUrl = await (await postgresqlForTests(t)).emptyDatabase("clouds");
  const broker = await startBrokerProcess(t, { directory, catalog, provider, databaseUrl });
  t.jobs = wares.length;
  for (const ware of wares)
    void t.test(`${ware.what} is ordered, used, enlarged, its access renewed, and given back`, async (t) => {
      const { offeringId, small, large, parameters } = ware;
      const before = await ware.inventory();
      const choice = { offeringId, planId: small, parameters };
      const thing = await order(broker.ask, `journey-${crypto.randomUUID()}`, space, choice);
      t.equal((await ware.things()).length, 1, "one is there");
      const first = await thing.bind("first");
      await ware.use(first);
      await thing.change({ ...choice, planId: large });
      await ware.isLarge();
      const second = await thing.bind("second", "first");
      await ware.use(second);
      t.ok(await ware.opens(first), "the former access goes on working beside the new one");
      await thing.unbind("first");
      t.notOk(await ware.opens(first), "until it is taken back");
      t.ok(await ware.opens(second), "which leaves the new one alone");
      await thing.unbind("second");
      await thing.giveBack();
      t.same(await ware.inventory(), before, "nothing is left");
    });
});

/** The broker is killed between any two calls to a cloud that sells machines and object storage. */
import { randomUUID } from "node:crypto";
import t from "tap";
import { killAtEveryCall } from "../support/every-call.ts";
import { openCloudSupplies } from "../support/openstack-supplies.ts";
import { onPeer } from "../support/peers.ts";

await onPeer(t, "openstack", async (facts) => {
  const name = "killed between any two calls to a cloud, the broker goes on as if nothing had been";
  await t.test(name, { timeout: 1_400_000 }, async (t) => {
    await killAtEveryCall(t, `space-${randomUUID()}`, await openCloudSupplies(t, facts));
  });
});

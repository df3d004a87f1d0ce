/** The broker is killed between any two calls to whoever sells object storage, databases, namespaces, modules and software. */
import { randomUUID } from "node:crypto";
import t from "tap";
import { killAtEveryCall } from "../support/every-call.ts";
import { onPeers } from "../support/peers.ts";
import { openSupplies } from "../support/supplies.ts";

await onPeers(t, ["aws", "ceph", "kubernetes", "opentofu"], async (facts) => {
  const name = "killed between any two calls to the world outside, the broker goes on as if nothing had been";
  await t.test(name, { timeout: 1_400_000 }, async (t) => {
    const space = `space-${randomUUID()}`;
    await killAtEveryCall(t, space, await openSupplies(t, facts, space));
  });
});

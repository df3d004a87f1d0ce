/** The process that does work on order: `node work-process.ts MODULE FOLDER`. */
import { createHistogram } from "node:perf_hooks";
import { pathToFileURL } from "node:url";
import type { Counted } from "./rounds.ts";
import type { Work, WorkOrder } from "./work.ts";

const [, , module = "", folder = ""] = process.argv;
const { openWork }: { openWork(folder: string): Work | Promise<Work> } = await import(pathToFileURL(module).href);
const work = await openWork(folder);

async function carryOut(order: WorkOrder): Promise<Counted> {
  const latencies = createHistogram();
  const began = performance.now();
  const end = began + order.seconds * 1000;
  const client = async () => {
    for (let sentAt = began; sentAt < end; ) {
      await work.once();
      const now = performance.now();
      latencies.record(Math.max(1, Math.round((now - sentAt) * 1e6)));
      sentAt = now;
    }
  };
  await Promise.all(Array.from({ length: order.clients }, client));
  return {
    operations: latencies.count,
    seconds: (performance.now() - began) / 1000,
    p50Ms: latencies.percentile(50) / 1e6,
    p99Ms: latencies.percentile(99) / 1e6,
  };
}

process.on("message", (order: WorkOrder) => {
  carryOut(order).then(
    (report) => process.send?.({ report }),
    (error: Error) => process.send?.({ failure: error.message }),
  );
});
process.on("disconnect", () => process.exit(0));

/** What an instance uses now, as objects such as a ResourceQuota count it; the API server keeps no history. */
import type { Order, Tools, Usage } from "#adapter";
import type { Objects } from "./objects.ts";
import { readPlan } from "./plan.ts";
import { decimal } from "./quantity.ts";
import { instanceRoots } from "./scope.ts";
import { fill, walk } from "./template.ts";

export async function usage(objects: Objects, order: Order, tools: Tools): Promise<readonly Usage[]> {
  const plan = readPlan(order.plan.backend);
  const roots = instanceRoots(order, plan);
  const now = tools.now();
  const used = plan.usage.map(async ({ meter, of, path, unit, per = 1 }): Promise<Usage[]> => {
    const value = walk(await objects.find(fill({ ...of }, roots), tools.signal), path);
    const quantity = typeof value === "string" || typeof value === "number" ? decimal(String(value), per) : undefined;
    return quantity === undefined ? [] : [{ meter, quantity, unit, period: { from: now, to: now } }];
  });
  return (await Promise.all(used)).flat();
}

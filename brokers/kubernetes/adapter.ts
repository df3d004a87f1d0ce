/** The adapter of one account: every verb with the connection it needs. */
import type { Adapter, BindingOrder, Found, Order, Outcome } from "#adapter";
import { bind, fetchBinding, goOn, unbind } from "./access.ts";
import { connectTo } from "./api.ts";
import { check } from "./check.ts";
import { answered, deprovision, fetchInstance, provision, readiness, update } from "./instance.ts";
import { operationOf } from "./marks.ts";
import { nameOf, objectsOf } from "./objects.ts";
import { readPlan } from "./plan.ts";
import { listRecords, type Record } from "./record.ts";
import type { Account } from "./settings.ts";
import { usage } from "./usage.ts";

export function openAdapter(account: Account): Adapter {
  const objects = objectsOf(connectTo(account));
  return {
    provision: (order, tools) => provision(objects, order, tools),
    update: (order, tools) => update(objects, order, tools),
    deprovision: (order, tools) => deprovision(objects, order, tools),
    bind: (order, tools) => bind(objects, order, tools),
    unbind: (order, tools) => unbind(objects, order, tools),
    // Its handle says that everything was applied and is waited for; what is there by then shows at the cluster.
    poll: (order, _handle, tools): Promise<Outcome> =>
      isBinding(order)
        ? goOn(objects, order, tools)
        : answered(
            () => false,
            () => readiness(objects, order, readPlan(order.plan.backend), tools),
          ),
    fetch: (order, tools) =>
      isBinding(order) ? fetchBinding(objects, order, tools) : fetchInstance(objects, order, tools),
    usage: (order, _period, tools) => usage(objects, order, tools),
    check: (signal) => check(objects, signal),
    inventory: async (signal) => (await listRecords(objects, undefined, signal)).map(found),
    close: () => objects.api.close(),
  };
}

function isBinding(order: Order | BindingOrder): order is BindingOrder {
  return "binding" in order;
}

function found(record: Record): Found {
  const operation = operationOf(record.object);
  // The first object is what the rest hangs on, such as a namespace.
  const [main] = record.refs;
  return {
    thing: record.of,
    id: record.id,
    ...(record.of === "binding" && { instance: record.instance }),
    name: main === undefined ? `record ${record.id}` : nameOf(main),
    ...(operation !== undefined && { operation }),
  };
}

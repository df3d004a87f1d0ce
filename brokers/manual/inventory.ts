/** What people made, as their tasks tell it. Changes nothing. */
import type { BindingOrder, Found, InboxTask, Made, Order, Tools } from "#adapter";
import { type Desk, madeOf, until } from "./fulfil.ts";
import { bindingStands, instanceStands } from "./standing.ts";

export async function fetchThing(
  { inbox }: Desk,
  order: Order | BindingOrder,
  tools: Tools,
): Promise<Made | undefined> {
  const tasks = await until(tools, inbox.about(order.instance.id));
  const binding = "binding" in order ? order.binding : undefined;
  const facts = (binding ?? order.instance).facts.reveal() !== null;
  const stands = binding === undefined ? instanceStands(tasks, facts) : bindingStands(tasks, binding.id, facts);
  if (!stands) return undefined;
  const made = lastMade(tasks, binding?.id);
  return made === undefined ? {} : madeOf(made);
}

export async function inventory({ inbox }: Desk, signal: AbortSignal): Promise<readonly Found[]> {
  const tasks = await until({ signal }, inbox.all());
  const byInstance = Map.groupBy(tasks, ({ instanceId }) => instanceId);
  return [...byInstance].flatMap(([id, about]) => {
    const bindings = new Set(about.flatMap(({ bindingId }) => bindingId ?? []));
    const standing = [...bindings].filter((binding) => bindingStands(about, binding, false));
    return [
      ...(instanceStands(about, false) ? [found("instance", id, lastMade(about, undefined))] : []),
      ...standing.map((binding) => ({ ...found("binding", binding, lastMade(about, binding)), instance: id })),
    ];
  });
}

/** The newest task that made or changed it. */
function lastMade(tasks: readonly InboxTask[], bindingId: string | undefined): InboxTask | undefined {
  const making = bindingId === undefined ? ["provision", "update"] : ["bind"];
  return tasks.findLast(
    (task) => task.bindingId === bindingId && making.includes(task.verb) && task.state === "completed",
  );
}

function found(thing: Found["thing"], id: string, task: InboxTask | undefined): Found {
  if (task === undefined) return { thing, id, name: `what was begun of ${id}` };
  const { reference } = madeOf(task).facts as { readonly reference?: string };
  return {
    thing,
    id,
    name: `task ${task.id}${reference === undefined ? "" : `, ${reference}`}`,
    operation: task.token,
  };
}

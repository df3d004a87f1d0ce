/** The verbs: each puts a task and says how it stands. Asked again, they find the task by its key. */
import type {
  Access,
  BindingOrder,
  Inbox,
  InboxTask,
  JsonObject,
  Made,
  Order,
  Outcome,
  Tools,
  UpdateOrder,
} from "#adapter";
import { type Account, faultOf, readPromised } from "./settings.ts";
import { bindingStands, instanceStands, isLiving } from "./standing.ts";
import { noteOf } from "./words.ts";

/** The inbox of one account, and who is behind it. */
export interface Desk {
  readonly inbox: Inbox;
  readonly account: Account;
}

/** A task that changes makes its operation due; this rare look is for what nobody thought of. */
const rareLookMs = 6 * 60 * 60 * 1000;

export async function fulfil(desk: Desk, order: Order | UpdateOrder | BindingOrder, tools: Tools): Promise<Outcome> {
  const reason = faultOf(readPromised(order.plan.backend));
  if (reason !== undefined) return { state: "failed", reason, clean: true };
  return outcomeOf(desk, await put(desk, order, keyOf(order), tools), order, tools);
}

/** A change that is taken back needs nobody if nobody had begun it. */
export async function change(desk: Desk, order: UpdateOrder, tools: Tools): Promise<Outcome> {
  const { interrupted } = order;
  if (interrupted !== undefined) {
    const was = (await withdraw(desk, order, tools, ({ token }) => token === interrupted.token)).filter(
      ({ token }) => token === interrupted.token,
    );
    if (!was.some(({ state, begun }) => state === "completed" || begun)) return { state: "done" };
  }
  return fulfil(desk, order, tools);
}

/** Takes back what is not done yet, then has removed whatever may be there. */
export async function remove(desk: Desk, order: Order | BindingOrder, tools: Tools): Promise<Outcome> {
  const binding = "binding" in order ? order.binding : undefined;
  const own = keysOf(order);
  const concerned = (task: InboxTask) =>
    !own.test(task.key) && (binding === undefined || task.bindingId === binding.id);
  const tasks = await withdraw(desk, order, tools, concerned);
  const stands =
    binding === undefined
      ? instanceStands(tasks, order.instance.facts.reveal() !== null)
      : bindingStands(tasks, binding.id, binding.facts.reveal() !== null);
  const mine = tasks.filter(({ key }) => own.test(key));
  if (!stands) {
    for (const { key } of mine.filter(isLiving))
      await until(tools, desk.inbox.withdraw(key, "Nothing is there any more."));
    return { state: "done" };
  }
  // Something was begun after a removal under this token was over: that is another removal.
  const done = mine.filter(({ state }) => state === "completed").length;
  const key = done === 0 ? keyOf(order) : `${keyOf(order)} ${done + 1}`;
  return outcomeOf(desk, await put(desk, order, key, tools), order, tools);
}

/** Waits no longer than the order may. */
export async function until<T>({ signal }: Pick<Tools, "signal">, call: Promise<T>): Promise<T> {
  call.catch(() => undefined);
  signal.throwIfAborted();
  let stop = () => {};
  const ended = new Promise<never>((_, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    stop = () => signal.removeEventListener("abort", onAbort);
  });
  try {
    return await Promise.race([call, ended]);
  } finally {
    stop();
  }
}

/** What is remembered of an instance or a binding: by which task it came, and what the provider calls it. */
export function madeOf(task: InboxTask): Made {
  const { reference, dashboardUrl, metadata } = (task.result?.reveal() ?? {}) as {
    readonly reference?: string;
    readonly dashboardUrl?: string;
    readonly metadata?: Made["metadata"];
  };
  return {
    facts: { task: task.id, ...(reference !== undefined && { reference }) },
    ...(dashboardUrl !== undefined && { dashboardUrl }),
    ...(metadata !== undefined && { metadata }),
  };
}

function keyOf(order: Order | BindingOrder): string {
  return "binding" in order ? `${order.token}.${order.binding.id}` : order.token;
}

/** All keys under which this very removal was put. */
const keysOf = (order: Order | BindingOrder): RegExp => new RegExp(`^${keyOf(order).replaceAll(".", "\\.")}( \\d+)?$`);

function put(
  { inbox }: Desk,
  order: Order | UpdateOrder | BindingOrder,
  key: string,
  tools: Tools,
): Promise<InboxTask> {
  const { within, withinFor, calendar } = readPromised(order.plan.backend);
  tools.signal.throwIfAborted();
  return until(tools, inbox.put({ key, order, within: withinFor[order.verb] ?? within, calendar }));
}

/** Withdraws the living ones among those `concerned`, and tells how all tasks of the instance stand then. */
async function withdraw(
  { inbox }: Desk,
  { instance, verb }: Order,
  tools: Tools,
  concerned: (task: InboxTask) => boolean,
): Promise<readonly InboxTask[]> {
  tools.signal.throwIfAborted();
  const tasks = await until(tools, inbox.about(instance.id));
  const vain = tasks.filter((task) => isLiving(task) && concerned(task));
  if (vain.length === 0) return tasks;
  for (const { key } of vain) await until(tools, inbox.withdraw(key, reasons[verb] ?? "It is not wanted any more."));
  // Somebody may have taken one on meanwhile, or finished it.
  return until(tools, inbox.about(instance.id));
}

const reasons: { readonly [verb: string]: string } = {
  deprovision: "The instance was cancelled.",
  unbind: "The access was cancelled.",
  update: "The change was taken back.",
};

function outcomeOf(desk: Desk, task: InboxTask, order: Order | BindingOrder, tools: Tools): Outcome {
  const { organisation } = desk.account;
  switch (task.state) {
    case "completed":
      return order.verb === "deprovision" || order.verb === "unbind"
        ? { state: "done" }
        : { state: "done", made: { ...madeOf(task), ...(order.verb === "bind" && { access: accessOf(task) }) } };
    case "rejected": {
      const removal = order.verb === "deprovision" || order.verb === "unbind";
      return {
        state: "failed",
        reason: `${organisation} rejected it: ${task.reason ?? ""}`,
        clean: !removal && !task.leftovers,
        ...(order.verb === "update" && { repeatable: false }),
      };
    }
    case "withdrawn":
      throw new Error(`Task ${task.id} was withdrawn: another order took this one back.`);
    default: {
      const left = order.deadline.getTime() - tools.now().getTime();
      return {
        state: "pending",
        note: noteOf(task, desk.account, readPromised(order.plan.backend).calendar.zone),
        // An order without an end has no time left to count.
        afterMs: Number.isNaN(left) ? rareLookMs : Math.min(rareLookMs, Math.max(left, 1_000)),
      };
    }
  }
}

function accessOf(task: InboxTask): Access {
  const access = (task.result?.reveal() as { readonly access?: JsonObject } | undefined)?.access;
  if (access === undefined) throw new Error(`Task ${task.id} is done, and its access was erased.`);
  return access as Access;
}

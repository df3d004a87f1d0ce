/** What people made and have not removed, as their tasks tell it. */
import type { InboxTask, Verb } from "#adapter";

/** Over, and something of it may be there: done, taken back after it was begun, or rejected with something left. */
const leftSomething = ({ state, begun, leftovers }: InboxTask): boolean =>
  state === "completed" || (state === "withdrawn" && begun) || (state === "rejected" && leftovers);

/** When the tasks with this verb were last over in a way that counts; 0 if never. */
function last(tasks: readonly InboxTask[], verb: Verb, counts: (task: InboxTask) => boolean): number {
  const ends = tasks.filter((task) => task.verb === verb && counts(task)).map(({ endedAt }) => endedAt?.getTime() ?? 0);
  return Math.max(0, ...ends);
}

const isDone = ({ state }: InboxTask): boolean => state === "completed";

/** `facts`: something is remembered of the instance, though its first task may be forgotten. */
export function instanceStands(tasks: readonly InboxTask[], facts: boolean): boolean {
  const own = tasks.filter(({ bindingId }) => bindingId === undefined);
  const removed = last(own, "deprovision", isDone);
  const made = Math.max(last(own, "provision", leftSomething), last(own, "update", leftSomething));
  return made > 0 ? made > removed : facts && removed === 0;
}

/** An instance that was removed took its bindings along. */
export function bindingStands(tasks: readonly InboxTask[], bindingId: string, facts: boolean): boolean {
  const own = tasks.filter((task) => task.bindingId === bindingId);
  const removed = Math.max(
    last(own, "unbind", isDone),
    last(
      tasks.filter((task) => task.bindingId === undefined),
      "deprovision",
      isDone,
    ),
  );
  const made = last(own, "bind", leftSomething);
  return made > 0 ? made > removed : facts && removed === 0;
}

export const isLiving = ({ state }: InboxTask): boolean => state === "open" || state === "claimed" || state === "asked";

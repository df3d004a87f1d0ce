/** How a task stands, in a sentence for whoever ordered. */
import type { InboxTask, Verb } from "#adapter";
import type { Account } from "./settings.ts";

const works: { readonly [verb in Verb]: string } = {
  provision: "the order",
  update: "the change",
  deprovision: "the cancellation",
  bind: "the access",
  unbind: "the end of the access",
};

/** Never a parameter; what staff wrote to the customer is repeated as they wrote it. */
export function noteOf(task: InboxTask, { organisation, contact }: Account, zone: string): string {
  const due = `It is due by ${dateIn(zone, task.dueAt)}.`;
  const remark = task.remark === undefined ? "" : ` ${organisation} says: "${task.remark}"`;
  switch (task.state) {
    case "open":
      return `${organisation} has ${works[task.verb]} in its inbox as task ${task.id}. ${due}${remark}`;
    case "asked":
      return `${organisation} asks: "${task.question ?? ""}" ${howToAnswer(task.id, contact)} Until then nothing goes on.`;
    default:
      return `${organisation} works on ${works[task.verb]}, task ${task.id}. ${due}${remark}`;
  }
}

/** Customers of a plain OSB platform have no account here: somebody who has one writes their answer down. */
const howToAnswer = (id: string, contact: string | undefined): string =>
  `Answer ${contact === undefined ? "the provider" : contact} or whoever runs this broker and name task ${id}; they write it down with "lotse tasks answer ${id} ...".`;

function dateIn(zone: string, at: Date): string {
  const format = new Intl.DateTimeFormat("en-GB", {
    timeZone: zone,
    weekday: "long",
    day: "numeric",
    month: "long",
    year: "numeric",
    hour: "2-digit",
    minute: "2-digit",
    timeZoneName: "short",
  });
  return format.format(at);
}

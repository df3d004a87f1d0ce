/** What a plan did at each request of the life cycle, in a line each: for people who want to see it at a glance. */
import type { Check, PlanContext } from "./check.ts";
import type { Exchange } from "./client.ts";
import type { Ending } from "./poll.ts";
import type { PlanTale, Step } from "./report.ts";
import { bindings, birth, changes, farewell, move } from "./stories/life.ts";

/** Only with all checks: the tale must not order anything that no check asked for. */
export async function tellTale(context: PlanContext, wanted: readonly Check[]): Promise<PlanTale> {
  const steps: Step[] = [];
  const add = (what: string, asked: Exchange | undefined, ending?: Ending): void => {
    if (asked !== undefined) steps.push(stepOf(what, asked, ending));
  };
  const asked = (id: string) => wanted.some((check) => check.id === id);
  const told = <T>(id: string, tell: (context: PlanContext) => Promise<T>): Promise<T | undefined> =>
    asked(id) ? context.story(tell).catch(() => undefined) : Promise.resolve(undefined);

  const born = await told("provision-works", birth);
  add("order", born?.order, born?.ending);
  add("the same order again", born?.repeat);
  add("another order, same id", born?.conflict);
  if (context.plan.claims.has("instances_retrievable")) add("fetch", born?.fetched);
  const changed = await told("update-missing-service", changes);
  add("change of context", changed?.contextOnly, changed?.contextEnding);
  const bound = context.plan.claims.has("bindable") ? await told("bind-works", bindings) : undefined;
  add("bind", bound?.first.asked, bound?.first.ending);
  add("the same binding again", bound?.repeat);
  add("fetch of the binding", bound?.first.fetched);
  add("rotate", bound?.rotated?.asked, bound?.rotated?.ending);
  add("unbind", bound?.unbind, bound?.unbindEnding);
  const moved = await told("update-plan", move);
  add("change of plan", moved?.asked, moved?.ending);
  const gone = await told("deprovision-works", farewell);
  add("delete", gone?.asked, gone?.ending);
  add("delete again", gone?.again);
  return { plan: `${context.plan.serviceName} / ${context.plan.name}`, steps };
}

function stepOf(what: string, { answer, trouble, ms }: Exchange, ending: Ending | undefined): Step {
  if (answer === undefined) return { what, came: `no answer: ${trouble}`, milliseconds: ms };
  if (ending === undefined) return { what, came: String(answer.status), milliseconds: ms };
  const polls = `${ending.polls.length} ${ending.polls.length === 1 ? "poll" : "polls"}`;
  return { what, came: `${answer.status}, then ${ending.state} after ${polls}`, milliseconds: ms + ending.ms };
}

/** Removing an instance, and what is left of it. */
import { answerOf, expectStatus, finding, fine, NotClaimed, NotReached, type PlanCheck, reached } from "../check.ts";
import { achieved } from "../requests.ts";
import { farewell } from "../stories/life.ts";
import { endOf, expectSameOperation, lastOf, statusAndCode } from "./provision.ts";

export const deprovisionChecks: readonly PlanCheck[] = [
  {
    id: "deprovision-missing-query",
    title: "A deletion without service_id and plan_id is a 400, and the instance stays.",
    section: "Deprovisioning",
    level: "MUST",
    about: "plan",
    async run(context) {
      const { withoutHints, stillThere } = await context.story(farewell);
      const wrong = expectStatus(withoutHints, [400], "deletion without service_id and plan_id");
      if (wrong.length > 0) return wrong;
      return [201, 202].includes(answerOf(stillThere).status)
        ? finding("The deletion was refused, and yet the instance was gone.", withoutHints, stillThere)
        : fine;
    },
  },
  {
    id: "deprovision-works",
    title: "An instance is removed: 200 at once, or 202 and success in the end.",
    section: "Deprovisioning",
    level: "MUST",
    about: "plan",
    async run(context) {
      const { asked, ending } = await context.story(farewell);
      const { status } = answerOf(asked);
      if (achieved(asked, ending)) return expectStatus(asked, [200, 202], "deletion");
      if (status === 202)
        return finding(`The deletion was accepted, and then ${endOf(ending?.state)}.`, asked, ...lastOf(ending?.last));
      return finding(`The deletion was answered ${statusAndCode(asked)}; expected: 200 or 202.`, asked);
    },
  },
  {
    id: "deprovision-repeat-running",
    title: "The same deletion during its execution is a 202 with the same operation.",
    section: "Deprovisioning",
    level: "MUST",
    about: "plan",
    async run(context) {
      const { asked, repeat } = await context.story(farewell);
      if (asked.answer?.status !== 202) throw new NotClaimed("the plan is removed at once");
      if (repeat === undefined) throw new NotReached("the deletion was done before anybody could look");
      return expectSameOperation(asked, repeat, "deletion");
    },
  },
  {
    id: "deprovision-repeat",
    title: "The deletion of what was deleted is a 410.",
    section: "Deprovisioning",
    level: "MUST",
    about: "plan",
    async run(context) {
      const { asked, ending, again } = await context.story(farewell);
      if (!achieved(asked, ending)) throw new NotReached("nothing was deleted");
      return expectStatus(again, [410], "second deletion");
    },
  },
  {
    id: "deprovision-gone",
    title: "An instance that was removed cannot be fetched any more: 404.",
    section: "Fetching a Service Instance",
    level: "MUST",
    needs: ["instances_retrievable"],
    about: "plan",
    async run(context) {
      const { asked, ending, fetched } = await context.story(farewell);
      if (!achieved(asked, ending)) throw new NotReached("nothing was deleted");
      return expectStatus(fetched, [404], "fetch afterwards");
    },
  },
  {
    id: "poll-after-deletion",
    title: "A poll after the deletion tells of its success: 200 succeeded, 410, or 404 once it is forgotten.",
    section: "Polling Last Operation for Service Instances",
    level: "SHOULD",
    about: "plan",
    async run(context) {
      const { asked, ending, polled } = await context.story(farewell);
      if (asked.answer?.status !== 202) throw new NotClaimed("the plan is removed at once");
      if (!achieved(asked, ending)) throw new NotReached("nothing was deleted");
      const { status, body } = answerOf(reached(polled, "poll"));
      if (status === 410 || status === 404 || (status === 200 && body?.state === "succeeded")) return fine;
      return finding(
        `The poll was answered ${status}${typeof body?.state === "string" ? ` "${body.state}"` : ""}.`,
        ...lastOf(ending?.last),
        ...lastOf(polled),
      );
    },
  },
  {
    id: "bind-removed-instance",
    title: "An instance that was removed can be bound no more: the answer is a refusal, best 404.",
    section: "Binding",
    level: "SHOULD",
    needs: ["bindable"],
    about: "plan",
    async run(context) {
      const { asked, ending, bound } = await context.story(farewell);
      if (!achieved(asked, ending)) throw new NotReached("nothing was deleted");
      return expectStatus(bound, [400, 404, 409, 410], "binding of the removed instance");
    },
  },
];

/** Changing an instance: what may be changed, what may not, and that a refused change changes nothing. */
import {
  answerOf,
  expectStatus,
  finding,
  fine,
  isCoded,
  isRefusal,
  isSuccess,
  NotClaimed,
  type PlanCheck,
  reached,
} from "../check.ts";
import { achieved } from "../requests.ts";
import { changes, move } from "../stories/life.ts";
import { endOf, expectCode, expectSameOperation, lastOf } from "./provision.ts";

export const updateChecks: readonly PlanCheck[] = [
  {
    id: "update-same-plan",
    title: "A change to the plan that the instance has is no change of plan, and succeeds.",
    section: "Updating a Service Instance",
    level: "MUST",
    needs: ["plan_updateable"],
    about: "plan",
    run: async (context) => expectStatus((await context.story(changes)).nothing, [200, 202], "change to the same plan"),
  },
  {
    id: "update-missing-service",
    title: "A change without service_id is a 400.",
    section: "Updating a Service Instance",
    level: "MUST",
    about: "plan",
    run: async (context) =>
      expectStatus((await context.story(changes)).withoutService, [400], "change without service_id"),
  },
  {
    id: "update-unknown-plan",
    title: "A change to a plan that is not in the catalog is refused.",
    section: "Updating a Service Instance",
    level: "MUST",
    about: "plan",
    async run(context) {
      const { unknownPlan } = await context.story(changes);
      const answer = answerOf(unknownPlan);
      return isRefusal(answer)
        ? fine
        : finding(`The change to an unknown plan was answered ${answer.status}; expected: 400.`, unknownPlan);
    },
  },
  {
    id: "update-not-claimed",
    title: "A change of plan that the catalog does not allow is refused.",
    section: "Updating a Service Instance",
    level: "MUST",
    about: "plan",
    async run(context) {
      if (context.plan.claims.has("plan_updateable")) throw new NotClaimed("the catalog allows it");
      const { unclaimedPlan } = await context.story(changes);
      if (unclaimedPlan === undefined) throw new NotClaimed("no second plan was named to move to");
      return isSuccess(answerOf(unclaimedPlan))
        ? finding("The change was accepted, though the catalog says that plans cannot be changed.", unclaimedPlan)
        : expectStatus(unclaimedPlan, [400, 422], "change of plan");
    },
  },
  {
    id: "update-maintenance",
    title: "A change with another maintenance_info.version than the catalog's is a 422 MaintenanceInfoConflict.",
    section: "Updating a Service Instance",
    level: "MUST",
    needs: ["maintenance_info"],
    about: "plan",
    async run(context) {
      const exchange = reached((await context.story(changes)).maintenance, "change");
      return expectCode(exchange, "MaintenanceInfoConflict", "change with another version");
    },
  },
  {
    id: "update-refused-changes-nothing",
    title: "After all that was refused the instance is what it was.",
    section: "Updating a Service Instance",
    level: "MUST",
    needs: ["instances_retrievable"],
    about: "plan",
    async run(context) {
      const { fetched, ...asked } = await context.story(changes);
      const { status, body } = answerOf(fetched);
      if (status !== 200) return finding(`The instance was answered ${status} afterwards; expected: 200.`, fetched);
      const { plan } = context;
      const info = body?.maintenance_info;
      const version = typeof info === "object" && info !== null && "version" in info ? info.version : undefined;
      const moved = body?.plan_id !== undefined && body.plan_id !== plan.id;
      const maintained = version !== undefined && version !== plan.maintenanceVersion;
      // Accepted changes are judged by their own checks.
      const refused = [asked.unknownPlan, asked.unclaimedPlan, asked.maintenance, asked.withoutService].filter(
        (exchange) => exchange?.answer !== undefined && isRefusal(exchange.answer),
      );
      if (!moved && !maintained) return fine;
      return finding(
        `The instance has another ${moved ? "plan" : "maintenance_info"} than before the refused changes.`,
        ...refused.filter((exchange) => exchange !== undefined),
        fetched,
      );
    },
  },
  {
    id: "update-context",
    title: "A change of context alone is carried out.",
    section: "Updating a Service Instance",
    level: "MUST",
    needs: ["allow_context_updates"],
    about: "plan",
    async run(context) {
      const { contextOnly, contextEnding } = await context.story(changes);
      const asked = reached(contextOnly, "change");
      if (achieved(asked, contextEnding)) return fine;
      const { status } = answerOf(asked);
      const message =
        status === 202
          ? `The change was accepted, and then ${endOf(contextEnding?.state)}.`
          : `The change of context was answered ${status}; expected: 200 or 202.`;
      return finding(message, asked, ...lastOf(contextEnding?.last));
    },
  },
  {
    id: "update-parameters",
    title: "A change to the parameters that the instance has succeeds, or is refused with 400 or 422.",
    section: "Updating a Service Instance",
    level: "MUST",
    about: "plan",
    async run(context) {
      const { sameParameters, sameParametersEnding } = await context.story(changes);
      if (sameParameters === undefined) throw new NotClaimed("no parameters were given (--parameters)");
      const { status } = answerOf(sameParameters);
      if (status === 202 && !achieved(sameParameters, sameParametersEnding)) {
        const message = `The change was accepted, and then ${endOf(sameParametersEnding?.state)}.`;
        return finding(message, sameParameters, ...lastOf(sameParametersEnding?.last));
      }
      return expectStatus(sameParameters, [200, 202, 400, 422], "change of parameters");
    },
  },
  {
    id: "update-plan",
    title: "An instance is moved to another plan, and is then on that plan.",
    section: "Updating a Service Instance",
    level: "MUST",
    needs: ["plan_updateable"],
    about: "plan",
    async run(context) {
      const moved = await context.story(move);
      if (moved === undefined) throw new NotClaimed("no plan to move to was named (--update-plan)");
      const { asked, ending, fetched } = moved;
      // Not every plan leads to every other: 422 is how the specification has a broker say so.
      if (answerOf(asked).status === 422 && !isCoded(answerOf(asked), "AsyncRequired"))
        throw new NotClaimed("the broker does not move instances from this plan to that one");
      if (!achieved(asked, ending)) {
        const { status } = answerOf(asked);
        const message =
          status === 202
            ? `The move was accepted, and then ${endOf(ending?.state)}.`
            : `The move was answered ${status}; expected: 200 or 202.`;
        return finding(message, asked, ...lastOf(ending?.last));
      }
      const now = fetched.answer?.status === 200 ? fetched.answer.body?.plan_id : undefined;
      return now === undefined || now === context.plan.updateTo
        ? fine
        : finding("The move succeeded, and yet the instance is on another plan.", asked, fetched);
    },
  },
  {
    id: "update-repeat-running",
    title: "The same change during its execution is a 202 with the same operation.",
    section: "Updating a Service Instance",
    level: "MUST",
    needs: ["plan_updateable"],
    about: "plan",
    async run(context) {
      const moved = await context.story(move);
      if (moved === undefined) throw new NotClaimed("no plan to move to was named (--update-plan)");
      if (moved.asked.answer?.status !== 202) throw new NotClaimed("plans are changed at once");
      return expectSameOperation(moved.asked, reached(moved.repeat, "change that takes a while"), "change");
    },
  },
];

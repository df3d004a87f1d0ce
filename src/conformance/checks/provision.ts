/** Ordering an instance: what is refused, what is made, every repeat, and fetching it. */
import { sameJson } from "../../core/json.ts";
import {
  answerOf,
  expectStatus,
  type Finding,
  finding,
  fine,
  isCoded,
  isRefusal,
  isSuccess,
  NotClaimed,
  NotReached,
  type PlanCheck,
  reached,
} from "../check.ts";
import type { Exchange } from "../client.ts";
import { impatience } from "../stories/impatience.ts";
import { birth } from "../stories/life.ts";
import { type Refused, refusals } from "../stories/refusals.ts";

const refusedWith = (statuses: readonly number[], refused: readonly Refused[]): readonly Finding[] =>
  refused.flatMap(({ what, asked }) => expectStatus(asked, statuses, what));

/** Of an operation that took a while; otherwise there was nothing to see. */
function meanwhileOf<T>(order: Exchange, seen: T | undefined): T {
  if (order.answer?.status !== 202) throw new NotClaimed("the plan is provisioned at once");
  if (seen === undefined) throw new NotReached("the operation was done before anybody could look");
  return seen;
}

/** The operation of a repeat must be the one of the first answer. */
export function expectSameOperation(first: Exchange, repeat: Exchange, what: string): readonly Finding[] {
  const { status, body } = answerOf(repeat);
  if (status !== 202)
    return finding(
      `The repeated ${what} was answered ${status} while the first was carried out; expected: 202.`,
      first,
      repeat,
    );
  const before = answerOf(first).body?.operation;
  if (sameJson(before ?? null, body?.operation ?? null)) return fine;
  return finding(`The repeated ${what} named another operation than the first.`, first, repeat);
}

export const provisionChecks: readonly PlanCheck[] = [
  {
    id: "provision-missing-fields",
    title: "An order without service_id, plan_id, organization_guid or space_guid is a 400.",
    section: "Provisioning",
    level: "MUST",
    about: "plan",
    run: async (context) => refusedWith([400], (await context.story(refusals)).missingFields),
  },
  {
    id: "provision-malformed",
    title: "An order that is no JSON object, or has members of the wrong type, is a 400.",
    section: "Provisioning",
    level: "MUST",
    about: "plan",
    run: async (context) => refusedWith([400], (await context.story(refusals)).malformed),
  },
  {
    id: "provision-unknown-plan",
    title: "An order on a service or plan that is not in the catalog is refused.",
    section: "Provisioning",
    level: "MUST",
    about: "plan",
    async run(context) {
      const { unknownPlan, unknownService } = await context.story(refusals);
      return [unknownPlan, unknownService].flatMap(({ what, asked }) => {
        const answer = answerOf(asked);
        return isRefusal(answer) ? fine : finding(`The ${what} was answered ${answer.status}; expected: 400.`, asked);
      });
    },
  },
  {
    id: "provision-maintenance",
    title: "An order with another maintenance_info.version than the catalog's is a 422 MaintenanceInfoConflict.",
    section: "Provisioning",
    level: "MUST",
    needs: ["maintenance_info"],
    about: "plan",
    async run(context) {
      const { maintenance } = await context.story(refusals);
      return expectCode(maintenance.asked, "MaintenanceInfoConflict", maintenance.what);
    },
  },
  {
    id: "content-type-refused",
    title: "What is refused for its content type or body is refused with 400, not with 415.",
    section: "Content Type",
    level: "SHOULD",
    about: "plan",
    run: async (context) => refusedWith([400], [(await context.story(refusals)).otherContentType]),
  },
  {
    id: "auth-every-change",
    title: "An order without credentials is a 401.",
    section: "Platform to Service Broker Authentication",
    level: "MUST",
    needs: ["authentication"],
    about: "plan",
    async run(context) {
      const { stranger } = await context.story(refusals);
      return refusedWith([401], [reached(stranger, "order without credentials")]);
    },
  },
  {
    id: "update-unknown-instance",
    title: "A change of an instance that never was is refused, best with 404.",
    section: "Updating a Service Instance",
    level: "SHOULD",
    about: "plan",
    run: async (context) =>
      expectStatus(
        (await context.story(refusals)).unknownUpdated,
        [400, 404, 410, 422],
        "change of an unknown instance",
      ),
  },
  {
    id: "bind-unknown-instance",
    title: "A binding of an instance that never was is refused, best with 404.",
    section: "Binding",
    level: "SHOULD",
    needs: ["bindable"],
    about: "plan",
    run: async (context) =>
      expectStatus((await context.story(refusals)).unknownBound, [400, 404, 410], "binding of an unknown instance"),
  },
  {
    id: "deprovision-unknown",
    title: "The deletion of an instance that never was is a 410.",
    section: "Deprovisioning",
    level: "MUST",
    about: "plan",
    run: async (context) => expectStatus((await context.story(refusals)).unknownRemoved, [410], "deletion"),
  },
  {
    id: "unbind-unknown",
    title: "The deletion of a binding that never was is a 410.",
    section: "Unbinding",
    level: "MUST",
    needs: ["bindable"],
    about: "plan",
    run: async (context) => expectStatus((await context.story(refusals)).unknownUnbound, [410], "deletion"),
  },
  {
    id: "leak-refused-order",
    title: "What was refused was not made: nothing is there to be deleted.",
    section: "Error Codes",
    level: "MUST",
    about: "plan",
    async run(context) {
      const { afterwards } = await context.story(refusals);
      return afterwards.flatMap(({ refused, removed }) => {
        const { asked, what } = refused;
        const leaked = isRefusal(answerOf(asked)) && isSuccess(answerOf(removed));
        return leaked
          ? finding(`The ${what} was refused, and yet there was something to delete afterwards.`, asked, removed)
          : fine;
      });
    },
  },
  {
    id: "async-required",
    title: "Without accepts_incomplete=true an order is done at once, or is a 422 AsyncRequired.",
    section: "Asynchronous Operations",
    level: "MUST",
    about: "plan",
    async run(context) {
      const { orders, bind, unbind, remove } = await context.story(impatience);
      const asked = [...orders, bind, unbind, remove].filter((exchange) => exchange !== undefined);
      return asked.flatMap((exchange) => {
        const answer = answerOf(exchange);
        // A 202 has a check of its own: async-only-if-accepted.
        if (isSuccess(answer) || isCoded(answer, "AsyncRequired")) return fine;
        return finding(`The answer was ${statusAndCode(exchange)}; expected: done, or 422 AsyncRequired.`, exchange);
      });
    },
  },
  {
    id: "provision-works",
    title: "An order on the plan leads to an instance: 201 at once, or 202 and success in the end.",
    section: "Provisioning",
    level: "MUST",
    about: "plan",
    async run(context) {
      const { order, ending } = await context.story(birth);
      const { status, body } = answerOf(order);
      if (isRefusal({ status, headers: {}, text: "", body }))
        return finding(
          `The order was refused with ${statusAndCode(order)}. If the plan needs parameters, name a file with --parameters.`,
          order,
        );
      if (status !== 201 && status !== 202)
        return finding(`A new order was answered ${status}; expected: 201 or 202.`, order);
      if (status === 201 || ending?.state === "succeeded") return fine;
      return finding(`The order was accepted, and then ${endOf(ending?.state)}.`, order, ...lastOf(ending?.last));
    },
  },
  {
    id: "provision-poll-at-once",
    title: "Whoever was told 202 can poll at once.",
    section: "Polling Last Operation for Service Instances",
    level: "MUST",
    about: "plan",
    async run(context) {
      const { order, firstPoll } = await context.story(birth);
      if (order.answer?.status !== 202) throw new NotClaimed("the plan is provisioned at once");
      return expectStatus(firstPoll, [200], "poll right after the 202");
    },
  },
  {
    id: "provision-repeat-running",
    title: "The same order during its execution is a 202 with the same operation.",
    section: "Provisioning",
    level: "MUST",
    about: "plan",
    async run(context) {
      const { order, meanwhile } = await context.story(birth);
      return expectSameOperation(order, meanwhileOf(order, meanwhile).repeat, "order");
    },
  },
  {
    id: "provision-conflict-running",
    title: "A different order under the same id during its execution is a 409.",
    section: "Provisioning",
    level: "MUST",
    about: "plan",
    async run(context) {
      const { order, meanwhile } = await context.story(birth);
      return expectStatus(meanwhileOf(order, meanwhile).different, [409], "order for another organization");
    },
  },
  {
    id: "fetch-running",
    title: "An instance that is being provisioned cannot be fetched yet: 404.",
    section: "Fetching a Service Instance",
    level: "MUST",
    needs: ["instances_retrievable"],
    about: "plan",
    async run(context) {
      const { order, meanwhile } = await context.story(birth);
      return expectStatus(meanwhileOf(order, meanwhile).fetched, [404], "fetch during provisioning");
    },
  },
  {
    id: "bind-running",
    title: "A binding of an instance that is being provisioned is refused with 422 ConcurrencyError, if at all.",
    section: "Blocking Operations",
    level: "MUST",
    needs: ["bindable"],
    about: "plan",
    async run(context) {
      const { order, meanwhile } = await context.story(birth);
      const bound = reached(meanwhileOf(order, meanwhile).bound, "binding");
      const answer = answerOf(bound);
      // 404 is fair as well: to fetch it would be answered so.
      if (isSuccess(answer) || answer.status === 404 || isCoded(answer, "ConcurrencyError")) return fine;
      return finding(`The answer was ${statusAndCode(bound)}; expected: 422 ConcurrencyError.`, bound);
    },
  },
  {
    id: "poll-remembered",
    title: "How an operation ended is told again to whoever asks again.",
    section: "Polling Last Operation for Service Instances",
    level: "SHOULD",
    about: "plan",
    async run(context) {
      const { order, ending, polledAgain } = await context.story(birth);
      if (order.answer?.status !== 202) throw new NotClaimed("the plan is provisioned at once");
      const again = reached(polledAgain, "second poll");
      const { status, body } = answerOf(again);
      if (status === 200 && body?.state === ending?.state) return fine;
      return finding("The same poll was answered differently the second time.", ...lastOf(ending?.last), again);
    },
  },
  {
    id: "fetch-instance",
    title: "An instance can be fetched as soon as it is there, with the service and plan it was ordered with.",
    section: "Fetching a Service Instance",
    level: "MUST",
    needs: ["instances_retrievable"],
    about: "plan",
    async run(context) {
      const exchange = reached((await context.story(birth)).fetched, "instance");
      const { status, body } = answerOf(exchange);
      if (status !== 200) return finding(`The fetch was answered ${status}; expected: 200.`, exchange);
      const { plan } = context;
      const said = { service_id: plan.serviceId, plan_id: plan.id };
      return Object.entries(said).flatMap(([member, value]) =>
        body?.[member] === undefined || body[member] === value
          ? fine
          : finding(`${member} of the instance is not the one that was ordered.`, exchange),
      );
    },
  },
  {
    id: "fetch-dashboard",
    title: "A dashboard_url is told in the first answer already, and is the same ever after.",
    section: "Fetching a Service Instance",
    level: "MUST",
    about: "plan",
    async run(context) {
      const { order, fetched, repeat, there } = await context.story(birth);
      if (!there) throw new NotReached("the plan could not be ordered (see provision-works)");
      const first = answerOf(order).body?.dashboard_url ?? null;
      return [fetched, repeat].flatMap((exchange) => {
        const later = exchange?.answer?.body?.dashboard_url ?? null;
        if (exchange === undefined || later === null || later === first) return fine;
        return finding("This dashboard_url is not the one of the first answer.", order, exchange);
      });
    },
  },
  {
    id: "provision-repeat",
    title: "The same order again, once the instance is there, is a 200.",
    section: "Provisioning",
    level: "SHOULD",
    about: "plan",
    run: async (context) =>
      expectStatus(reached((await context.story(birth)).repeat, "repeat"), [200], "same order again"),
  },
  {
    id: "provision-unknown-fields",
    title: "Members of an order that the broker does not know are ignored.",
    section: "Vendor Extension Fields",
    level: "MUST",
    about: "plan",
    async run(context) {
      const { repeat, repeatWithMore } = await context.story(birth);
      const plain = answerOf(repeat, "repeat");
      const more = answerOf(repeatWithMore, "repeat");
      if (plain.status === more.status || repeatWithMore === undefined) return fine;
      return finding(
        `With unknown members and another instance_name the same order was answered ${more.status}, without them ${plain.status}.`,
        repeatWithMore,
      );
    },
  },
  {
    id: "provision-conflict",
    title: "Another order under the id of an instance that is there is a 409.",
    section: "Provisioning",
    level: "MUST",
    about: "plan",
    run: async (context) =>
      expectStatus(reached((await context.story(birth)).conflict, "second order"), [409], "different order"),
  },
  {
    id: "provision-conflict-parameters",
    title: "An order with other parameters under the id of an instance that is there is a 409, or a 400 by the schema.",
    section: "Provisioning",
    level: "MUST",
    about: "plan",
    run: async (context) =>
      expectStatus(
        reached((await context.story(birth)).conflictingParameters, "second order"),
        [409, 400],
        "order with other parameters",
      ),
  },
];

/** `422 AsyncRequired`, or the status alone. */
export function statusAndCode({ answer }: Exchange): string {
  const code = answer?.body?.error;
  return `${answer?.status}${typeof code === "string" && /^\w{1,64}$/.test(code) ? ` ${code}` : ""}`;
}

export function expectCode(exchange: Exchange, code: string, what: string): readonly Finding[] {
  if (isCoded(answerOf(exchange), code)) return fine;
  return finding(`The ${what} was answered ${statusAndCode(exchange)}; expected: 422 ${code}.`, exchange);
}

export const lastOf = (exchange: Exchange | undefined): readonly Exchange[] =>
  exchange === undefined ? [] : [exchange];

export function endOf(state: string | undefined): string {
  if (state === "failed") return "failed";
  if (state === "stuck") return "was not done in the time that --timeout allows";
  return "nobody can tell what became of it: its last_operation has no state that the specification knows";
}

/** Requests that meet: one of them decides, and nothing is left of the others. */
import {
  answerOf,
  expectStatus,
  type Finding,
  finding,
  fine,
  isCoded,
  isSuccess,
  NotClaimed,
  NotReached,
  type PlanCheck,
} from "../check.ts";
import type { Exchange } from "../client.ts";
import { changeOfBinding, changeOfMind, type Interrupted, rivals, twins } from "../stories/races.ts";
import { statusAndCode } from "./provision.ts";

/** Each of these is a fair answer to a request that meets its own twin. */
function fairTwins(exchanges: readonly Exchange[], statuses: readonly number[], what: string): readonly Finding[] {
  const unfair = exchanges.filter((exchange) => {
    const answer = answerOf(exchange);
    return !statuses.includes(answer.status) && !isCoded(answer, "ConcurrencyError");
  });
  return unfair.length === 0
    ? fine
    : finding(
        `Of ${exchanges.length} identical ${what} at once ${unfair.map(statusAndCode).join(", ")} came back; expected: ${statuses.join(", ")} or 422 ConcurrencyError.`,
        ...unfair.slice(0, 2),
      );
}

function oneOperation(exchanges: readonly Exchange[], what: string): readonly Finding[] {
  const accepted = exchanges.filter(({ answer }) => answer?.status === 202);
  const operations = new Set(accepted.map(({ answer }) => JSON.stringify(answer?.body?.operation ?? null)));
  return operations.size < 2
    ? fine
    : finding(`${what} at once began ${operations.size} operations; expected: one.`, ...accepted.slice(0, 2));
}

function made(exchanges: readonly Exchange[]): readonly Exchange[] {
  return exchanges.filter(({ answer }) => answer?.status === 201);
}

/** What has to hold after a creation was interrupted by its deletion. */
function judgeInterruption(seen: Interrupted | undefined, what: string): readonly Finding[] {
  if (seen === undefined) throw new NotClaimed(`${what} is done at once`);
  const { begun, removal, removalEnding, again, fetched } = seen;
  if (begun.answer?.status !== 202) throw new NotReached("nothing was under way that could be interrupted");
  const answer = answerOf(removal);
  if (isCoded(answer, "ConcurrencyError")) return fine;
  if (!isSuccess(answer))
    return finding(
      `The deletion during ${what} was answered ${statusAndCode(removal)}; expected: 200, 202 or 422 ConcurrencyError.`,
      begun,
      removal,
    );
  if (removalEnding !== undefined && removalEnding.state !== "succeeded" && removalEnding.state !== "gone")
    return finding("The deletion was accepted, and did not succeed.", removal, ...removalEnding.polls.slice(-1));
  const left = [
    ...(again?.answer !== undefined && again.answer.status !== 410 ? [again] : []),
    ...(fetched?.answer?.status === 200 ? [fetched] : []),
  ];
  return left.length === 0
    ? fine
    : finding("The deletion was accepted and done, and yet something was there afterwards.", removal, ...left);
}

/** What the creation's own operation has to tell after it was interrupted. */
function judgeTale(seen: Interrupted | undefined, what: string): readonly Finding[] {
  if (seen === undefined) throw new NotClaimed(`${what} is done at once`);
  const { begun, removal, begunAfterwards } = seen;
  if (begunAfterwards === undefined) throw new NotClaimed("deletions have to wait until the creation is done");
  const first = begun.answer?.body?.operation;
  const second = removal.answer?.body?.operation;
  const distinct = typeof first === "string" && typeof second === "string" && first !== second;
  const { status, body } = answerOf(begunAfterwards);
  // Without names to tell them apart, the newest operation is told: the deletion.
  if (!distinct && removal.answer?.status === 202) return fine;
  if (status === 200 && body?.state === "succeeded")
    return finding(`By its own name ${what} has "succeeded", though its deletion stopped it.`, begun, begunAfterwards);
  return fine;
}

export const raceChecks: readonly PlanCheck[] = [
  {
    id: "race-same-orders",
    title: "The same order several times at once makes one instance.",
    section: "Provisioning",
    level: "MUST",
    about: "plan",
    async run(context) {
      const { orders } = await context.story(twins);
      const wrong = [...fairTwins(orders, [200, 201, 202], "orders"), ...oneOperation(orders, "The same order")];
      if (wrong.length > 0) return wrong;
      return made(orders).length < 2
        ? fine
        : finding("More than one of them was answered 201: who made the instance?", ...made(orders).slice(0, 2));
    },
  },
  {
    id: "race-different-orders",
    title: "Of two different orders at once under one id one wins, and the other is a 409.",
    section: "Provisioning",
    level: "MUST",
    about: "plan",
    async run(context) {
      const { orders } = await context.story(rivals);
      const winners = orders.filter((exchange) => isSuccess(answerOf(exchange)));
      if (winners.length > 1) return finding("Both orders were accepted under one id.", ...winners);
      return orders
        .filter((exchange) => !winners.includes(exchange))
        .flatMap((loser) => {
          const answer = answerOf(loser);
          if (answer.status === 409 || isCoded(answer, "ConcurrencyError")) return fine;
          return finding(`The other order was answered ${statusAndCode(loser)}; expected: 409.`, ...orders);
        });
    },
  },
  {
    id: "race-same-bindings",
    title: "The same binding several times at once makes one binding with one set of credentials.",
    section: "Binding",
    level: "MUST",
    needs: ["bindable"],
    about: "plan",
    async run(context) {
      const { binds, there } = await context.story(twins);
      if (!there || binds.length === 0) throw new NotReached("there was no instance to bind");
      const wrong = [...fairTwins(binds, [200, 201, 202], "bindings"), ...oneOperation(binds, "The same binding")];
      if (wrong.length > 0) return wrong;
      const done = binds.filter(({ answer }) => answer?.status === 200 || answer?.status === 201);
      const given = new Set(done.map(({ answer }) => JSON.stringify(answer?.body?.credentials ?? null)));
      return given.size < 2
        ? fine
        : finding("The same binding was answered with different credentials.", ...done.slice(0, 2));
    },
  },
  {
    id: "race-same-deletions",
    title: "The same deletion several times at once deletes once.",
    section: "Deprovisioning",
    level: "MUST",
    about: "plan",
    async run(context) {
      const { removals, there } = await context.story(twins);
      if (!there) throw new NotReached("there was no instance to delete");
      return [...fairTwins(removals, [200, 202, 410], "deletions"), ...oneOperation(removals, "The same deletion")];
    },
  },
  {
    id: "leak-after-races",
    title: "After simultaneous orders and deletions nothing is left under the id.",
    section: "Orphan Mitigation",
    level: "MUST",
    about: "plan",
    async run(context) {
      const { again, fetched, there } = await context.story(twins);
      if (!there) throw new NotReached("there was no instance to delete");
      const wrong = isSuccess(answerOf(again))
        ? finding("Everything was deleted, and yet there was something to delete again.", again)
        : fine;
      return context.plan.claims.has("instances_retrievable")
        ? [...wrong, ...(fetched.answer?.status === 200 ? expectStatus(fetched, [404], "fetch afterwards") : fine)]
        : wrong;
    },
  },
  {
    id: "race-delete-during-create",
    title: "A deletion during provisioning halts it and leaves nothing, or is refused with 422 ConcurrencyError.",
    section: "Deprovisioning",
    level: "MUST",
    about: "plan",
    run: async (context) => judgeInterruption(await context.story(changeOfMind), "provisioning"),
  },
  {
    id: "race-delete-during-create-told",
    title: "After such a deletion the order's own operation does not say that it succeeded.",
    section: "Deprovisioning",
    level: "SHOULD",
    about: "plan",
    run: async (context) => judgeTale(await context.story(changeOfMind), "provisioning"),
  },
  {
    id: "race-unbind-during-bind",
    title: "A deletion of a binding that is being made halts it, or is refused with 422 ConcurrencyError.",
    section: "Unbinding",
    level: "MUST",
    needs: ["bindable"],
    about: "plan",
    run: async (context) => judgeInterruption(await context.story(changeOfBinding), "binding"),
  },
  {
    id: "race-unbind-during-bind-told",
    title: "After such a deletion the binding's own operation does not say that it succeeded.",
    section: "Unbinding",
    level: "SHOULD",
    needs: ["bindable"],
    about: "plan",
    run: async (context) => judgeTale(await context.story(changeOfBinding), "binding"),
  },
];

/** Bindings taken back. */
import { answerOf, expectStatus, finding, fine, NotClaimed, NotReached, type PlanCheck, reached } from "../check.ts";
import { achieved } from "../requests.ts";
import { bindCheck } from "./bind-check.ts";
import { endOf, expectSameOperation, lastOf, statusAndCode } from "./provision.ts";

export const unbindChecks: readonly PlanCheck[] = [
  bindCheck({
    id: "unbind-missing-query",
    title: "Taking a binding back without service_id and plan_id is a 400, and the binding stays.",
    section: "Unbinding",
    level: "MUST",
    look({ unbindWithoutHints, stillThere }) {
      const asked = reached(unbindWithoutHints, "deletion");
      const wrong = expectStatus(asked, [400], "deletion without service_id and plan_id");
      if (wrong.length > 0 || stillThere === undefined) return wrong;
      return [201, 202].includes(answerOf(stillThere).status)
        ? finding("The deletion was refused, and yet the binding was gone.", asked, stillThere)
        : fine;
    },
  }),
  bindCheck({
    id: "unbind-works",
    title: "A binding is taken back: 200 at once, or 202 and success in the end.",
    section: "Unbinding",
    level: "MUST",
    look({ unbind, unbindEnding }) {
      const asked = reached(unbind, "deletion");
      if (achieved(asked, unbindEnding)) return expectStatus(asked, [200, 202], "deletion");
      const { status } = answerOf(asked);
      if (status === 202)
        return finding(
          `The deletion was accepted, and then ${endOf(unbindEnding?.state)}.`,
          asked,
          ...lastOf(unbindEnding?.last),
        );
      return finding(`The deletion was answered ${statusAndCode(asked)}; expected: 200 or 202.`, asked);
    },
  }),
  bindCheck({
    id: "unbind-repeat-running",
    title: "The same deletion of a binding during its execution is a 202 with the same operation.",
    section: "Unbinding",
    level: "MUST",
    look({ unbind, unbindRepeat, unbindRunning }) {
      const asked = reached(unbind, "deletion");
      if (asked.answer?.status !== 202) throw new NotClaimed("bindings are taken back at once");
      if (unbindRunning !== true) throw new NotReached("the deletion was done before anybody could look");
      return expectSameOperation(asked, reached(unbindRepeat, "repeat"), "deletion");
    },
  }),
  bindCheck({
    id: "unbind-repeat",
    title: "Taking back what was taken back is a 410.",
    section: "Unbinding",
    level: "MUST",
    look({ unbind, unbindEnding, unbindAgain }) {
      if (!achieved(reached(unbind, "deletion"), unbindEnding)) throw new NotReached("no binding was taken back");
      return expectStatus(unbindAgain, [410], "second deletion");
    },
  }),
  bindCheck({
    id: "unbind-gone",
    title: "A binding that was taken back cannot be fetched any more: 404.",
    section: "Fetching a Service Binding",
    level: "MUST",
    needs: ["bindings_retrievable"],
    look({ unbind, unbindEnding, fetchedAfter }) {
      if (!achieved(reached(unbind, "deletion"), unbindEnding)) throw new NotReached("no binding was taken back");
      return expectStatus(fetchedAfter, [404], "fetch afterwards");
    },
  }),
];

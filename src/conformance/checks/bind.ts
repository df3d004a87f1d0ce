/** Bindings: made, repeated, fetched, rotated and taken back. */
import { type JsonObject, sameJson } from "../../core/json.ts";
import {
  answerOf,
  expectStatus,
  type Finding,
  finding,
  fine,
  isRefusal,
  isSuccess,
  NotClaimed,
  NotReached,
  type PlanCheck,
  reached,
} from "../check.ts";
import type { Exchange } from "../client.ts";
import { type Bound, unbindable } from "../stories/life.ts";
import { bindCheck } from "./bind-check.ts";
import { isEndpoint, isTime, isVolumeMount, lists, object } from "./binding-shapes.ts";
import { endOf, expectSameOperation, lastOf, statusAndCode } from "./provision.ts";
import { unbindChecks } from "./unbind.ts";

/** All but the credentials' own name: what makes up a binding. */
const parts = ["credentials", "syslog_drain_url", "route_service_url", "volume_mounts", "endpoints"] as const;
/** What the broker hands out: in its answer, or by GET after an asynchronous bind. */
function dataOf({ asked, fetched }: Bound): { readonly body: JsonObject; readonly exchange: Exchange } {
  const exchange = asked.answer?.status === 202 ? fetched : asked;
  const { status, body } = answerOf(exchange, "binding");
  if (exchange === undefined || body === undefined || status >= 300)
    throw new NotReached("there was no binding to look at");
  return { body, exchange };
}

function expectBound({ asked, ending, there }: Bound, what: string): readonly Finding[] {
  const { status } = answerOf(asked);
  if (there && status !== 200) return fine;
  if (status === 202)
    return finding(`The ${what} was accepted, and then ${endOf(ending?.state)}.`, asked, ...lastOf(ending?.last));
  return finding(`The ${what} was answered ${statusAndCode(asked)}; expected: 201 or 202.`, asked);
}

export const bindChecks: readonly PlanCheck[] = [
  bindCheck({
    id: "bind-missing-fields",
    title: "A binding without service_id or plan_id is a 400.",
    section: "Binding",
    level: "MUST",
    look: ({ missingFields }) => missingFields.flatMap(({ what, asked }) => expectStatus(asked, [400], what)),
  }),
  bindCheck({
    id: "bind-works",
    title: "A binding is made: 201 at once, or 202 and success in the end.",
    section: "Binding",
    level: "MUST",
    look: ({ first }) => expectBound(first, "binding"),
  }),
  bindCheck({
    id: "bind-data",
    title: "A binding that is there hands out what is needed for connecting.",
    section: "Binding",
    level: "MUST",
    look({ first }, { plan }) {
      if (!first.there) throw new NotReached("there was no binding to look at");
      const byFetching = first.asked.answer?.status === 202;
      if (byFetching && !plan.claims.has("bindings_retrievable"))
        throw new NotReached("nobody can fetch what was bound asynchronously (see bind-async-retrievable)");
      if (byFetching && first.fetched?.answer?.status !== 200)
        throw new NotReached("the binding could not be fetched (see fetch-binding)");
      const { body, exchange } = dataOf(first);
      if (body.credentials !== undefined && object(body.credentials) === undefined)
        return finding("The credentials are no JSON object.", exchange);
      return parts.some((part) => body[part] !== undefined && body[part] !== null)
        ? fine
        : finding("The binding has neither credentials nor anything else to connect with.", exchange);
    },
  }),
  bindCheck({
    id: "bind-async-empty",
    title: "The 202 of a binding that is being made holds nothing of the binding.",
    section: "Binding",
    level: "MUST",
    look({ first: { asked } }) {
      if (asked.answer?.status !== 202) throw new NotClaimed("the plan is bound at once");
      const early = parts.filter((part) => asked.answer?.body?.[part] !== undefined);
      return early.length === 0 ? fine : finding(`The 202 has ${early.join(", ")} already.`, asked);
    },
  }),
  bindCheck({
    id: "bind-async-retrievable",
    title: "Who binds asynchronously claims bindings_retrievable: there is no other way to the credentials.",
    section: "Fetching a Service Binding",
    level: "MUST",
    look({ first: { asked } }, { plan }) {
      if (asked.answer?.status !== 202) throw new NotClaimed("the plan is bound at once");
      return plan.claims.has("bindings_retrievable")
        ? fine
        : finding("The catalog does not claim bindings_retrievable for this offering.", asked);
    },
  }),
  bindCheck({
    id: "bind-repeat-running",
    title: "The same binding during its making is a 202 with the same operation.",
    section: "Binding",
    level: "MUST",
    look({ first: { asked }, running }) {
      if (asked.answer?.status !== 202) throw new NotClaimed("the plan is bound at once");
      if (running === undefined) throw new NotReached("the binding was made before anybody could look");
      return expectSameOperation(asked, running.repeat, "binding");
    },
  }),
  bindCheck({
    id: "bind-repeat",
    title: "The same binding again is a 200 with the same credentials.",
    section: "Binding",
    level: "SHOULD",
    look({ first, repeat }) {
      const wrong = expectStatus(repeat, [200], "same binding again");
      if (wrong.length > 0 || repeat === undefined) return wrong;
      if (first.asked.answer?.status !== 201) return fine;
      return sameJson(first.asked.answer.body?.credentials ?? null, repeat.answer?.body?.credentials ?? null)
        ? fine
        : finding("The credentials of the repeat are not those of the first answer.", first.asked, repeat);
    },
  }),
  bindCheck({
    id: "bind-conflict",
    title: "A binding with other parameters under the same id is a 409, or a 400 by the schema.",
    section: "Binding",
    level: "MUST",
    look: ({ conflict }) => expectStatus(reached(conflict, "second binding"), [409, 400], "different binding"),
  }),
  bindCheck({
    id: "bind-own-credentials",
    title: "Every binding has credentials of its own, so that one can be taken back alone.",
    section: "Types of Binding",
    level: "SHOULD",
    look({ first, second }) {
      const other = reached(second, "second binding");
      if (!other.there) return expectBound(other, "second binding");
      const one = dataOf(first);
      const two = dataOf(other);
      if (object(one.body.credentials) === undefined) throw new NotClaimed("bindings have no credentials");
      return sameJson(one.body.credentials, two.body.credentials)
        ? finding("Two bindings were given the same credentials.", one.exchange, two.exchange)
        : fine;
    },
  }),
  bindCheck({
    id: "bind-declared",
    title: "Only what the offering `requires` comes with a binding: log drains, route services, volume mounts.",
    section: "Binding",
    level: "MUST",
    look({ first }, { plan, catalog }) {
      const { body, exchange } = dataOf(first);
      const offering = catalog.offerings.find(({ id }) => id === plan.serviceId);
      const declared = lists(offering?.raw.requires);
      const needs = {
        syslog_drain_url: "syslog_drain",
        route_service_url: "route_forwarding",
        volume_mounts: "volume_mount",
      };
      return Object.entries(needs).flatMap(([member, word]) => {
        const there = body[member] !== undefined && body[member] !== null && !sameJson(body[member], []);
        return there && !declared.includes(word)
          ? finding(`The binding has ${member}, but the offering does not require ${word}.`, exchange)
          : fine;
      });
    },
  }),
  bindCheck({
    id: "bind-endpoints",
    title: "endpoints have a host, and ports as texts.",
    section: "Endpoint Object",
    level: "MUST",
    look({ first }) {
      const { body, exchange } = dataOf(first);
      if (body.endpoints === undefined || body.endpoints === null) throw new NotClaimed("the binding has no endpoints");
      return Array.isArray(body.endpoints) && body.endpoints.every(isEndpoint)
        ? fine
        : finding('Every endpoint needs a host, ports such as "5432" or "9000-9010", and tcp, udp or all.', exchange);
    },
  }),
  bindCheck({
    id: "bind-volume-mounts",
    title: "volume_mounts have driver, container_dir, mode, device_type and device.",
    section: "Volume Mount Object",
    level: "MUST",
    look({ first }) {
      const { body, exchange } = dataOf(first);
      if (body.volume_mounts === undefined || body.volume_mounts === null)
        throw new NotClaimed("the binding has no volume mounts");
      return Array.isArray(body.volume_mounts) && body.volume_mounts.every(isVolumeMount)
        ? fine
        : finding("A volume mount lacks a member, or has one that the specification does not know.", exchange);
    },
  }),
  bindCheck({
    id: "bind-metadata",
    title: "Times of expiry and renewal are written as the specification has them, renewal not after expiry.",
    section: "Binding Metadata Object",
    level: "MUST",
    look({ first }) {
      const { body, exchange } = dataOf(first);
      const metadata = object(body.metadata);
      if (body.metadata === undefined || body.metadata === null) throw new NotClaimed("the binding has no metadata");
      if (metadata === undefined) return finding("The metadata is no JSON object.", exchange);
      const { expires_at: expires, renew_before: renew } = metadata;
      const wrong = Object.entries({ expires_at: expires, renew_before: renew }).filter(
        ([, value]) => value !== undefined && value !== null && !isTime(value),
      );
      if (wrong.length > 0)
        return finding(`${wrong.map(([name]) => name).join(", ")} must look like 2019-12-31T23:59:59.0Z.`, exchange);
      const late = isTime(expires) && isTime(renew) && Date.parse(String(renew)) > Date.parse(String(expires));
      return late ? finding("renew_before is after expires_at.", exchange) : fine;
    },
  }),
  bindCheck({
    id: "fetch-binding",
    title: "A binding can be fetched as soon as it is there, with the credentials it was made with.",
    section: "Fetching a Service Binding",
    level: "MUST",
    needs: ["bindings_retrievable"],
    look({ first }) {
      const { asked, there } = first;
      if (!there) throw new NotReached("there was no binding to fetch");
      const fetched = reached(first.fetched, "fetch");
      const { status, body } = answerOf(fetched);
      if (status !== 200) return finding(`The fetch was answered ${status}; expected: 200.`, fetched);
      const known = asked.answer?.status === 201 ? asked.answer.body?.credentials : undefined;
      const shown = body?.credentials;
      // A broker may hand credentials out only once: absent is fair, different is not.
      if (known === undefined || shown === undefined || sameJson(known, shown)) return fine;
      return finding("The credentials fetched are not those of the bind answer.", asked, fetched);
    },
  }),
  bindCheck({
    id: "rotate-works",
    title: "A binding is rotated by naming its predecessor and nothing else, and has new credentials.",
    section: "Binding Rotation",
    level: "MUST",
    needs: ["binding_rotatable"],
    look({ first, rotated }) {
      const successor = reached(rotated, "rotation");
      const wrong = expectBound(successor, "rotation");
      if (wrong.length > 0) return wrong;
      const before = dataOf(first);
      const after = dataOf(successor);
      if (object(after.body.credentials) === undefined) return fine;
      return sameJson(before.body.credentials, after.body.credentials)
        ? finding("The successor has the credentials of its predecessor.", after.exchange)
        : fine;
    },
  }),
  bindCheck({
    id: "rotate-predecessor-stays",
    title: "After a rotation the predecessor is still there, and after its removal the successor is.",
    section: "Binding Rotation",
    level: "MUST",
    needs: ["binding_rotatable", "bindings_retrievable"],
    look({ rotated, predecessor, successorAfter }) {
      if (rotated?.there !== true) throw new NotReached("there was no rotation (see rotate-works)");
      return [
        ...expectStatus(reached(predecessor, "predecessor"), [200], "fetch of the predecessor"),
        ...expectStatus(reached(successorAfter, "successor"), [200], "fetch of the successor, its predecessor gone,"),
      ];
    },
  }),
  bindCheck({
    id: "rotate-unknown-predecessor",
    title: "A rotation of a binding that never was is refused.",
    section: "Binding Rotation",
    level: "SHOULD",
    needs: ["binding_rotatable"],
    look({ rotatedFromNowhere }) {
      const exchange = reached(rotatedFromNowhere, "rotation");
      const answer = answerOf(exchange);
      return isRefusal(answer) ? fine : finding(`The answer was ${answer.status}; expected: 400.`, exchange);
    },
  }),
  ...unbindChecks,
  {
    id: "bind-not-claimed",
    title: "A plan that is not bindable refuses to be bound, with another status than an uncoded 422.",
    section: "Binding",
    level: "SHOULD",
    about: "plan",
    async run(context) {
      if (context.plan.claims.has("bindable")) throw new NotClaimed("the plan is bindable");
      const exchange = await context.story(unbindable);
      const answer = answerOf(exchange);
      if (isSuccess(answer))
        return finding("The binding was made, though the catalog says that none can be.", exchange);
      return expectStatus(exchange, [400, 404, 405, 501], "binding");
    },
  },
];

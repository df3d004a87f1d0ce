/** What holds for every answer, whatever was asked: looked at when all else is done. */
import { isJsonObject, type Json, type JsonObject } from "../../core/json.ts";
import type { AnswersCheck, AnswersContext, Finding } from "../check.ts";
import { type Answer, type Exchange, interrupted } from "../client.ts";

type Answered = Exchange & { readonly answer: Answer };
type Kind = "catalog" | "instance" | "binding" | "instance poll" | "binding poll" | "other";

const shownExamples = 3;

/** Wrong answers under one sentence each, with some examples and how many there were. */
function collect(wrong: readonly { readonly message: string; readonly exchange: Exchange }[]): readonly Finding[] {
  const byMessage = new Map<string, Exchange[]>();
  for (const { message, exchange } of wrong) byMessage.set(message, [...(byMessage.get(message) ?? []), exchange]);
  return [...byMessage].map(([message, exchanges]) => ({
    message: exchanges.length > shownExamples ? `${message} (${exchanges.length} answers)` : message,
    exchanges: exchanges.slice(0, shownExamples),
  }));
}

/** A check that has a word to say to every answer, or none. */
function eachAnswer(
  check: Omit<AnswersCheck, "about" | "run"> & {
    readonly wrong: (exchange: Answered, context: AnswersContext) => string | undefined;
  },
): AnswersCheck {
  const { wrong, ...data } = check;
  return {
    ...data,
    about: "answers",
    run: (context) =>
      collect(
        context.exchanges.flatMap((exchange) => {
          if (exchange.answer === undefined) return [];
          const message = wrong(exchange as Answered, context);
          return message === undefined ? [] : [{ message, exchange }];
        }),
      ),
  };
}

export function kindOf(path: string): Kind {
  if (path === "/v2/catalog") return "catalog";
  const [, binding, poll] =
    /^\/v2\/service_instances\/[^/]+(\/service_bindings\/[^/]+)?(\/last_operation)?$/.exec(path) ?? [];
  if (!path.startsWith("/v2/service_instances/")) return "other";
  if (poll !== undefined) return binding === undefined ? "instance poll" : "binding poll";
  return binding === undefined ? "instance" : "binding";
}

const isText = (value: unknown): boolean => typeof value === "string" && value.trim() !== "";
const isError = ({ status }: Answer): boolean => status >= 400;
/** Refused before a route of the broker's own was found: servers and frameworks speak there. */
const isElsewhere = ({ question: { path } }: Exchange): boolean => kindOf(path) === "other" || path.includes("%zz");

export const answersChecks: readonly AnswersCheck[] = [
  {
    id: "leak-leftovers",
    title: "Everything that was ordered could be removed again.",
    section: "Orphan Mitigation",
    level: "MUST",
    about: "answers",
    run: ({ leftovers, exchanges }) =>
      leftovers.map(({ kind, path, why }) => ({
        message: `The ${kind} ${path} is left: ${why}.`,
        exchanges: exchanges.filter(({ question }) => question.method === "DELETE" && question.path === path).slice(-1),
      })),
  },
  {
    id: "answers-at-all",
    title: "Every request is answered, and in time.",
    section: "Synchronous and Asynchronous Operations",
    level: "MUST",
    about: "answers",
    run: ({ exchanges }) =>
      collect(
        exchanges
          .filter(({ trouble }) => trouble !== undefined && trouble !== interrupted)
          .map((exchange) => ({ message: `There was no answer: ${exchange.trouble}.`, exchange })),
      ),
  },
  eachAnswer({
    id: "answers-object",
    title: "The body of every success is a JSON object, an empty one if there is nothing to say.",
    section: "Service Broker Errors",
    level: "MUST",
    wrong: ({ answer }) =>
      answer.status >= 200 && answer.status < 300 && answer.body === undefined
        ? `A ${answer.status} has no JSON object for a body.`
        : undefined,
  }),
  eachAnswer({
    id: "answers-content-type",
    title: "Bodies are sent as application/json.",
    section: "Content Type",
    level: "SHOULD",
    wrong: (exchange) => {
      const { answer } = exchange;
      const typed = /^application\/json\b/i.test(answer.headers["content-type"] ?? "");
      return answer.text === "" || typed || isElsewhere(exchange)
        ? undefined
        : `The body is sent as ${answer.headers["content-type"] ?? "nothing in particular"}.`;
    },
  }),
  eachAnswer({
    id: "answers-null",
    title: "What there is nothing to say about is absent, not null: Cloud Foundry refuses null.",
    section: "Platforms",
    level: "SHOULD",
    wrong: ({ question, answer }) => {
      const kind = kindOf(question.path);
      if (answer.status >= 300 || answer.body === undefined || kind === "catalog" || kind === "other") return undefined;
      const nulls = Object.keys(answer.body).filter((key) => answer.body?.[key] === null);
      return nulls.length === 0 ? undefined : `${nulls.join(", ")} is null.`;
    },
  }),
  eachAnswer({
    id: "answers-operation",
    title: "An operation is named by a text, not empty and of at most 10 000 characters.",
    section: "Provisioning",
    level: "MUST",
    wrong: ({ answer }) => {
      const operation = answer.status === 202 ? answer.body?.operation : undefined;
      if (operation === undefined || operation === null) return undefined;
      return typeof operation === "string" && operation !== "" && operation.length <= 10_000
        ? undefined
        : "The operation is no such text.";
    },
  }),
  eachAnswer({
    id: "answers-operation-characters",
    title: "An operation's name needs no encoding in URLs.",
    section: "URL Properties",
    level: "SHOULD",
    wrong: ({ answer }) => {
      const operation = answer.status === 202 ? answer.body?.operation : undefined;
      return typeof operation === "string" && /[^A-Za-z0-9._~-]/.test(operation)
        ? 'The operation has characters other than letters, digits, "-", ".", "_" and "~".'
        : undefined;
    },
  }),
  eachAnswer({
    id: "async-only-if-accepted",
    title: "202 is answered only to who sent accepts_incomplete=true.",
    section: "Asynchronous Operations",
    level: "MUST",
    wrong: ({ question, answer }) =>
      answer.status === 202 && question.query?.accepts_incomplete !== "true"
        ? "A 202 was sent to a request that does not accept it."
        : undefined,
  }),
  eachAnswer({
    id: "answers-metadata",
    title: "The metadata of an instance has labels and attributes that are objects.",
    section: "Service Instance Metadata",
    level: "MUST",
    wrong: ({ question, answer: { status, body } }) => {
      const metadata = body?.metadata;
      if (kindOf(question.path) !== "instance" || status >= 300 || metadata === undefined || metadata === null)
        return undefined;
      const { labels = {}, attributes = {} } = isJsonObject(metadata) ? metadata : { labels: null };
      return isJsonObject(labels) && isJsonObject(attributes) ? undefined : "The metadata has another shape.";
    },
  }),
  eachAnswer({
    id: "poll-states",
    title: 'A poll tells "in progress", "succeeded" or "failed", and a description only if it says something.',
    section: "Polling Last Operation for Service Instances",
    level: "MUST",
    wrong: ({ question, answer: { status, body } }) => {
      if (!kindOf(question.path).endsWith("poll") || status !== 200) return undefined;
      if (!["in progress", "succeeded", "failed"].includes(String(body?.state)))
        return "The state is none of the three.";
      return body?.description === undefined || body.description === null || isText(body.description)
        ? undefined
        : "The description is empty, or no text.";
    },
  }),
  eachAnswer({
    id: "poll-flags",
    title: "instance_usable and update_repeatable are told of failures only, and never of bindings.",
    section: "Polling Last Operation for Service Instances",
    level: "MUST",
    wrong: ({ question, answer: { status, body } }) => {
      const kind = kindOf(question.path);
      if (!kind.endsWith("poll") || status !== 200) return undefined;
      const flags = ["instance_usable", "update_repeatable"].filter((flag) => body?.[flag] !== undefined);
      return flags.length > 0 && (kind === "binding poll" || body?.state !== "failed")
        ? `${flags.join(" and ")} came with "${String(body?.state)}".`
        : undefined;
    },
  }),
  eachAnswer({
    id: "poll-retry-after",
    title: "Retry-After is a whole number of seconds, which every platform understands.",
    section: "Polling Last Operation for Service Instances",
    level: "SHOULD",
    wrong: ({ question, answer }) => {
      const header = answer.headers["retry-after"];
      return header !== undefined && kindOf(question.path).endsWith("poll") && !/^\d+$/.test(header.trim())
        ? "Retry-After is no whole number of seconds."
        : undefined;
    },
  }),
  eachAnswer({
    id: "errors-shape",
    title: "`error` is one word in CamelCase, and `description` is a text that says something.",
    section: "Service Broker Errors",
    level: "MUST",
    wrong: (exchange) => {
      const { answer } = exchange;
      if (!isError(answer) || answer.body === undefined || isElsewhere(exchange)) return undefined;
      const { error, description } = answer.body;
      if (error !== undefined && !(typeof error === "string" && /^[A-Z][A-Za-z0-9]*$/.test(error)))
        return "`error` is no word in CamelCase.";
      return description === undefined || isText(description) ? undefined : "`description` is empty, or no text.";
    },
  }),
  eachAnswer({
    id: "errors-say-why",
    title: "Every refusal says in its description what was wrong.",
    section: "Service Broker Errors",
    level: "SHOULD",
    wrong: (exchange) => {
      const { answer } = exchange;
      // Of what does not exist there is nothing more to say than 404 and 410 do.
      if (!isError(answer) || [404, 405, 410].includes(answer.status) || isElsewhere(exchange)) return undefined;
      return answer.body?.description === undefined ? `A ${answer.status} has no description.` : undefined;
    },
  }),
  eachAnswer({
    id: "errors-flags",
    title: "instance_usable comes with errors of changes and deletions only, update_repeatable of changes only.",
    section: "Service Broker Errors",
    level: "MUST",
    wrong: ({ question: { method, path }, answer }) => {
      if (!isError(answer)) return undefined;
      const ofInstance = kindOf(path) === "instance";
      const usable = ofInstance && (method === "PATCH" || method === "DELETE");
      const repeatable = ofInstance && method === "PATCH";
      const wrong = [
        ...(answer.body?.instance_usable !== undefined && !usable ? ["instance_usable"] : []),
        ...(answer.body?.update_repeatable !== undefined && !repeatable ? ["update_repeatable"] : []),
      ];
      return wrong.length === 0 ? undefined : `The error has ${wrong.join(" and ")}.`;
    },
  }),
  eachAnswer({
    id: "errors-coded-422",
    title: "A 422 to an order or a binding has a code of the specification: without one, Cloud Foundry deletes.",
    section: "Platforms",
    level: "SHOULD",
    wrong: ({ question: { method }, answer }) => {
      const codes = ["AsyncRequired", "ConcurrencyError", "RequiresApp", "MaintenanceInfoConflict"];
      return method === "PUT" && answer.status === 422 && !codes.includes(String(answer.body?.error))
        ? "A 422 has no code that platforms know."
        : undefined;
    },
  }),
  eachAnswer({
    id: "gone-object",
    title: "A 410 has a JSON object for a body: Kubernetes service-catalog repeats the deletion for a week otherwise.",
    section: "Platforms",
    level: "SHOULD",
    wrong: ({ answer }) =>
      answer.status === 410 && answer.body === undefined ? "A 410 has no JSON object for a body." : undefined,
  }),
  eachAnswer({
    id: "request-identity",
    title: "Every answer repeats the X-Broker-API-Request-Identity of its request.",
    section: "Request Identity",
    level: "SHOULD",
    wrong: (exchange) => {
      const { sent, answer } = exchange;
      const identity = sent["x-broker-api-request-identity"];
      return identity === undefined ||
        isElsewhere(exchange) ||
        answer.headers["x-broker-api-request-identity"] === identity
        ? undefined
        : "The request's identity did not come back.";
    },
  }),
  eachAnswer({
    id: "leak-parameters",
    title: "Errors and polls do not repeat the values of parameters, which may be secrets.",
    section: "Platforms",
    level: "SHOULD",
    wrong: ({ question, answer }, { canaries }) => {
      const forPeople = isError(answer) || kindOf(question.path).endsWith("poll");
      return forPeople && canaries.some((text) => answer.text.includes(text))
        ? "The answer repeats the value of a parameter."
        : undefined;
    },
  }),
  eachAnswer({
    id: "leak-password",
    title: "No answer repeats the password, right or wrong, that came with its request.",
    section: "Platforms",
    level: "SHOULD",
    wrong: ({ sent, answer }) => {
      const [scheme = "", value = ""] = (sent.authorization ?? "").split(" ");
      const decoded = scheme === "Basic" ? Buffer.from(value, "base64").toString() : "";
      const password = decoded.slice(decoded.indexOf(":") + 1);
      return [value, password].some((text) => text.length >= 8 && answer.text.includes(text))
        ? "The answer repeats the password of its request."
        : undefined;
    },
  }),
];

/** Texts in a JSON value that are long enough to be known again. */
export function textsIn(value: Json | undefined, atLeast: number): readonly string[] {
  if (typeof value === "string") return value.length >= atLeast ? [value] : [];
  if (Array.isArray(value)) return value.flatMap((inner: Json) => textsIn(inner, atLeast));
  if (value === undefined || !isJsonObject(value)) return [];
  return Object.values(value as JsonObject).flatMap((inner) => textsIn(inner, atLeast));
}

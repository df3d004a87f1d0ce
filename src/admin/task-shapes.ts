/** Tasks as the management API shows them, and what people say when they end one. */
import type { FastifySchema } from "fastify";
import { livingTaskStates, type Task, taskStates } from "../core/tasks.ts";
import type { Entry } from "../store/tasks.ts";
import { text, time, timeOf } from "./shapes.ts";

const verbs = ["provision", "update", "deprovision", "bind", "unbind"] as const;

export const taskFilters = {
  state: { enum: taskStates },
  provider: text,
  verb: { enum: verbs },
  owner: text,
  instance: { type: "string", description: "Lotse's own id of the instance." },
} as const;

const anything = { type: "object", additionalProperties: true } as const;

export const taskShape = {
  type: "object",
  properties: {
    id: text,
    provider: text,
    verb: { enum: verbs, description: "What was ordered." },
    title: { type: "string", description: "Offering and plan." },
    planId: text,
    state: {
      enum: taskStates,
      description: "asked: the customer has to answer first. withdrawn: the order was taken back before it was done.",
    },
    owner: { type: "string", description: "Who took it on last." },
    instance: { type: "string", description: "Lotse's own id of the instance." },
    binding: { type: "string", description: "Lotse's own id of the binding." },
    instanceId: { type: "string", description: "The platform's id." },
    bindingId: text,
    organization: text,
    space: text,
    operation: { type: "string", description: "Token of the operation it was put for." },
    createdAt: time,
    dueAt: { ...time, description: "By the service level; while the customer is asked it stands still." },
    overdue: { type: "boolean" },
    deadlineAt: { ...time, description: "Then the order ends, done or not." },
    claimedAt: time,
    endedAt: time,
    leadSeconds: { type: "integer", description: "From the order to its end, or to now." },
    waitedSeconds: { type: "integer", description: "Of them, waited for the customer." },
    reason: { type: "string", description: "Why it was rejected or withdrawn." },
    version: { type: "integer" },
  },
} as const;

export const taskDetails = {
  type: "object",
  properties: {
    ...taskShape.properties,
    form: { ...anything, description: "Schema of the parameters. This and what follows: for fulfillers only." },
    wish: { ...anything, description: "parameters; of a change also before; of a rotation the binding it replaces." },
    question: { type: "string", description: "What the customer is asked." },
    entries: {
      type: "array",
      items: {
        type: "object",
        properties: {
          id: text,
          kind: { enum: ["comment", "question", "answer", "attachment"] },
          at: time,
          author: text,
          toCustomer: { type: "boolean", description: "Customers see it." },
          text,
          name: text,
          mediaType: text,
          size: { type: "integer", description: "Bytes." },
        },
      },
    },
  },
} as const;

/** Control characters, and those that turn the direction of writing, fool people who trust what they read. */
const words = (maxLength: number) =>
  ({
    type: "string",
    minLength: 1,
    maxLength,
    pattern: "^[^\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f\\u202a-\\u202e\\u2066-\\u2069]*$",
  }) as const;

const body = (required: readonly string[], properties: object): FastifySchema["body"] => ({
  type: "object",
  additionalProperties: false,
  required,
  properties,
});

/** Bytes of one attachment, and how many of them a task can have. */
export const largestAttachment = 512 * 1024;
export const mostAttachments = 20;

export const bodies = {
  reject: body(["reason"], {
    reason: { ...words(1000), description: "For the customer: what was wrong, and what to do." },
    leftovers: { type: "boolean", description: "Something of what was begun is still there; Lotse has it removed." },
  }),
  ask: body(["question"], { question: { ...words(1000), description: "The customer reads it in last_operation." } }),
  answer: body(["answer"], { answer: { ...words(4000), description: "As the customer gave it." } }),
  comment: body(["text"], {
    text: words(4000),
    toCustomer: { type: "boolean", description: "The customer reads it in last_operation, at most 1000 characters." },
  }),
  attach: body(["name", "mediaType", "content"], {
    name: { ...words(200), pattern: "^[^\\u0000-\\u001f\\u007f-\\u009f\\u202a-\\u202e\\u2066-\\u2069/\\\\]*$" },
    mediaType: { type: "string", maxLength: 100, pattern: "^[a-z0-9.+-]+/[a-z0-9.+-]+$" },
    content: {
      type: "string",
      pattern: "^[A-Za-z0-9+/]+={0,2}$",
      description: `Base64, of at most ${largestAttachment} bytes.`,
    },
  }),
  complete: body([], {
    access: {
      type: "object",
      additionalProperties: false,
      minProperties: 1,
      description: "Of a binding: what its holder gets. Kept sealed, and shown to nobody else.",
      properties: {
        credentials: { type: "object", minProperties: 1 },
        endpoints: {
          type: "array",
          items: {
            type: "object",
            additionalProperties: false,
            required: ["host", "ports"],
            properties: {
              host: words(253),
              ports: { type: "array", minItems: 1, items: { type: "string", pattern: "^\\d+(-\\d+)?$" } },
              protocol: { enum: ["tcp", "udp", "all"] },
            },
          },
        },
        expiresAt: { type: "string", format: "date-time" },
        renewBefore: { type: "string", format: "date-time" },
      },
    },
    reference: { ...words(200), description: "What the provider calls it, such as an order number." },
    dashboardUrl: { type: "string", format: "uri", pattern: "^https?://", maxLength: 2000 },
    metadata: {
      type: "object",
      additionalProperties: false,
      description: "Platforms show it. Labels replace all labels told before, attributes all attributes.",
      properties: {
        labels: { type: "object", additionalProperties: { type: "string", maxLength: 500 } },
        attributes: { type: "object", additionalProperties: { type: ["string", "number", "boolean"] } },
      },
    },
  }),
} as const;

export function shownTask(task: Task, now: number): object {
  const { instanceUid, bindingUid, platformInstanceId, platformBindingId, token, deadlineAt } = task;
  const { id, provider, verb, title, planId, state, owner, organization, space, reason, version } = task;
  const end = task.endedAt ?? now;
  const waiting = task.askedAt === undefined ? 0 : end - task.askedAt;
  return {
    id,
    provider,
    verb,
    title,
    planId,
    state,
    owner,
    organization,
    space,
    reason,
    version,
    instance: instanceUid,
    binding: bindingUid,
    instanceId: platformInstanceId,
    bindingId: platformBindingId,
    operation: token,
    createdAt: timeOf(task.createdAt),
    dueAt: timeOf(task.dueAt),
    overdue: state !== "asked" && livingTaskStates.includes(state) && now > task.dueAt,
    ...(deadlineAt !== undefined && { deadlineAt: timeOf(deadlineAt) }),
    ...(task.claimedAt !== undefined && { claimedAt: timeOf(task.claimedAt) }),
    ...(task.endedAt !== undefined && { endedAt: timeOf(task.endedAt) }),
    leadSeconds: Math.round((end - task.createdAt) / 1000),
    waitedSeconds: Math.round((task.waitedMs + waiting) / 1000),
  };
}

/** For whoever carries it out. */
export function shownDetails(task: Task, entries: readonly Entry[], now: number): object {
  const { form, wish, question } = task;
  return {
    ...shownTask(task, now),
    ...(form !== undefined && { form }),
    wish: wish.reveal(),
    ...(question !== undefined && { question: question.reveal() }),
    entries: entries.map(({ at, ...entry }) => {
      const common = { id: entry.id, kind: entry.kind, at: timeOf(at), author: entry.author };
      return entry.kind === "attachment"
        ? { ...common, toCustomer: false, size: entry.size, ...entry.file.reveal() }
        : { ...common, toCustomer: entry.toCustomer, text: entry.text.reveal() };
    }),
  };
}

/** Every "no" of the management API, in the form of RFC 9457. */
import { STATUS_CODES } from "node:http";
import type { FastifyReply, FastifyRequest } from "fastify";
import { Refused, refusalFor } from "../http/errors.ts";
import { isAway } from "../store/away.ts";

/** Codes never change their meaning: programs read them. The OpenAPI document lists all of them. */
export const problemCodes = {
  Malformed: [400, "The request is malformed."],
  Invalid: [400, "The request does not fit; errors says where and why."],
  Unauthenticated: [401, "The token is missing or not valid."],
  Forbidden: [403, "Your roles do not allow this."],
  NotFound: [404, "There is no such thing here."],
  MethodNotAllowed: [405, "This path does not know the method."],
  NameTaken: [409, "This name is taken."],
  IdTaken: [409, "An id of its catalog is used by another provider."],
  Disabled: [409, "The platform is disabled, so no password would let it in. Enable it first."],
  LastAdministrator: [409, "Nobody could administer Lotse without this token. Make another administrator's first."],
  Retired: [409, "The provider is retired, and that is final."],
  StandsInConfiguration: [409, "It stands in lotse.yaml. Change it there and restart."],
  StandsInFile: [409, "It stands in a file of the catalog directory. Change it there and restart."],
  Immutable: [409, "This cannot be changed any more."],
  Published: [409, "The provider is published. Suspend it first."],
  NotChecked: [409, "Only what passed its check is submitted."],
  NotInReview: [409, "The provider was not submitted for review."],
  InReview: [409, "The provider is being reviewed as it is."],
  FourEyes: [409, "Whoever registered, changed or submitted it does not publish it."],
  NotConformant: [409, "It breaks rules that a broker must keep."],
  NotPublished: [409, "The provider is not published."],
  NotSuspended: [409, "The provider is not suspended."],
  HasInstances: [409, "Living instances stand in the way."],
  NoCatalog: [409, "There is no catalog."],
  Unreadable: [409, "The provider's catalog cannot be read."],
  NotOpen: [409, "Only an open finding can be dismissed."],
  NotAdoptable: [409, "It cannot be adopted; errors says what is in the way, all of it at once."],
  OperationOver: [409, "The operation is over."],
  TaskOver: [409, "The task is over."],
  NotClaimed: [409, "Claim the task first. Claiming takes over what somebody else works on."],
  NotAsked: [409, "There is no question to answer."],
  NotRejectable: [409, "Lotse itself has this removed, until nothing is left. Complete it, or write a comment."],
  TooManyAttachments: [409, "The task has as many attachments as it can have."],
  UsageUntold: [409, "Providers of this kind do not tell what an instance used."],
  Stale: [412, "Somebody changed it meanwhile. Read it again, and decide again."],
  TooLarge: [413, "The request body is too large."],
  PreconditionRequired: [428, "A change needs the header If-Match with the ETag of what it was decided on."],
  InternalError: [500, "Lotse met an unexpected error. Its log has the details under the request named by instance."],
  Unavailable: [503, "Lotse cannot answer just now. Try again shortly."],
} as const satisfies { readonly [code: string]: readonly [status: number, detail: string] };

export type ProblemCode = keyof typeof problemCodes;

/** One thing wrong: in the body (a JSON Pointer as a URI fragment), or in a query or path parameter. */
export type InvalidPart =
  | { readonly pointer: string; readonly detail: string }
  | { readonly parameter: string; readonly detail: string };

export interface ProblemMore {
  readonly detail?: string;
  readonly errors?: readonly InvalidPart[];
  readonly headers?: { readonly [name: string]: string };
}

/** Thrown by whatever serves a request; becomes the answer. */
export class Problem extends Error {
  readonly code: ProblemCode;
  readonly more: ProblemMore;

  constructor(code: ProblemCode, more: ProblemMore = {}) {
    super(more.detail ?? problemCodes[code][1]);
    this.code = code;
    this.more = more;
  }
}

/** One parameter that cannot be as it was sent. */
export const invalidParameter = (parameter: string, detail: string): Problem =>
  new Problem("Invalid", { errors: [{ parameter, detail }] });

/** One member of the body that cannot be as it was sent. */
export const invalidMember = (pointer: string, detail: string): Problem =>
  new Problem("Invalid", { errors: [{ pointer, detail }] });

const text = { type: "string" } as const;

/** For the OpenAPI document: any answer that is none of the expected ones. */
export const problemResponse = {
  description: "A problem (RFC 9457).",
  content: {
    "application/problem+json": {
      schema: {
        type: "object",
        required: ["type", "title", "status", "code", "detail", "instance"],
        properties: {
          type: { const: "about:blank" },
          title: text,
          status: { type: "integer" },
          code: { enum: Object.keys(problemCodes) },
          detail: text,
          instance: text,
          errors: {
            type: "array",
            items: {
              type: "object",
              required: ["detail"],
              properties: { pointer: text, parameter: text, detail: text },
            },
          },
        },
      },
    },
  },
} as const;

export interface ProblemLog {
  error(fields: object, message: string): void;
}

/** Answers what was thrown; what nobody expected is logged and told nothing of. */
export function answerProblem(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  log: ProblemLog,
): FastifyReply {
  const problem = problemOf(error);
  if (problem !== undefined) return sendProblem(request, reply, problem);
  const away = isAway(error);
  log.error(
    { err: error, requestId: request.id, route: request.routeOptions?.url },
    away ? "the database is away" : "unexpected error",
  );
  return sendProblem(request, reply, new Problem(away ? "Unavailable" : "InternalError"));
}

function problemOf(error: unknown): Problem | undefined {
  if (error instanceof Problem) return error;
  const refusal = error instanceof Refused ? error.refusal : refusalFor(error);
  if (refusal === undefined) return undefined;
  return refusal.status === 413 ? new Problem("TooLarge") : new Problem("Malformed", { detail: refusal.description });
}

function sendProblem(request: FastifyRequest, reply: FastifyReply, { code, message, more }: Problem): FastifyReply {
  const [status] = problemCodes[code];
  const { errors, headers = {} } = more;
  const body = {
    type: "about:blank",
    title: STATUS_CODES[status],
    status,
    code,
    detail: message,
    // Under this the log has the request; the path could hold what was not meant to be repeated.
    instance: `/requests/${encodeURIComponent(request.id)}`,
    ...(errors !== undefined && { errors }),
  };
  if (status === 503) reply.header("retry-after", "1");
  // As bytes: to a text, Fastify would add a charset, which this media type does not have.
  const bytes = Buffer.from(JSON.stringify(body));
  return reply.code(status).headers(headers).header("content-type", "application/problem+json").send(bytes);
}

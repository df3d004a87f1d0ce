/** The inbox: orders that people carry out, and what they make of them. */
import type { FastifyInstance, FastifyReply, FastifyRequest, FastifySchema } from "fastify";
import type { JsonObject } from "../core/json.ts";
import { type Action, mayDo } from "../core/permissions.ts";
import { Secret } from "../core/secret.ts";
import { decideMove, livingTaskStates, type Move, type Task } from "../core/tasks.ts";
import type { TaskFilter, Written } from "../store/tasks.ts";
import { principalOf } from "./authenticate.ts";
import { ifMatchHeader, requireVersion, stale, tellVersion } from "./etag.ts";
import { providersOf, reaches } from "./guard.ts";
import { answerPage, cut, listQuery, type PageQuery, pageOf, readCursor } from "./paging.ts";
import { type AdminParts, doerOf } from "./parts.ts";
import { invalidMember, Problem, problemResponse } from "./problem.ts";
import { describeRoute } from "./shapes.ts";
import {
  bodies,
  largestAttachment,
  mostAttachments,
  shownDetails,
  shownTask,
  taskDetails,
  taskFilters,
  taskShape,
} from "./task-shapes.ts";

const byId = { type: "object", properties: { id: { type: "string", maxLength: 64 } } } as const;
const fulfil: { readonly action: Action } = { action: "tasks.fulfil" };

export function addTaskRoutes(app: FastifyInstance, { tasks, now }: AdminParts): void {
  const { all, wake, ended } = tasks;

  /** Another provider's task is as unknown as none. */
  async function find(request: FastifyRequest): Promise<Task> {
    const task = await all.byId((request.params as { readonly id: string }).id);
    if (task === undefined || !reaches(request, task.provider)) throw new Problem("NotFound");
    return task;
  }

  async function show(request: FastifyRequest, reply: FastifyReply): Promise<object> {
    const task = await find(request);
    tellVersion(reply, task.version);
    if (!mayDo(principalOf(request), "tasks.fulfil", task.provider)) return shownTask(task, now());
    return shownDetails(task, await all.entries(task.id), now());
  }

  function writtenBy(request: FastifyRequest, task: Task, action: string, more: JsonObject = {}): Written {
    const { id, provider, verb, token, platformInstanceId, platformBindingId } = task;
    const at = now();
    const audit = {
      ...doerOf(request),
      at,
      action,
      outcome: "succeeded",
      operation: token,
      instanceId: platformInstanceId,
      ...(platformBindingId !== undefined && { bindingId: platformBindingId }),
      details: { task: id, provider, verb, ...more },
    } as const;
    return { by: principalOf(request).name, at, audit };
  }

  async function move(request: FastifyRequest, reply: FastifyReply, wanted: Move, task: Task): Promise<object> {
    const moved = decideMove(task, wanted, principalOf(request).name, now(), await all.isCleanup(task));
    if ("obstacle" in moved) throw new Problem(moved.obstacle);
    const told = wanted.do === "reject" ? { reason: wanted.reason, leftovers: wanted.leftovers } : {};
    if (!(await all.move(task, moved, writtenBy(request, task, `task.${wanted.do}`, told)))) {
      const after = await find(request);
      throw stale(after.version);
    }
    wake();
    const { state } = moved.patch;
    if (state === "completed" || state === "rejected") {
      const { provider, verb, createdAt } = task;
      ended({ provider, verb, outcome: state, seconds: (now() - createdAt) / 1000 });
    }
    return show(request, reply);
  }

  app.get(
    "/tasks",
    {
      config: { action: "tasks.read" },
      schema: describeRoute("Orders that people carry out, the newest first", {
        querystring: listQuery(taskFilters),
        response: { 200: pageOf(taskShape), default: problemResponse },
      }),
    },
    async (request, reply) => {
      const query = request.query as PageQuery & Omit<TaskFilter, "providers">;
      const { limit, cursor: _, ...filter } = query;
      const reach = providersOf(request);
      const rows = await all.list(
        { ...filter, ...(reach !== "all" && { providers: reach }) },
        readCursor("tasks", query),
        limit + 1,
      );
      const page = cut(rows, limit, ({ id }) => id);
      return answerPage(request, reply, "tasks", { ...page, items: page.items.map((task) => shownTask(task, now())) });
    },
  );

  app.get(
    "/tasks/:id",
    {
      config: { action: "tasks.read" },
      schema: describeRoute("One task; what was ordered and written only to those who carry it out", {
        params: byId,
        response: { 200: taskDetails, default: problemResponse },
      }),
    },
    show,
  );

  /** A move decided on what was read: needs If-Match. */
  function addMove(
    name: string,
    summary: string,
    body: FastifySchema["body"],
    read: (request: FastifyRequest, task: Task) => Move,
  ): void {
    app.post(
      `/tasks/:id/${name}`,
      {
        config: fulfil,
        schema: describeRoute(summary, {
          params: byId,
          headers: ifMatchHeader,
          ...(body !== undefined && { body }),
          response: { 200: taskDetails, default: problemResponse },
        } as FastifySchema),
      },
      async (request, reply) => {
        const task = await find(request);
        requireVersion(request, task.version);
        return move(request, reply, read(request, task), task);
      },
    );
  }

  addMove("claim", "Take it on, or over from whoever had it", undefined, () => ({ do: "claim" }));
  addMove("release", "Put it back for somebody else", undefined, () => ({ do: "release" }));
  addMove("complete", "It is done; of a binding, with its access", bodies.complete, ({ body }, task) => ({
    do: "complete",
    result: resultOf(body as JsonObject, task),
  }));
  addMove("reject", "It will not be done; nothing of it is left, unless said so", bodies.reject, ({ body }) => {
    const { reason, leftovers = false } = body as { readonly reason: string; readonly leftovers?: boolean };
    return { do: "reject", reason, leftovers };
  });
  addMove("ask", "Ask the customer; the provider's time stands still until the answer", bodies.ask, ({ body }) => ({
    do: "ask",
    question: new Secret((body as { readonly question: string }).question),
  }));
  addMove("answer", "Write down what the customer answered", bodies.answer, ({ body }) => ({
    do: "answer",
    answer: new Secret((body as { readonly answer: string }).answer),
  }));

  app.post(
    "/tasks/:id/comments",
    {
      config: fulfil,
      schema: describeRoute("Write something down; needs no If-Match", {
        params: byId,
        body: bodies.comment,
        response: { 200: taskDetails, default: problemResponse },
      }),
    },
    async (request, reply) => {
      const { text, toCustomer = false } = request.body as { readonly text: string; readonly toCustomer?: boolean };
      if (toCustomer && text.length > 1000)
        throw invalidMember("#/text", "is too long for a customer; 1000 characters are read");
      return move(request, reply, { do: "comment", text: new Secret(text), toCustomer }, await find(request));
    },
  );

  app.post(
    "/tasks/:id/attachments",
    {
      config: fulfil,
      schema: describeRoute("Put a file beside it; needs no If-Match. Kept sealed", {
        params: byId,
        body: bodies.attach,
        response: { 200: taskDetails, default: problemResponse },
      }),
    },
    async (request, reply) => {
      const task = await find(request);
      if (!livingTaskStates.includes(task.state)) throw new Problem("TaskOver");
      const { name, mediaType, content } = request.body as Record<"name" | "mediaType" | "content", string>;
      const bytes = Buffer.from(content, "base64");
      if (bytes.length > largestAttachment)
        throw new Problem("TooLarge", { detail: `An attachment has at most ${largestAttachment} bytes.` });
      const attachment = { head: { name, mediaType }, content: bytes };
      const written = writtenBy(request, task, "task.attach", { size: bytes.length });
      if (!(await all.attach(task, attachment, mostAttachments, written))) throw new Problem("TooManyAttachments");
      return show(request, reply);
    },
  );

  app.get(
    "/tasks/:id/attachments/:attachment",
    {
      config: fulfil,
      schema: describeRoute("An attachment as it was put there", {
        params: { type: "object", properties: { ...byId.properties, attachment: { type: "string", maxLength: 64 } } },
        response: {
          200: {
            description: "Its bytes.",
            content: { "application/octet-stream": { schema: { type: "string", format: "binary" } } },
          },
          default: problemResponse,
        },
      }),
    },
    async (request, reply) => {
      const task = await find(request);
      const found = await all.attachment(task.id, (request.params as { readonly attachment: string }).attachment);
      if (found === undefined) throw new Problem("NotFound");
      // Whatever it says it is: a browser shall keep it, and not show it.
      return reply
        .header("content-type", "application/octet-stream")
        .header("x-content-type-options", "nosniff")
        .header("content-disposition", `attachment; filename*=UTF-8''${encodeURIComponent(found.head.name)}`)
        .send(found.content);
    },
  );
}

/** What was made, sealed from here on. */
function resultOf(body: JsonObject, { verb }: Task): Secret<JsonObject> {
  if (verb === "bind" && body.access === undefined)
    throw invalidMember("#/access", "is missing; whoever bound waits for it");
  if (verb !== "bind" && body.access !== undefined)
    throw invalidMember("#/access", "is for bindings; each of them is a task of its own");
  return new Secret(body);
}

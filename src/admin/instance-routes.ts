/** What was ordered and what is being done about it: to look at, without parameters, facts, context or credentials. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { InstanceState, Operation, OperationKind } from "../core/model.ts";
import { endOfTime } from "../core/settle.ts";
import type { ListAsk, ListedBinding, ListedInstance, ListedOperation } from "../store/lists.ts";
import { providersOf, reaches } from "./guard.ts";
import { answerPage, listQuery, type PageQuery, pageOf, readCursor } from "./paging.ts";
import { type AdminParts, doerOf } from "./parts.ts";
import { nameFilter, platformFilter } from "./platform-names.ts";
import { Problem, problemResponse } from "./problem.ts";
import { describeRoute, text, time, timeOf } from "./shapes.ts";

const instanceStates = [
  "provisioning",
  "provision-failed",
  "ready",
  "updating",
  "deprovisioning",
  "deprovision-failed",
  "deleted",
] as const satisfies readonly InstanceState[];
const operationStates = ["open", "succeeded", "failed"] as const satisfies readonly Operation["state"][];
const operationKinds = [
  "provision",
  "update",
  "deprovision",
  "bind",
  "unbind",
] as const satisfies readonly OperationKind[];

const instance = {
  type: "object",
  properties: {
    uid: text,
    platform: { type: "string", description: "Its name." },
    instanceId: { type: "string", description: "The platform's own id." },
    offering: text,
    plan: text,
    provider: text,
    organization: text,
    space: text,
    maintenanceVersion: text,
    usable: { type: "boolean" },
    state: { enum: instanceStates },
    operation: { type: "string", description: "Token of the operation that holds it." },
    createdAt: time,
    updatedAt: time,
  },
} as const;

const binding = {
  type: "object",
  properties: {
    uid: text,
    bindingId: text,
    appGuid: text,
    state: text,
    operation: text,
    expiresAt: time,
    createdAt: time,
    updatedAt: time,
  },
} as const;

const operation = {
  type: "object",
  properties: {
    token: text,
    kind: { enum: operationKinds },
    purpose: { type: "string", description: "`request`, or `cleanup` after an operation that failed." },
    platform: text,
    instance: { type: "string", description: "`uid` of the instance." },
    instanceId: text,
    binding: text,
    bindingId: text,
    provider: text,
    state: { enum: operationStates },
    description: { type: "string", description: "What last_operation tells users." },
    interrupts: text,
    requestId: text,
    attempt: { type: "integer" },
    failures: { type: "integer" },
    dueAt: time,
    deadlineAt: { ...time, description: "Then it is given up. Absent: never, as of a clean-up." },
    startedAt: time,
    finishedAt: time,
  },
} as const;

const filter = { type: "string", maxLength: 255 } as const;
const byToken = { type: "object", properties: { token: filter } } as const;

interface Asked extends PageQuery {
  readonly platform?: string;
  readonly provider?: string;
  readonly offering?: string;
  readonly plan?: string;
  readonly organization?: string;
  readonly instance?: string;
  readonly kind?: OperationKind;
  readonly state?: string;
}

export function addInstanceRoutes(app: FastifyInstance, { accounts, lists, operations, now }: AdminParts): void {
  /** What both lists begin with; undefined if nothing can be found. */
  async function prepare(request: FastifyRequest, list: string) {
    const query = request.query as Asked;
    const before = readCursor(list, query);
    const ask: ListAsk = {
      limit: query.limit,
      providers: providersOf(request),
      ...(before !== undefined && { before }),
    };
    const names = await accounts.names();
    const platformId = nameFilter(request, names, query.platform);
    if (platformId === "none") return undefined;
    return { query, ask, names, ofPlatform: platformId === undefined ? {} : { platformId } };
  }

  const nothing = (request: FastifyRequest, reply: FastifyReply) => answerPage(request, reply, "", { items: [] });

  app.get(
    "/instances",
    {
      config: { action: "instances.read" },
      schema: describeRoute("Instances, newest first", {
        querystring: listQuery({
          platform: platformFilter,
          provider: filter,
          offering: { ...filter, description: "Its id." },
          plan: { ...filter, description: "Its id." },
          organization: filter,
          state: { enum: instanceStates },
        }),
        response: { 200: pageOf(instance), default: problemResponse },
      }),
    },
    async (request, reply) => {
      const prepared = await prepare(request, "instances");
      if (prepared === undefined) return nothing(request, reply);
      const { query, ask, names, ofPlatform } = prepared;
      const { rows, next } = await lists.instances(ask, {
        ...ofPlatform,
        ...(query.provider !== undefined && { provider: query.provider }),
        ...(query.offering !== undefined && { offeringId: query.offering }),
        ...(query.plan !== undefined && { planId: query.plan }),
        ...(query.organization !== undefined && { organization: query.organization }),
        ...(query.state !== undefined && { state: query.state as InstanceState }),
      });
      const items = rows.map((row) => shownInstance(row, names));
      return answerPage(request, reply, "instances", { items, ...(next !== undefined && { next }) });
    },
  );

  app.get(
    "/instances/:uid",
    {
      config: { action: "instances.read" },
      schema: describeRoute("An instance and its bindings", {
        params: { type: "object", properties: { uid: filter } },
        response: {
          200: { ...instance, properties: { ...instance.properties, bindings: { type: "array", items: binding } } },
          default: problemResponse,
        },
      }),
    },
    async (request) => {
      const row = await lists.instance((request.params as { readonly uid: string }).uid);
      if (row === undefined || !reaches(request, row.provider)) throw new Problem("NotFound");
      const bindings = (await lists.bindings(row.uid)).map(shownBinding);
      return { ...shownInstance(row, await accounts.names()), bindings };
    },
  );

  app.get(
    "/operations",
    {
      config: { action: "operations.read" },
      schema: describeRoute("Operations, newest first", {
        querystring: listQuery({
          platform: platformFilter,
          provider: filter,
          instance: { ...filter, description: "`uid` of the instance." },
          kind: { enum: operationKinds },
          state: { enum: operationStates },
        }),
        response: { 200: pageOf(operation), default: problemResponse },
      }),
    },
    async (request, reply) => {
      const prepared = await prepare(request, "operations");
      if (prepared === undefined) return nothing(request, reply);
      const { query, ask, names, ofPlatform } = prepared;
      const { rows, next } = await lists.operations(ask, {
        ...ofPlatform,
        ...(query.provider !== undefined && { provider: query.provider }),
        ...(query.instance !== undefined && { instanceUid: query.instance }),
        ...(query.kind !== undefined && { kind: query.kind }),
        ...(query.state !== undefined && { state: query.state as Operation["state"] }),
      });
      const items = rows.map((row) => shownOperation(row, names));
      return answerPage(request, reply, "operations", { items, ...(next !== undefined && { next }) });
    },
  );

  async function findOperation(request: FastifyRequest): Promise<ListedOperation> {
    const row = await lists.operation((request.params as { readonly token: string }).token);
    if (row === undefined || !reaches(request, row.provider)) throw new Problem("NotFound");
    return row;
  }

  app.get(
    "/operations/:token",
    {
      config: { action: "operations.read" },
      schema: describeRoute("An operation", {
        params: byToken,
        response: { 200: operation, default: problemResponse },
      }),
    },
    async (request) => shownOperation(await findOperation(request), await accounts.names()),
  );

  app.post(
    "/operations/:token/retry",
    {
      config: { action: "operations.retry" },
      schema: describeRoute("Take the next step of an open operation now, and not only at `dueAt`", {
        params: byToken,
        response: { 200: operation, default: problemResponse },
      }),
    },
    async (request) => {
      const { token, state, kind, platformId, instanceId, bindingId, provider } = await findOperation(request);
      if (state !== "open") throw new Problem("OperationOver");
      // A step that is under way, or due already, needs no hurry.
      await operations.retry(token, {
        ...doerOf(request),
        at: now(),
        action: "operation.retried",
        outcome: "succeeded",
        platformId,
        instanceId,
        ...(bindingId !== undefined && { bindingId }),
        details: { operation: token, kind, provider },
      });
      operations.wake();
      return shownOperation(await findOperation(request), await accounts.names());
    },
  );
}

type Names = ReadonlyMap<string, string>;

function shownInstance(
  { platformId, offeringId, planId, createdAt, updatedAt, ...row }: ListedInstance,
  names: Names,
): object {
  return {
    ...row,
    platform: names.get(platformId) ?? platformId,
    offering: offeringId,
    plan: planId,
    createdAt: timeOf(createdAt),
    updatedAt: timeOf(updatedAt),
  };
}

function shownBinding({ expiresAt, createdAt, updatedAt, ...row }: ListedBinding): object {
  return {
    ...row,
    ...(expiresAt !== undefined && { expiresAt: timeOf(expiresAt) }),
    createdAt: timeOf(createdAt),
    updatedAt: timeOf(updatedAt),
  };
}

function shownOperation(row: ListedOperation, names: Names): object {
  const { platformId, instanceUid, bindingUid, dueAt, deadlineAt, startedAt, finishedAt, ...rest } = row;
  return {
    ...rest,
    platform: names.get(platformId) ?? platformId,
    instance: instanceUid,
    ...(bindingUid !== undefined && { binding: bindingUid }),
    dueAt: timeOf(dueAt),
    ...(deadlineAt <= endOfTime && { deadlineAt: timeOf(deadlineAt) }),
    startedAt: timeOf(startedAt),
    ...(finishedAt !== undefined && { finishedAt: timeOf(finishedAt) }),
  };
}

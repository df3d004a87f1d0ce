/** The audit trail, for those who look after what others do. */
import type { FastifyInstance } from "fastify";
import type { ListedAudit } from "../store/lists.ts";
import { answerPage, listQuery, type PageQuery, pageOf, readCursor } from "./paging.ts";
import type { AdminParts } from "./parts.ts";
import { nameFilter, platformFilter } from "./platform-names.ts";
import { problemResponse } from "./problem.ts";
import { describeRoute, text, time, timeOf } from "./shapes.ts";

const report = {
  type: "object",
  properties: {
    sealed: { type: "integer" },
    unsealed: { type: "integer" },
    head: text,
    faults: { type: "array", items: text },
  },
} as const;

const entry = {
  type: "object",
  properties: {
    id: { type: "integer" },
    at: time,
    action: text,
    outcome: text,
    platform: { type: "string", description: "Its name." },
    actor: { description: "The originating identity a platform sent, or who acted on the management side." },
    requestId: text,
    instanceId: { type: "string", description: "The platform's own id." },
    bindingId: text,
    operation: text,
    details: { type: "object", additionalProperties: true },
  },
} as const;

interface Asked extends PageQuery {
  readonly action?: string;
  readonly platform?: string;
  readonly instanceId?: string;
  readonly since?: string;
  readonly until?: string;
}

export function addAuditRoutes(app: FastifyInstance, { accounts, lists, verifyAudit }: AdminParts): void {
  app.get(
    "/audit",
    {
      config: { action: "audit.read" },
      schema: describeRoute("The audit trail, newest first", {
        querystring: listQuery({
          action: { type: "string", maxLength: 100, examples: ["platform.disabled"] },
          platform: platformFilter,
          instanceId: { type: "string", maxLength: 255, description: "The platform's own id." },
          since: { ...time, description: "At this time or later." },
          until: { ...time, description: "Before this time." },
        }),
        response: { 200: pageOf(entry), default: problemResponse },
      }),
    },
    async (request, reply) => {
      const query = request.query as Asked;
      const before = readCursor("audit", query, /^\d{1,15}$/);
      const names = await accounts.names();
      const platformId = nameFilter(request, names, query.platform);
      const ask = { limit: query.limit, ...(before !== undefined && { before }) };
      const { rows, next } = await lists.audit(ask, {
        ...(query.action !== undefined && { action: query.action }),
        ...(platformId !== undefined && { platformId }),
        ...(query.instanceId !== undefined && { instanceId: query.instanceId }),
        ...(query.since !== undefined && { since: Date.parse(query.since) }),
        ...(query.until !== undefined && { until: Date.parse(query.until) }),
      });
      const items = rows.map((row) => shown(row, names));
      return answerPage(request, reply, "audit", { items, ...(next !== undefined && { next }) });
    },
  );

  app.get(
    "/audit/verification",
    {
      config: { action: "audit.read" },
      schema: describeRoute("Recompute the audit trail's hash chain", {
        response: { 200: report, default: problemResponse },
      }),
    },
    () => verifyAudit(),
  );
}

function shown({ at, platformId, ...row }: ListedAudit, names: ReadonlyMap<string, string>): object {
  const platform = platformId === undefined ? {} : { platform: names.get(platformId) ?? platformId };
  return { ...row, ...platform, at: timeOf(at) };
}

/** The orphan ledger: what providers have and Lotse does not know of, and the other way round. */
import type { FastifyInstance, FastifyRequest } from "fastify";
import { type FindingKind, findingKinds } from "../core/orphans.ts";
import { type Orphan, type OrphanState, orphanStates } from "../store/orphans.ts";
import { principalOf } from "./authenticate.ts";
import { findProvider } from "./desk.ts";
import { ifMatchHeader, requireVersion, stale, tellVersion } from "./etag.ts";
import { providersOf, reaches } from "./guard.ts";
import { answerPage, cut, listQuery, type PageQuery, pageOf, readCursor } from "./paging.ts";
import { type AdminParts, doerOf } from "./parts.ts";
import { Problem, problemResponse } from "./problem.ts";
import { byName } from "./provider-routes.ts";
import { describeRoute, text, time, timeOf } from "./shapes.ts";

const orphan = {
  type: "object",
  properties: {
    id: text,
    kind: {
      enum: findingKinds,
      description:
        "leftover: the provider has it, Lotse does not. missing: the other way round. unclear: an adopted instance's update failed and was not reverted.",
    },
    thing: { enum: ["instance", "binding"] },
    provider: text,
    name: { type: "string", description: "What to look for at the provider." },
    lotseId: { type: "string", description: "Lotse's own id of it; names and labels at providers hold it." },
    platformId: text,
    instanceId: text,
    bindingId: text,
    operation: { type: "string", description: "Token of the newest operation about it." },
    suggestion: { type: "string", description: "What to do." },
    state: { enum: orphanStates },
    firstSeen: time,
    lastSeen: time,
    endedAt: time,
    dismissedBy: text,
    reason: text,
    version: { type: "integer" },
  },
} as const;

const compared = {
  type: "object",
  properties: {
    is: { enum: ["compared", "unread"] },
    reason: { type: "string", description: "Why it could not be read; then nothing was written." },
    asked: { type: "integer", description: "Things looked at one by one." },
    found: { type: "integer", description: "Differences." },
    fresh: { type: "integer", description: "Of them not known before." },
    gone: { type: "integer", description: "Earlier ones that are no more." },
  },
} as const;

const byId = { type: "object", properties: { id: { type: "string", maxLength: 64 } } } as const;

export function addOrphanRoutes(app: FastifyInstance, { federation, orphans, now }: AdminParts): void {
  const { ledger, inventory } = orphans;

  async function find(request: FastifyRequest): Promise<Orphan> {
    const found = await ledger.byId((request.params as { readonly id: string }).id);
    if (found === undefined || !reaches(request, found.provider)) throw new Problem("NotFound");
    return found;
  }

  app.get(
    "/orphans",
    {
      config: { action: "orphans.read" },
      schema: describeRoute("Differences between what Lotse believes and what providers have, the newest first", {
        querystring: listQuery({ state: { enum: orphanStates }, kind: { enum: findingKinds }, provider: text }),
        response: { 200: pageOf(orphan), default: problemResponse },
      }),
    },
    async (request, reply) => {
      const query = request.query as PageQuery & {
        readonly state?: OrphanState;
        readonly kind?: FindingKind;
        readonly provider?: string;
      };
      const { limit, cursor: _, ...filter } = query;
      const reach = providersOf(request);
      const rows = await ledger.list(
        { ...filter, ...(reach !== "all" && { providers: reach }) },
        readCursor("orphans", query),
        limit + 1,
      );
      const page = cut(rows, limit, ({ id }) => id);
      return answerPage(request, reply, "orphans", { ...page, items: page.items.map(shown) });
    },
  );

  app.get(
    "/orphans/:id",
    {
      config: { action: "orphans.read" },
      schema: describeRoute("One difference", { params: byId, response: { 200: orphan, default: problemResponse } }),
    },
    async (request, reply) => {
      const found = await find(request);
      tellVersion(reply, found.version);
      return shown(found);
    },
  );

  app.post(
    "/orphans/:id/dismiss",
    {
      config: { action: "orphans.resolve" },
      schema: describeRoute("Say why it stays as it is; nothing changes at the provider", {
        params: byId,
        headers: ifMatchHeader,
        body: {
          type: "object",
          additionalProperties: false,
          required: ["reason"],
          properties: { reason: { type: "string", minLength: 1, maxLength: 2000 } },
        },
        response: { 200: orphan, default: problemResponse },
      }),
    },
    async (request, reply) => {
      const found = await find(request);
      requireVersion(request, found.version);
      if (found.state !== "open") throw new Problem("NotOpen");
      const { reason } = request.body as { readonly reason: string };
      const { id, version, provider, kind, thing, uid, instanceId, bindingId } = found;
      const done = await ledger.dismiss(id, version, principalOf(request).name, reason, now(), {
        ...doerOf(request),
        at: now(),
        action: "orphan.dismissed",
        outcome: "succeeded",
        details: { orphan: id, provider, kind, thing, uid, reason },
        ...(instanceId !== undefined && { instanceId }),
        ...(bindingId !== undefined && { bindingId }),
      });
      const after = await find(request);
      if (!done) throw stale(after.version);
      tellVersion(reply, after.version);
      return shown(after);
    },
  );

  app.post(
    "/providers/:name/inventory",
    {
      config: { action: "orphans.resolve" },
      schema: describeRoute("Compare now with what the provider has", {
        params: byName,
        response: { 200: compared, default: problemResponse },
      }),
    },
    async (request) => {
      const { name } = await findProvider(request, federation);
      const run = await inventory.run(name);
      if (run === undefined) throw new Problem("NotFound");
      return run;
    },
  );
}

function shown({ uid, by, firstSeen, lastSeen, endedAt, ...rest }: Orphan): object {
  return {
    ...rest,
    lotseId: uid,
    firstSeen: timeOf(firstSeen),
    lastSeen: timeOf(lastSeen),
    ...(endedAt !== undefined && { endedAt: timeOf(endedAt) }),
    ...(by !== undefined && { dismissedBy: by }),
  };
}

/** Catalogs of providers as they were read: looked at, released, gone back to. */
import type { FastifyInstance } from "fastify";
import type { Snapshot } from "../store/providers.ts";
import { actorOf, doneOr, findProvider } from "./desk.ts";
import { ifMatchHeader, requireVersion } from "./etag.ts";
import { answerPage, cut, listQuery, type PageQuery, pageOf, readCursor } from "./paging.ts";
import type { AdminParts } from "./parts.ts";
import { Problem, problemResponse } from "./problem.ts";
import { byName } from "./provider-routes.ts";
import { describeRoute, text, time, timeOf } from "./shapes.ts";

const change = {
  type: "object",
  properties: {
    kind: text,
    offering: text,
    plan: text,
    detail: text,
    instances: { type: "integer", description: "Living instances it touches." },
  },
} as const;

const snapshot = {
  type: "object",
  properties: {
    id: text,
    readAt: time,
    state: { enum: ["held", "published", "replaced", "passed-over"] },
    offerings: { type: "integer" },
    plans: { type: "integer" },
    hash: text,
    changes: { type: "array", items: change, description: "Against what was published when it was read." },
    reasons: { type: "array", items: text, description: "Why it was held." },
    decidedAt: time,
    decidedBy: text,
  },
} as const;

const byId = { type: "object", properties: { ...byName.properties, id: text } } as const;

export function addSnapshotRoutes(app: FastifyInstance, { federation }: AdminParts): void {
  const { releasing, providers } = federation;
  const versionOf = (name: string) => async () => (await providers.byName(name))?.version ?? 0;

  async function find(name: string, params: unknown): Promise<Snapshot> {
    const found = await providers.snapshot((params as { readonly id: string }).id);
    if (found?.provider !== name) throw new Problem("NotFound");
    return found;
  }

  app.get(
    "/providers/:name/snapshots",
    {
      config: { action: "catalog.read" },
      schema: describeRoute("The provider's catalogs, the newest first", {
        params: byName,
        querystring: listQuery(),
        response: { 200: pageOf(snapshot), default: problemResponse },
      }),
    },
    async (request, reply) => {
      const { name } = await findProvider(request, federation);
      const query = request.query as PageQuery;
      const rows = await providers.snapshots(name, readCursor("snapshots", query), query.limit + 1);
      const page = cut(rows, query.limit, ({ id }) => id);
      return answerPage(request, reply, "snapshots", { ...page, items: page.items.map(shown) });
    },
  );

  app.get(
    "/providers/:name/snapshots/:id",
    {
      config: { action: "catalog.read" },
      schema: describeRoute("One of its catalogs, with what it offers as the provider told it", {
        params: byId,
        response: {
          200: {
            type: "object",
            properties: {
              ...snapshot.properties,
              content: { type: "array", items: { type: "object", additionalProperties: true } },
            },
          },
          default: problemResponse,
        },
      }),
    },
    async (request) => {
      const { name } = await findProvider(request, federation);
      const found = await find(name, request.params);
      return { ...shown(found), content: (await providers.content(found.id)) ?? [] };
    },
  );

  app.post(
    "/providers/:name/refresh",
    {
      config: { action: "catalog.refresh" },
      schema: describeRoute("Read its catalog now", {
        params: byName,
        response: {
          200: { type: "object", properties: { is: { enum: ["unchanged", "published", "held"] }, snapshot } },
          default: problemResponse,
        },
      }),
    },
    async (request) => {
      const { name } = await findProvider(request, federation);
      const result = await doneOr(await releasing.refresh(name), versionOf(name));
      return result.is === "unchanged" ? { is: result.is } : { is: result.is, snapshot: shown(result.snapshot) };
    },
  );

  app.post(
    "/providers/:name/snapshots/:id/publish",
    {
      config: { action: "catalog.publish" },
      schema: describeRoute(
        "Release a held catalog, or go back to an earlier one; If-Match names the provider's version",
        {
          params: byId,
          headers: ifMatchHeader,
          response: { 200: snapshot, default: problemResponse },
        },
      ),
    },
    async (request) => {
      const provider = await findProvider(request, federation);
      requireVersion(request, provider.version);
      const { name, version } = provider;
      const { id } = await find(name, request.params);
      return shown(await doneOr(await releasing.publishSnapshot(name, version, id, actorOf(request)), versionOf(name)));
    },
  );
}

const shown = ({ readAt, decidedAt, provider: _, ...rest }: Snapshot) => ({
  ...rest,
  readAt: timeOf(readAt),
  ...(decidedAt !== undefined && { decidedAt: timeOf(decidedAt) }),
});

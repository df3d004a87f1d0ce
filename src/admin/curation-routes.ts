/** What operators make of the merged catalog: overlays, who sees what, and what wants attention. */
import { hash } from "node:crypto";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Json } from "../core/json.ts";
import type { Grant } from "../core/visibility.ts";
import type { VisibleKind } from "../store/curation.ts";
import { actorOf, doneOr, findProvider } from "./desk.ts";
import { requireVersion, requireVersionOrNone, tellVersion } from "./etag.ts";
import { providersOf } from "./guard.ts";
import { answerPage, cut, listQuery, type PageQuery, pageOf, readCursor } from "./paging.ts";
import type { AdminParts } from "./parts.ts";
import { Problem, problemResponse } from "./problem.ts";
import { byName } from "./provider-routes.ts";
import { describeRoute, text, time, timeOf } from "./shapes.ts";

const free = { type: "object", additionalProperties: true } as const;
const stamps = { version: { type: "integer" }, updatedAt: time, updatedBy: text } as const;
const overlayShown = { type: "object", properties: { overlay: free, ...stamps } } as const;

/** A change of what is there names its version; where nothing is there, that this was seen. */
const conditional = {
  type: "object",
  properties: {
    "if-match": { type: "string", description: "ETag of what is there." },
    "if-none-match": { type: "string", description: "`*`, where there is none yet." },
  },
} as const;

const grant = {
  type: "object",
  additionalProperties: false,
  minProperties: 1,
  properties: {
    platform: { ...text, minLength: 1, description: "Name of a platform; absent: any." },
    organization: { ...text, minLength: 1, description: "organization_guid as it is sent; absent: any." },
  },
} as const;
const grants = { type: "array", items: grant, description: "One of them has to fit." } as const;
const kinds = ["provider", "offering", "plan"] as const;
const thing = {
  type: "object",
  properties: {
    kind: { enum: kinds },
    thing: { ...text, maxLength: 255, description: "A provider's name; an offering's or plan's id." },
  },
} as const;
const entryShown = { type: "object", properties: { ...thing.properties, grants, ...stamps } } as const;

interface Thing {
  readonly kind: VisibleKind;
  readonly thing: string;
}

/** Entries have no order of their own, and names of any form: a digest gives one that fits a cursor. */
const placeOf = ({ kind, thing: name }: Thing): string => hash("sha256", `${kind} ${name}`, "hex");

export function addCurationRoutes(app: FastifyInstance, { federation, accounts }: AdminParts): void {
  const { curation, curating, keeper } = federation;

  app.get(
    "/catalog",
    {
      config: { action: "catalog.read" },
      schema: describeRoute("The merged catalog in short, and what in it wants attention", {
        response: {
          200: {
            type: "object",
            properties: {
              notes: { type: "array", items: text },
              offerings: {
                type: "array",
                items: {
                  type: "object",
                  properties: {
                    id: text,
                    name: text,
                    plans: {
                      type: "array",
                      items: { type: "object", properties: { id: text, name: text, provider: text } },
                    },
                  },
                },
              },
            },
          },
          default: problemResponse,
        },
      }),
    },
    async (request) => {
      const reach = providersOf(request);
      const mine = (provider: string) => reach === "all" || reach.includes(provider);
      const offerings = keeper
        .current()
        .offerings.map(({ id, name, plans }) => ({
          id,
          name,
          plans: plans
            .filter(({ provider }) => mine(provider))
            .map((plan) => ({ id: plan.id, name: plan.name, provider: plan.provider })),
        }))
        .filter(({ plans }) => plans.length > 0);
      const notes = keeper.notes().filter((note) => mine(note.slice(0, note.indexOf(":"))));
      return { notes, offerings };
    },
  );

  app.get(
    "/providers/:name/overlay",
    {
      config: { action: "catalog.read" },
      schema: describeRoute("What operators make of the provider's catalog", {
        params: byName,
        response: { 200: overlayShown, default: problemResponse },
      }),
    },
    async (request, reply) => {
      const { name } = await findProvider(request, federation);
      const overlay = await curation.overlay(name);
      if (overlay === undefined) throw new Problem("NotFound");
      tellVersion(reply, overlay.version);
      const { content, version, updatedAt, updatedBy } = overlay;
      return { overlay: content, version, updatedAt: timeOf(updatedAt), updatedBy };
    },
  );

  async function setOverlay(request: FastifyRequest, content: Json | undefined): Promise<void> {
    const { name } = await findProvider(request, federation);
    const current = (await curation.overlay(name))?.version ?? 0;
    if (content === undefined && current === 0) throw new Problem("NotFound");
    if (content === undefined) requireVersion(request, current);
    else requireVersionOrNone(request, current);
    const version = async () => (await curation.overlay(name))?.version ?? 0;
    await doneOr(await curating.setOverlay(name, current, content, actorOf(request)), version);
  }

  app.put(
    "/providers/:name/overlay",
    {
      config: { action: "overlays.edit" },
      schema: describeRoute(
        "Rename, hide, describe, price and group what the provider offers; see docs/federation.md",
        {
          params: byName,
          headers: conditional,
          body: free,
          response: { 204: { type: "null" }, default: problemResponse },
        },
      ),
    },
    async (request, reply) => {
      await setOverlay(request, request.body as Json);
      return reply.code(204).send();
    },
  );

  app.delete(
    "/providers/:name/overlay",
    {
      config: { action: "overlays.edit" },
      schema: describeRoute("Offer the provider's catalog as it is", {
        params: byName,
        headers: conditional,
        response: { 204: { type: "null" }, default: problemResponse },
      }),
    },
    async (request, reply) => {
      await setOverlay(request, undefined);
      return reply.code(204).send();
    },
  );

  app.get(
    "/visibility",
    {
      config: { action: "catalog.read" },
      schema: describeRoute("Everything that is not there for everybody", {
        querystring: listQuery({ kind: { enum: kinds, description: "Only entries of this kind." } }),
        response: { 200: pageOf(entryShown), default: problemResponse },
      }),
    },
    async (request, reply) => {
      const query = request.query as PageQuery & { readonly kind?: VisibleKind };
      const reach = providersOf(request);
      const plans = keeper.current().placements;
      const isMine = ({ kind, thing: name }: Thing) => {
        if (reach === "all") return true;
        if (kind === "provider") return reach.includes(name);
        return kind === "plan" && reach.includes(plans.get(name)?.plan.provider ?? "");
      };
      const after = readCursor("visibility", query) ?? "";
      const entries = (await curation.visibilityEntries())
        .filter((entry) => isMine(entry) && (query.kind ?? entry.kind) === entry.kind)
        .map(({ content, updatedAt, ...entry }) => ({ ...entry, grants: content, updatedAt: timeOf(updatedAt) }))
        .filter((entry) => placeOf(entry) > after)
        .sort((a, b) => (placeOf(a) < placeOf(b) ? -1 : 1));
      return answerPage(request, reply, "visibility", cut(entries, query.limit, placeOf));
    },
  );

  async function isThere({ kind, thing: name }: Thing): Promise<boolean> {
    const { offerings } = keeper.current();
    if (kind === "offering") return offerings.some(({ id }) => id === name);
    const plans = offerings.flatMap((offering) => offering.plans);
    if (kind === "plan") return plans.some(({ id }) => id === name);
    // A registered provider may have nothing in the catalog yet, and one of the catalog's files is registered nowhere.
    return plans.some(({ provider }) => provider === name) || (await federation.providers.byName(name)) !== undefined;
  }

  /** What was named and is not there: perhaps not yet, perhaps mistyped, and then still to be seen by everybody. */
  async function missing(entry: Thing, content: readonly Grant[]): Promise<string[]> {
    const names = new Set((await accounts.names()).values());
    const platforms = content.flatMap(({ platform }) => platform ?? []).filter((platform) => !names.has(platform));
    const thing = `There is no ${entry.kind} "${entry.thing}" at present; it will count once there is one.`;
    return [
      ...((await isThere(entry)) ? [] : [thing]),
      ...platforms.map((platform) => `There is no platform "${platform}" at present; nobody sees it by this grant.`),
    ];
  }

  async function setVisibility(request: FastifyRequest, content: readonly Grant[] | undefined): Promise<void> {
    const { kind, thing: name } = request.params as Thing;
    const current = (await curation.visibilityEntry(kind, name))?.version ?? 0;
    if (content === undefined && current === 0) throw new Problem("NotFound");
    if (content === undefined) requireVersion(request, current);
    else requireVersionOrNone(request, current);
    const version = async () => (await curation.visibilityEntry(kind, name))?.version ?? 0;
    await doneOr(await curating.setVisibility(kind, name, current, content, actorOf(request)), version);
  }

  app.put(
    "/visibility/:kind/:thing",
    {
      config: { action: "visibility.edit" },
      schema: describeRoute("Say for whom a provider, an offering or a plan is there", {
        params: thing,
        headers: conditional,
        body: { type: "object", additionalProperties: false, required: ["grants"], properties: { grants } },
        response: {
          200: {
            type: "object",
            properties: { notes: { type: "array", items: text, description: "What was named and is not there." } },
          },
          default: problemResponse,
        },
      }),
    },
    async (request) => {
      const { grants: content } = request.body as { readonly grants: readonly Grant[] };
      await setVisibility(request, content);
      return { notes: await missing(request.params as Thing, content) };
    },
  );

  app.delete(
    "/visibility/:kind/:thing",
    {
      config: { action: "visibility.edit" },
      schema: describeRoute("Let everybody see it again", {
        params: thing,
        headers: conditional,
        response: { 204: { type: "null" }, default: problemResponse },
      }),
    },
    async (request, reply) => {
      await setVisibility(request, undefined);
      return reply.code(204).send();
    },
  );
}

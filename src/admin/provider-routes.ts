/** Providers: registered, checked, reviewed, published, suspended, retired. */
import type { FastifyInstance, FastifyRequest } from "fastify";
import { publicationSchema } from "../config/schema.ts";
import type { Action } from "../core/permissions.ts";
import { type Provider, providerStates } from "../core/provider.ts";
import type { ProviderWish } from "../providers/provider-wish.ts";
import type { Result } from "../providers/result.ts";
import { actorOf, doneOr, findProvider, type Named, shownProvider, showProvider } from "./desk.ts";
import { ifMatchHeader, requireVersion } from "./etag.ts";
import { providersOf, requireProvider } from "./guard.ts";
import { answerPage, cut, listQuery, type PageQuery, pageOf, readCursor } from "./paging.ts";
import type { AdminParts } from "./parts.ts";
import { Problem, problemResponse } from "./problem.ts";
import { describeRoute, text, time, timeOf } from "./shapes.ts";

const slug = { type: "string", pattern: "^[a-z0-9][a-z0-9-]{0,62}$", examples: ["land-sued"] } as const;
const words = { type: "string", minLength: 1, maxLength: 2000 } as const;
const free = { type: "object", additionalProperties: true } as const;

export const byName = { type: "object", properties: { name: slug } } as const;

const wish = {
  adapter: { type: "string", examples: ["osb"] },
  settings: { ...free, description: "What the adapter needs, its secrets included; see its README." },
  slots: { type: "integer", minimum: 1, maximum: 10_000, description: "Operations under way there at once." },
  identities: { enum: ["derived", "downstream"] },
  organisation: { ...text, description: "Key of the organisation that answers for it." },
  integrator: text,
  publisher: text,
  testPlan: {
    type: "object",
    additionalProperties: false,
    required: ["offering", "plan"],
    properties: { offering: text, plan: text, parameters: free },
    examples: [{ offering: "postgresql", plan: "small" }],
    description: "What its conformance is tried with; instances of it are made and removed by a check.",
  },
  publication: publicationSchema,
} as const;

const shown = {
  type: "object",
  properties: {
    name: text,
    origin: { enum: ["configuration", "registered"] },
    adapter: text,
    state: { enum: providerStates },
    settings: free,
    secrets: { type: "array", items: text, description: "Secrets that are set; never their values." },
    slots: { type: "integer" },
    identities: text,
    organisation: text,
    integrator: text,
    publisher: text,
    testPlan: free,
    publication: free,
    editors: { type: "array", items: text, description: "None of them may publish it." },
    submittedBy: text,
    publishedBy: text,
    reason: text,
    check: free,
    override: free,
    submittedSnapshot: { ...text, description: "The catalog that its check read; it is what will be published." },
    publishedSnapshot: text,
    pinned: { type: "boolean" },
    reading: free,
    version: { type: "integer" },
    createdAt: time,
    updatedAt: time,
  },
} as const;

const answers = { 200: shown, default: problemResponse };

export function addProviderRoutes(app: FastifyInstance, { federation }: AdminParts): void {
  const { onboarding, providers } = federation;
  const versionOf = (name: string) => async () => (await providers.byName(name))?.version ?? 0;

  app.get(
    "/providers",
    {
      config: { action: "providers.read" },
      schema: describeRoute("Providers, by name", {
        querystring: listQuery({ state: { enum: providerStates }, adapter: text }),
        response: { 200: pageOf(shown), default: problemResponse },
      }),
    },
    async (request, reply) => {
      const query = request.query as PageQuery & { readonly state?: string; readonly adapter?: string };
      const after = readCursor("providers", query) ?? "";
      const reach = providersOf(request);
      // There are some hundreds at most.
      const rows = (await providers.list()).filter(
        ({ name, state, adapter }) =>
          name > after &&
          (reach === "all" || reach.includes(name)) &&
          (query.state ?? state) === state &&
          (query.adapter ?? adapter) === adapter,
      );
      const page = cut(rows, query.limit, ({ name }) => name);
      const items = page.items.map((provider) => shownProvider(provider, federation));
      return answerPage(request, reply, "providers", { ...page, items });
    },
  );

  app.get(
    "/providers/:name",
    {
      config: { action: "providers.read" },
      schema: describeRoute("A provider", { params: byName, response: answers }),
    },
    async (request, reply) => showProvider(reply, await findProvider(request, federation), federation),
  );

  app.post(
    "/providers",
    {
      config: { action: "providers.register" },
      schema: describeRoute("Register a provider", {
        body: {
          type: "object",
          additionalProperties: false,
          required: ["name", "adapter", "settings"],
          properties: { name: slug, ...wish },
        },
        response: { 201: shown, default: problemResponse },
      }),
    },
    async (request, reply) => {
      const { name, ...rest } = request.body as Named & ProviderWish;
      requireProvider(request, name);
      const made = await doneOr(await onboarding.register(name, rest, actorOf(request)), versionOf(name));
      reply.code(201).header("location", `/api/v1/providers/${name}`);
      return showProvider(reply, made, federation);
    },
  );

  app.put(
    "/providers/:name",
    {
      config: { action: "providers.edit" },
      schema: describeRoute("Change a provider; secrets that are left out stay, unless its address changes", {
        params: byName,
        headers: ifMatchHeader,
        body: {
          type: "object",
          additionalProperties: false,
          required: ["adapter", "settings"],
          properties: wish,
        },
        response: answers,
      }),
    },
    (request, reply) => {
      const body = request.body as ProviderWish;
      return step(request, (name, version) => onboarding.edit(name, version, body, actorOf(request))).then((provider) =>
        showProvider(reply, provider, federation),
      );
    },
  );

  app.post(
    "/providers/:name/check",
    {
      config: { action: "providers.check" },
      schema: describeRoute(
        "Whether it can be used: reach, rights, catalog, and conformance where a test plan is named",
        {
          params: byName,
          response: answers,
        },
      ),
    },
    async (request, reply) => {
      const { name } = await findProvider(request, federation);
      return showProvider(
        reply,
        await doneOr(await onboarding.check(name, actorOf(request)), versionOf(name)),
        federation,
      );
    },
  );

  /** Does what was decided on a version that the request names. */
  async function step(
    request: FastifyRequest,
    act: (name: string, version: number) => Promise<Result<Provider>>,
  ): Promise<Provider> {
    const provider = await findProvider(request, federation);
    requireVersion(request, provider.version);
    return doneOr(await act(provider.name, provider.version), versionOf(provider.name));
  }

  type Reason = { readonly reason: string };
  type Override = { readonly override?: string } | undefined;
  type Act = (name: string, version: number, request: FastifyRequest) => Promise<Result<Provider>>;
  const withReason = {
    type: "object",
    additionalProperties: false,
    required: ["reason"],
    properties: { reason: words },
  };
  const steps: readonly (readonly [verb: string, action: Action, summary: string, act: Act, body?: object])[] = [
    [
      "submit",
      "providers.submit",
      "Submit what passed its check for review",
      (name, version, request) => onboarding.submit(name, version, actorOf(request)),
    ],
    [
      "reject",
      "providers.reject",
      "Send it back to its editor, and say why",
      (name, version, request) => onboarding.reject(name, version, (request.body as Reason).reason, actorOf(request)),
      withReason,
    ],
    [
      "publish",
      "providers.publish",
      "Publish it with the catalog that was submitted",
      (name, version, request) =>
        onboarding.publish(name, version, (request.body as Override)?.override, actorOf(request)),
      {
        type: ["object", "null"],
        additionalProperties: false,
        properties: { override: { ...words, description: "Why, although it breaks rules that a broker must keep." } },
      },
    ],
    [
      "suspend",
      "providers.suspend",
      "No new orders from now on; what is there stays manageable",
      (name, version, request) => onboarding.suspend(name, version, (request.body as Reason).reason, actorOf(request)),
      withReason,
    ],
    [
      "resume",
      "providers.resume",
      "Take orders again",
      (name, version, request) => onboarding.resume(name, version, actorOf(request)),
    ],
    [
      "retire",
      "providers.retire",
      "Final, and only without living instances",
      (name, version, request) => onboarding.retire(name, version, actorOf(request)),
    ],
  ];
  for (const [verb, action, summary, act, body] of steps)
    app.post(
      `/providers/:name/${verb}`,
      {
        config: { action },
        schema: describeRoute(summary, {
          params: byName,
          headers: ifMatchHeader,
          ...(body !== undefined && { body }),
          response: answers,
        }),
      },
      async (request, reply) =>
        showProvider(reply, await step(request, (name, version) => act(name, version, request)), federation),
    );

  app.get(
    "/providers/:name/reports/:id",
    {
      config: { action: "providers.read" },
      schema: describeRoute("A report of the conformance kit", {
        params: { type: "object", properties: { name: slug, id: text } },
        response: {
          200: { type: "object", properties: { id: text, provider: text, at: time, madeBy: text, content: free } },
          default: problemResponse,
        },
      }),
    },
    async (request) => {
      const { name } = await findProvider(request, federation);
      const report = await providers.report((request.params as { readonly id: string }).id);
      if (report?.provider !== name) throw new Problem("NotFound");
      return { ...report, at: timeOf(report.at) };
    },
  );
}

/** Platforms: who may order. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { PlatformAccount } from "../store/accounts.ts";
import { ifMatchHeader, requireVersion, stale, tellVersion } from "./etag.ts";
import { answerPage, cut, listQuery, type PageQuery, pageOf, readCursor } from "./paging.ts";
import { type AdminParts, doerOf } from "./parts.ts";
import { longestName, nameForm } from "./platform-accounts.ts";
import { Problem, problemResponse } from "./problem.ts";
import { describeRoute, text, time, timeOf } from "./shapes.ts";

const states = ["active", "disabled"] as const;

const platform = {
  type: "object",
  properties: {
    id: text,
    name: text,
    username: text,
    state: { enum: states },
    version: { type: "integer" },
    createdAt: time,
  },
} as const;

const credentials = {
  type: "object",
  properties: { ...platform.properties, password: { type: "string", description: "Shown this once." } },
} as const;

const byName = {
  type: "object",
  properties: { name: { type: "string", maxLength: longestName } },
} as const;

type Named = { readonly name: string };

export function addPlatformRoutes(app: FastifyInstance, { accounts, platforms }: AdminParts): void {
  async function find({ params }: FastifyRequest): Promise<PlatformAccount> {
    const account = await accounts.byName((params as Named).name);
    if (account === undefined) throw new Problem("NotFound");
    return account;
  }

  /** The account as it is after a change. */
  async function show(reply: FastifyReply, { name }: Named, more: object = {}): Promise<object> {
    const account = await accounts.byName(name);
    if (account === undefined) throw new Error("A platform that was just changed is gone.");
    tellVersion(reply, account.version);
    return { ...shown(account), ...more };
  }

  async function lost({ name }: Named): Promise<Problem> {
    return stale((await accounts.byName(name))?.version ?? 0);
  }

  app.get(
    "/platforms",
    {
      config: { action: "platforms.read" },
      schema: describeRoute("Platforms that may order, by name", {
        querystring: listQuery({ state: { enum: states } }),
        response: { 200: pageOf(platform), default: problemResponse },
      }),
    },
    async (request, reply) => {
      const query = request.query as PageQuery & { readonly state?: PlatformAccount["state"] };
      const after = readCursor("platforms", query);
      const rows = await accounts.list({
        limit: query.limit + 1,
        ...(after !== undefined && { after }),
        ...(query.state !== undefined && { state: query.state }),
      });
      const page = cut(rows, query.limit, ({ name }) => name);
      return answerPage(request, reply, "platforms", { ...page, items: page.items.map(shown) });
    },
  );

  app.get(
    "/platforms/:name",
    {
      config: { action: "platforms.read" },
      schema: describeRoute("A platform", {
        params: byName,
        response: { 200: platform, default: problemResponse },
      }),
    },
    async (request, reply) => show(reply, await find(request)),
  );

  app.post(
    "/platforms",
    {
      config: { action: "platforms.manage" },
      schema: describeRoute("Register a platform; its password is in the answer, once", {
        body: {
          type: "object",
          additionalProperties: false,
          required: ["name"],
          properties: { name: { type: "string", pattern: nameForm, maxLength: longestName, examples: ["cf-north"] } },
        },
        response: { 201: credentials, default: problemResponse },
      }),
    },
    async (request, reply) => {
      const { name } = request.body as Named;
      const made = await platforms.add(name, doerOf(request));
      if (made === undefined) throw new Problem("NameTaken");
      reply.code(201).header("location", `/api/v1/platforms/${name}`);
      return show(reply, { name }, { password: made.password.reveal() });
    },
  );

  app.post(
    "/platforms/:name/rotate",
    {
      config: { action: "platforms.manage" },
      schema: describeRoute("A new password, once; the old one stays valid for a day", {
        params: byName,
        headers: ifMatchHeader,
        response: { 200: credentials, default: problemResponse },
      }),
    },
    async (request, reply) => {
      const account = await find(request);
      requireVersion(request, account.version);
      const made = await platforms.rotate(account, doerOf(request));
      if (made === "disabled") throw new Problem("Disabled");
      if (made === "stale") throw await lost(account);
      return show(reply, account, { password: made.password.reveal() });
    },
  );

  const changes = [
    ["disable", "disabled", "Refuse the platform from now on; its instances stay"],
    ["enable", "active", "Let a disabled platform in again, with the passwords it had"],
  ] as const;
  for (const [verb, state, summary] of changes)
    app.post(
      `/platforms/:name/${verb}`,
      {
        config: { action: "platforms.manage" },
        schema: describeRoute(summary, {
          params: byName,
          headers: ifMatchHeader,
          response: { 200: platform, default: problemResponse },
        }),
      },
      async (request, reply) => {
        const account = await find(request);
        requireVersion(request, account.version);
        if ((await platforms.setState(account, state, doerOf(request))) === "stale") throw await lost(account);
        return show(reply, account);
      },
    );
}

const shown = ({ id, name, username, state, version, createdAt }: PlatformAccount) => ({
  id,
  name,
  username,
  state,
  version,
  createdAt: timeOf(createdAt),
});

/** Who one is, and tokens: given to persons and services, with an end, and taken back. */
import type { FastifyInstance } from "fastify";
import { covers, type Role, roles, rolesOfProviders } from "../core/permissions.ts";
import type { TokenRecord } from "../store/tokens.ts";
import { principalOf } from "./authenticate.ts";
import { answerPage, cut, listQuery, type PageQuery, pageOf, readCursor } from "./paging.ts";
import { type AdminParts, doerOf } from "./parts.ts";
import { longestName, nameForm } from "./platform-accounts.ts";
import { invalidMember, Problem, problemResponse } from "./problem.ts";
import { describeRoute, text, time, timeOf } from "./shapes.ts";
import { longestLifeMs, usualLifeMs } from "./token-desk.ts";

const name = { type: "string", pattern: nameForm, maxLength: longestName } as const;
const rights = {
  roles: { type: "array", minItems: 1, uniqueItems: true, items: { enum: roles } },
  providers: { type: "array", maxItems: 50, uniqueItems: true, items: name },
} as const;

const token = {
  type: "object",
  properties: {
    id: text,
    name: text,
    principal: text,
    ...rights,
    createdBy: text,
    createdAt: time,
    expiresAt: time,
    revokedAt: time,
    lastUsedAt: { ...time, description: "To the minute." },
  },
} as const;

const me = { type: "object", properties: { principal: text, token: text, ...rights, expiresAt: time } } as const;

interface TokenBody {
  readonly name: string;
  readonly principal: string;
  readonly roles: readonly Role[];
  readonly providers?: readonly string[];
  readonly expiresAt?: string;
}

export function addTokenRoutes(app: FastifyInstance, { tokens, desk, now }: AdminParts): void {
  app.get(
    "/me",
    {
      config: { action: "signed-in" },
      schema: describeRoute("Who the token is, and what it may", { response: { 200: me, default: problemResponse } }),
    },
    async (request) => {
      const { name: principal, tokenId, roles, providers } = principalOf(request);
      const { expiresAt } = (await tokens.read(tokenId)) ?? {};
      return {
        principal,
        token: tokenId,
        roles,
        providers,
        ...(expiresAt !== undefined && { expiresAt: timeOf(expiresAt) }),
      };
    },
  );

  app.get(
    "/tokens",
    {
      config: { action: "tokens.read" },
      schema: describeRoute("Tokens, newest first, without their secrets", {
        querystring: listQuery({ principal: name }),
        response: { 200: pageOf(token), default: problemResponse },
      }),
    },
    async (request, reply) => {
      const { limit, principal, ...query } = request.query as PageQuery & { readonly principal?: string };
      const before = readCursor("tokens", { limit, ...query });
      const rows = await tokens.list({
        limit: limit + 1,
        ...(before !== undefined && { before }),
        ...(principal !== undefined && { principal }),
      });
      const page = cut(rows, limit, ({ id }) => id);
      return answerPage(request, reply, "tokens", { ...page, items: page.items.map(shown) });
    },
  );

  app.post(
    "/tokens",
    {
      config: { action: "tokens.manage" },
      schema: describeRoute("A new token; its secret is in the answer, once", {
        body: {
          type: "object",
          additionalProperties: false,
          required: ["name", "principal", "roles"],
          properties: {
            name: { ...name, description: "What it is for." },
            principal: { ...name, description: "The person or service that will hold it." },
            roles: rights.roles,
            providers: {
              ...rights.providers,
              description: "Of an editor or fulfiller: whose offers they may edit, whose tasks they carry out.",
            },
            expiresAt: { ...time, description: "At most a year ahead; in 90 days when not given." },
          },
        },
        response: {
          201: {
            type: "object",
            properties: { ...token.properties, secret: { type: "string", description: "The token, shown this once." } },
          },
          default: problemResponse,
        },
      }),
    },
    async (request, reply) => {
      const body = request.body as TokenBody;
      const { roles: wanted, providers = [] } = body;
      const ofProviders = wanted.some((role) => rolesOfProviders.includes(role));
      if (ofProviders && providers.length === 0)
        throw invalidMember(
          "#/providers",
          "is missing; a provider-editor or fulfiller is for the providers named here",
        );
      if (!ofProviders && providers.length > 0)
        throw invalidMember(
          "#/providers",
          "is for a provider-editor or fulfiller only; the other roles are about all providers",
        );
      const principal = principalOf(request);
      if (!covers(principal, { roles: wanted, providers }))
        throw new Problem("Forbidden", {
          detail: "A token cannot be given more rights than the one that makes it has.",
        });
      const expiresAt = body.expiresAt === undefined ? now() + usualLifeMs : Date.parse(body.expiresAt);
      if (!(expiresAt > now() && expiresAt <= now() + longestLifeMs))
        throw invalidMember("#/expiresAt", "must lie ahead, and at most a year");
      const wish = { name: body.name, principal: body.principal, roles: wanted, providers, expiresAt };
      const { record, secret } = await desk.issue({ ...wish, createdBy: principal.name }, doerOf(request));
      reply.code(201);
      return { ...shown(record), secret: secret.reveal() };
    },
  );

  app.delete(
    "/tokens/:id",
    {
      config: { action: "tokens.manage" },
      schema: describeRoute("Revoke a token at once; needs no If-Match, and may be repeated", {
        params: { type: "object", properties: { id: { type: "string", maxLength: 64 } } },
        response: { 204: { type: "null", description: "Revoked." }, default: problemResponse },
      }),
    },
    async (request, reply) => {
      const outcome = await desk.revoke((request.params as { readonly id: string }).id, doerOf(request));
      if (outcome === "unknown") throw new Problem("NotFound");
      if (outcome === "last") throw new Problem("LastAdministrator");
      return reply.code(204).send();
    },
  );
}

function shown({ createdAt, expiresAt, revokedAt, lastUsedAt, ...record }: TokenRecord) {
  return {
    ...record,
    createdAt: timeOf(createdAt),
    ...(expiresAt !== undefined && { expiresAt: timeOf(expiresAt) }),
    ...(revokedAt !== undefined && { revokedAt: timeOf(revokedAt) }),
    ...(lastUsedAt !== undefined && { lastUsedAt: timeOf(lastUsedAt) }),
  };
}

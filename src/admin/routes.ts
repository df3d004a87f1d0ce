/** The management API, for administrators: platforms and the audit trail. Errors follow RFC 9457. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { PlatformAccount } from "../store/accounts.ts";
import type { AuditReport } from "../store/audit.ts";

export interface AdminParts {
  readonly isAdministrator: (authorization: string | undefined) => Promise<boolean>;
  readonly platforms: () => Promise<readonly PlatformAccount[]>;
  readonly verifyAudit: () => Promise<AuditReport>;
}

const text = { type: "string" } as const;
const security = [{ bearer: [] }];

const platform = { type: "object", properties: { id: text, name: text, username: text, state: text } } as const;
const platformList = { type: "object", properties: { platforms: { type: "array", items: platform } } } as const;
const report = {
  type: "object",
  properties: {
    sealed: { type: "integer" },
    unsealed: { type: "integer" },
    head: text,
    faults: { type: "array", items: text },
  },
} as const;

export function addAdminRoutes(app: FastifyInstance, parts: AdminParts): void {
  app.addHook("onRequest", async (request: FastifyRequest, reply: FastifyReply) => {
    if (await parts.isAdministrator(request.headers.authorization)) return;
    const problem = { type: "about:blank", status: 401, title: "The administrator token is missing or wrong." };
    return reply
      .code(401)
      .header("www-authenticate", 'Bearer realm="lotse"')
      .header("content-type", "application/problem+json")
      .send(JSON.stringify(problem));
  });
  app.get(
    "/platforms",
    { schema: { summary: "Platforms that may order", security, response: { 200: platformList } } as object },
    async () => ({ platforms: await parts.platforms() }),
  );
  app.get(
    "/audit/verification",
    { schema: { summary: "Recompute the audit trail's hash chain", security, response: { 200: report } } as object },
    () => parts.verifyAudit(),
  );
}

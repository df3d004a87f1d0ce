/** The audit trail, for those who look after what others do. */
import type { FastifyInstance } from "fastify";
import type { AdminParts } from "./parts.ts";
import { problemResponse } from "./problem.ts";
import { describeRoute, text } from "./shapes.ts";

const report = {
  type: "object",
  properties: {
    sealed: { type: "integer" },
    unsealed: { type: "integer" },
    head: text,
    faults: { type: "array", items: text },
  },
} as const;

export function addAuditRoutes(app: FastifyInstance, parts: AdminParts): void {
  app.get(
    "/audit/verification",
    {
      config: { action: "audit.read" },
      schema: describeRoute("Recompute the audit trail's hash chain", {
        response: { 200: report, default: problemResponse },
      }),
    },
    () => parts.verifyAudit(),
  );
}

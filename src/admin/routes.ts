/** The management API. Errors follow RFC 9457; who may do what stands in src/core/permissions.ts. */
import type { FastifyInstance } from "fastify";
import { addAdoptionRoutes } from "./adoption-routes.ts";
import { addAuditRoutes } from "./audit-routes.ts";
import { addAuthentication } from "./authenticate.ts";
import { addCurationRoutes } from "./curation-routes.ts";
import { addGuard } from "./guard.ts";
import { addInstanceRoutes } from "./instance-routes.ts";
import { addMethodRefusals } from "./methods.ts";
import { addOrphanRoutes } from "./orphan-routes.ts";
import type { AdminParts } from "./parts.ts";
import { addPlatformRoutes } from "./platform-routes.ts";
import { answerProblem, Problem, type ProblemLog } from "./problem.ts";
import { addProviderRoutes } from "./provider-routes.ts";
import { addSnapshotRoutes } from "./snapshot-routes.ts";
import { addTaskRoutes } from "./task-routes.ts";
import { addTokenRoutes } from "./token-routes.ts";
import { addUsageRoutes } from "./usage-routes.ts";
import { createValidator } from "./validate.ts";

/** For an application of its own below /api/v1. The order matters: who, whether they may, then the routes. */
export function addAdminRoutes(app: FastifyInstance, parts: AdminParts, log: ProblemLog): void {
  app.setErrorHandler((error, request, reply) => answerProblem(error, request, reply, log));
  app.setNotFoundHandler(() => {
    throw new Problem("NotFound");
  });
  app.setValidatorCompiler(createValidator());
  addAuthentication(app, parts);
  addGuard(app);
  const refuseOtherMethods = addMethodRefusals(app);
  addTokenRoutes(app, parts);
  addPlatformRoutes(app, parts);
  addInstanceRoutes(app, parts);
  addUsageRoutes(app, parts);
  addAuditRoutes(app, parts);
  addProviderRoutes(app, parts);
  addSnapshotRoutes(app, parts);
  addCurationRoutes(app, parts);
  addOrphanRoutes(app, parts);
  addAdoptionRoutes(app, parts);
  addTaskRoutes(app, parts);
  refuseOtherMethods();
}

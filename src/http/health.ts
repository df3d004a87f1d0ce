/** Whether the process lives, and whether it can do its work. */
import type { FastifyInstance } from "fastify";

export function addHealthRoutes(app: FastifyInstance, ping: () => Promise<void>): void {
  app.get("/livez", { schema: { hide: true } }, async () => ({ status: "ok" }));
  app.get("/readyz", { schema: { hide: true } }, async (_request, reply) => {
    try {
      await ping();
      return { status: "ok" };
    } catch {
      return reply.code(503).send({ status: "the database does not answer" });
    }
  });
}

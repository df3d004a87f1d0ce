/** 405 rather than 404 where the path is known. */
import type { FastifyInstance, HTTPMethods } from "fastify";
import { Problem } from "./problem.ts";

const methods = ["GET", "HEAD", "PUT", "PATCH", "DELETE", "POST", "OPTIONS"] as const;

/** Notes the routes that follow; what it returns adds the refusals, after the last of them. */
export function addMethodRefusals(app: FastifyInstance): () => void {
  const known = new Map<string, Set<HTTPMethods>>();
  let noting = true;
  app.addHook("onRoute", ({ method, routePath }) => {
    if (!noting) return;
    const of = known.get(routePath) ?? new Set();
    known.set(routePath, of);
    for (const one of [method].flat()) of.add(one);
  });
  return () => {
    noting = false;
    for (const [url, served] of known) {
      const allow = [...served].join(", ");
      app.route({
        url,
        method: methods.filter((method) => !served.has(method)),
        config: { action: "signed-in" },
        schema: { hide: true, querystring: {} } as object,
        handler: () => {
          throw new Problem("MethodNotAllowed", { headers: { allow } });
        },
      });
    }
  };
}

/** Writes openapi/osb.json and openapi/admin.json from the routes; a test notices when they are stale. */
import { writeFileSync } from "node:fs";
import type { FastifyInstance } from "fastify";
import { problemCodes } from "./admin/problem.ts";
import { buildApp } from "./app.ts";
import { refusalCodes } from "./core/refusal.ts";
import { defaultSwitches } from "./core/switches.ts";
import { createMetrics } from "./metrics.ts";

type Paths = { readonly paths: Record<string, unknown> };

/** Both documents, as text; the application behind them serves nothing. */
export async function openApiDocuments(): Promise<{ readonly osb: string; readonly admin: string }> {
  const silent = { info: () => {}, warn: () => {}, error: () => {} };
  const nothing = new Proxy({}, { get: () => () => Promise.reject(new Error("serves documents only")) });
  const app: FastifyInstance = await buildApp({
    lifecycle: nothing as never,
    catalog: () => nothing as never,
    switches: defaultSwitches,
    authenticate: () => "unauthenticated",
    admin: nothing as never,
    takeCallback: async () => "refused",
    ping: async () => {},
    metrics: createMetrics(() => 0),
    log: silent,
    logRequest: () => {},
    bodyLimitBytes: 1024 * 1024,
    requestTimeoutMs: 60_000,
  });
  await app.ready();
  const document = app.swagger() as unknown as Paths;
  await app.close();
  const only = (prefix: string, codes: object): string => {
    const paths = Object.fromEntries(Object.entries(document.paths).filter(([path]) => path.startsWith(prefix)));
    return `${JSON.stringify({ ...document, "x-error-codes": codes, paths }, null, 2)}\n`;
  };
  const details = Object.fromEntries(Object.entries(problemCodes).map(([code, [, detail]]) => [code, detail]));
  return { osb: only("/v2/", refusalCodes), admin: only("/api/v1/", details) };
}

if (import.meta.main) {
  const { osb, admin } = await openApiDocuments();
  writeFileSync(new URL("../openapi/osb.json", import.meta.url), osb);
  writeFileSync(new URL("../openapi/admin.json", import.meta.url), admin);
}

/** Whether who asks may do what they ask for. Every route says what it does; one that does not is never served. */
import type { FastifyInstance, FastifyRequest } from "fastify";
import { type Action, mayDo, permissions, reachOf } from "../core/permissions.ts";
import { principalOf } from "./authenticate.ts";
import { Problem } from "./problem.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /** Of the management API: what the route does. `signed-in`: what everybody with a token may. */
    action?: Action | "signed-in";
  }
}

const nothingAsked = { type: "object", properties: {}, additionalProperties: false } as const;

/** For an application without routes yet: guards all that follow. */
export function addGuard(app: FastifyInstance): void {
  app.addHook("onRoute", (route) => {
    if (route.config?.action === undefined) throw new Error(`${route.method} ${route.url} does not say what it does.`);
    // A parameter that would be ignored is somebody's mistake.
    route.schema = { querystring: nothingAsked, ...route.schema };
  });
  app.addHook("onRequest", async (request) => {
    const { action } = request.routeOptions.config;
    // Undefined: there is no such route.
    if (action === undefined || action === "signed-in") return;
    if (!mayDo(principalOf(request), action)) throw forbidden(action);
  });
}

/** Providers whose things the request may see or change. */
export function providersOf(request: FastifyRequest): "all" | readonly string[] {
  const principal = principalOf(request);
  return reachOf(principal, actionOf(request)) === "all" ? "all" : principal.providers;
}

/** Whether the request may have to do with this provider. To an editor, another's is as unknown as none. */
export function reaches(request: FastifyRequest, provider: string): boolean {
  return mayDo(principalOf(request), actionOf(request), provider);
}

/** Throws the answer for what does not exist. */
export function requireProvider(request: FastifyRequest, provider: string): void {
  if (!reaches(request, provider)) throw noProvider(provider);
}

/** The same whether there is none or it is another editor's. */
export const noProvider = (name: string): Problem =>
  new Problem("NotFound", { detail: `There is no provider "${name}", or your token is not for it.` });

function forbidden(action: Action): Problem {
  const able = Object.keys(permissions[action]).join(" or ");
  return new Problem("Forbidden", { detail: `Your roles do not allow this. It takes a token of role ${able}.` });
}

function actionOf({ routeOptions }: FastifyRequest): Action {
  const { action } = routeOptions.config;
  if (action === undefined || action === "signed-in") throw new Error(`${routeOptions.url} names no action.`);
  return action;
}

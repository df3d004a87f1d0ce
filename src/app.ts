/** Builds the HTTP application; tests use exactly this. */
import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import swagger from "@fastify/swagger";
import swaggerUi from "@fastify/swagger-ui";
import Fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type FastifyServerOptions,
  LogController,
} from "fastify";
import type { AdminParts } from "./admin/parts.ts";
import { answerProblem } from "./admin/problem.ts";
import { addAdminRoutes } from "./admin/routes.ts";
import type { Caller, Platform } from "./core/model.ts";
import { type Refusal, refuse } from "./core/refusal.ts";
import type { Switches } from "./core/switches.ts";
import type { Authenticator, Denial } from "./http/basic-auth.ts";
import { addCallbackRoute } from "./http/callback-route.ts";
import { Refused, refusalFor } from "./http/errors.ts";
import { addHealthRoutes } from "./http/health.ts";
import { readJsonObject } from "./http/read-json.ts";
import type { TakeCallback } from "./lifecycle/callback.ts";
import type { Lifecycle } from "./lifecycle/lifecycle.ts";
import type { Metrics } from "./metrics.ts";
import { checkApiVersion } from "./osb/api-version.ts";
import { answerCatalog, type CatalogSeen } from "./osb/catalog-first.ts";
import type { CatalogResponse } from "./osb/catalog-response.ts";
import { readOriginatingIdentity } from "./osb/originating-identity.ts";
import { requestIdentity } from "./osb/request-identity.ts";
import { addOsbRoutes } from "./osb/routes.ts";
import { refusalBody } from "./osb/wire.ts";
import type { Answered, RequestLog } from "./request-log.ts";
import { isAway } from "./store/away.ts";

export interface AppParts {
  readonly lifecycle: Lifecycle;
  readonly catalog: () => CatalogResponse;
  readonly switches: Switches;
  readonly authenticate: Authenticator["authenticate"];
  readonly admin: AdminParts;
  /** What providers say on their own. */
  readonly takeCallback: TakeCallback;
  readonly ping: () => Promise<void>;
  readonly metrics: Metrics;
  readonly log: AppLog;
  /** One line for each request. */
  readonly logRequest: RequestLog;
  readonly bodyLimitBytes: number;
  readonly requestTimeoutMs: number;
  readonly tls?: { readonly cert: string; readonly key: string };
}

export interface AppLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

declare module "fastify" {
  interface FastifyRequest {
    startedAt: number;
    /** Once it is known who asks. */
    caller: Caller | undefined;
  }
}

export async function buildApp(parts: AppParts): Promise<FastifyInstance> {
  const options: FastifyServerOptions = {
    bodyLimit: parts.bodyLimitBytes,
    requestTimeout: parts.requestTimeoutMs,
    // Instance ids may be long and may hold anything; the readers of the path say what is too long.
    routerOptions: { maxParamLength: 16_000 },
    forceCloseConnections: "idle",
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: requestIdOf,
    clientErrorHandler: refuseBrokenHttp,
    // A path that cannot be decoded meets no hook.
    frameworkErrors(error, request, reply) {
      repeatIdentity(request, reply);
      if (request.url.startsWith("/api/v1/")) return answerProblem(error, request, reply, parts.log);
      return answerError(parts, error, request, reply);
    },
  };
  // Node would answer a request without Host itself, and without a word.
  const server = { requireHostHeader: false };
  const served =
    parts.tls === undefined ? { http: server } : { https: { cert: parts.tls.cert, key: parts.tls.key, ...server } };
  const app: FastifyInstance = Fastify({ ...options, ...served });
  app.server.on("checkExpectation", refuseExpectation);

  app.decorateRequest("startedAt", 0).decorateRequest("caller", undefined);
  // Every request passes these hooks; with callbacks they cost no promises.
  app.addHook("onRequest", (request, reply, done) => {
    request.startedAt = performance.now();
    repeatIdentity(request, reply);
    if (lacksHost(request.raw))
      return void sendRefusal(reply, refuse(400, "MalformedRequest", "HTTP/1.1 wants a header Host."));
    done();
  });
  app.addHook("onResponse", (request, reply, done) => {
    logRequest(parts, request, reply);
    done();
  });
  app.setErrorHandler((error: FastifyError, request, reply) => answerError(parts, error, request, reply));
  app.setNotFoundHandler((_request, reply) => reply.code(404).send(refusalBody(refuse(404, "NotFound"))));
  readBodiesStrictly(app);

  await addDocuments(app);
  addHealthRoutes(app, parts.ping);
  app.get("/metrics", { schema: { hide: true } }, async (_request, reply) =>
    reply.header("content-type", parts.metrics.contentType).send(await parts.metrics.text()),
  );
  await app.register(
    async (osb) => {
      osb.addHook("onRequest", (request, reply, done) => {
        const enter = (platform: Platform | Denial) => {
          const refusal = admit(parts, request, platform);
          if (refusal === undefined) done();
          else sendRefusal(reply, refusal);
        };
        const platform = parts.authenticate(request.headers.authorization, request.socket);
        // Platforms seen lately are known at once, and then nobody waits for a promise.
        if (platform instanceof Promise) platform.then(enter, done);
        else enter(platform);
      });
      addOsbRoutes(osb, { ...parts, callerOf });
      refuseOtherMethods(osb);
    },
    { prefix: "/v2" },
  );
  await app.register((callbacks) => addCallbackRoute(callbacks, parts.takeCallback), { prefix: "/callbacks" });
  await app.register(async (admin) => addAdminRoutes(admin, parts.admin, parts.log), { prefix: "/api/v1" });
  answerCatalogFirst(app, parts);
  return app;
}

/** OSB: Request Identity. One that was made here is for the log only. */
function repeatIdentity(request: FastifyRequest, reply: FastifyReply): void {
  if (request.headers["x-broker-api-request-identity"] === request.id)
    reply.header("x-broker-api-request-identity", request.id);
}

const requestIdOf = (request: IncomingMessage): string =>
  requestIdentity(request.headers["x-broker-api-request-identity"], randomUUID);

/** RFC 9112, section 3.2. */
const lacksHost = ({ headers, httpVersion }: IncomingMessage): boolean =>
  headers.host === undefined && httpVersion === "1.1";

/** Stands before the router, until the application closes: then the router says so to whoever still asks. */
function answerCatalogFirst(app: FastifyInstance, parts: AppParts): void {
  const answered = ({ platform, status, requestId, ms }: CatalogSeen) =>
    logAnswer(parts, { method: "GET", route: "/v2/catalog", status, requestId, platform, ms });
  const first = { ...parts, requestIdOf, answered };
  const routed = app.server.listeners("request") as ((request: IncomingMessage, response: ServerResponse) => void)[];
  let closing = false;
  app.addHook("preClose", (done) => {
    closing = true;
    done();
  });
  app.server.removeAllListeners("request");
  app.server.on("request", (request: IncomingMessage, response: ServerResponse) => {
    if (closing || lacksHost(request) || !answerCatalog(first, request, response))
      for (const route of routed) route(request, response);
  });
}

/** The order of these checks is what clients agree on: who, then which version, then everything else. */
function admit(parts: AppParts, request: FastifyRequest, platform: Platform | Denial): Refusal | undefined {
  if (platform === "busy") return refuse(503, "Unavailable");
  if (platform === "unauthenticated") return refuse(401, "Unauthorized");
  const identity = readOriginatingIdentity(request.headers["x-broker-api-originating-identity"]);
  const legible = identity !== undefined && !("problem" in identity);
  request.caller = { platform, requestId: request.id, ...(legible && { identity }) };
  const unspoken = checkApiVersion(request.headers["x-broker-api-version"], parts.switches);
  if (unspoken !== undefined) return unspoken;
  if (identity !== undefined && "problem" in identity) {
    if (parts.switches.strictOriginatingIdentity) return refuse(400, "MalformedRequest", identity.problem);
    parts.log.warn({ requestId: request.id, platform: platform.name, problem: identity.problem }, "identity ignored");
  }
  return undefined;
}

function callerOf({ caller }: FastifyRequest): Caller {
  if (caller === undefined) throw new Error("A route was reached without a caller.");
  return caller;
}

/** One reader for every content type: JSON, or a clear no. Requests without a body may say what they like. */
function readBodiesStrictly(app: FastifyInstance): void {
  const read = (request: FastifyRequest, body: Buffer, done: (error: Error | null, value?: unknown) => void) => {
    if (body.length === 0) return done(null, undefined);
    const coding = request.headers["content-encoding"];
    if (coding !== undefined && coding.trim().toLowerCase() !== "identity")
      return done(
        new Refused(refuse(400, "MalformedRequest", "Content-Encoding is not understood; send JSON as it is.")),
      );
    const type = request.headers["content-type"];
    if (type !== undefined && !/^application\/([a-z0-9.+-]+\+)?json\s*(;|$)/i.test(type.trim()))
      return done(new Refused(refuse(400, "MalformedRequest", "Content-Type must be application/json.")));
    const json = readJsonObject(body);
    if ("problem" in json) return done(new Refused(refuse(400, "MalformedRequest", json.problem)));
    done(null, json.value);
  };
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "buffer" }, read as never);
}

/** 405 rather than 404 where the path is known. */
function refuseOtherMethods(osb: FastifyInstance): void {
  const instance = "/service_instances/:instance_id";
  const known: Record<string, readonly string[]> = {
    "/catalog": ["GET"],
    [instance]: ["GET", "PUT", "PATCH", "DELETE"],
    [`${instance}/last_operation`]: ["GET"],
    [`${instance}/service_bindings/:binding_id`]: ["GET", "PUT", "DELETE"],
    [`${instance}/service_bindings/:binding_id/last_operation`]: ["GET"],
  };
  const all = ["GET", "PUT", "PATCH", "DELETE", "POST", "OPTIONS"] as const;
  for (const [url, methods] of Object.entries(known))
    osb.route({
      url,
      method: all.filter((method) => !methods.includes(method)),
      schema: { hide: true } as object,
      handler: (_request, reply) => {
        reply.header("allow", methods.join(", "));
        return sendRefusal(reply, refuse(405, "MethodNotAllowed"));
      },
    });
  osb.setNotFoundHandler((_request, reply) => sendRefusal(reply, refuse(404, "NotFound")));
}

function sendRefusal(reply: FastifyReply, refusal: Refusal): FastifyReply {
  if (refusal.status === 401) reply.header("www-authenticate", 'Basic realm="lotse", charset="UTF-8"');
  if (refusal.status === 503) reply.header("retry-after", "1");
  return reply
    .code(refusal.status)
    .header("content-type", "application/json")
    .send(JSON.stringify(refusalBody(refusal)));
}

function answerError(parts: AppParts, error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const refusal = error instanceof Refused ? error.refusal : refusalFor(error);
  if (refusal !== undefined) return sendRefusal(reply, refusal);
  const away = isAway(error);
  parts.log.error(
    { err: error, requestId: request.id, route: request.routeOptions?.url },
    away ? "the database is away" : "unexpected error",
  );
  // A 500 to a poll makes some platforms give the whole operation up; 503 makes all of them ask again.
  const poll = request.routeOptions?.url?.endsWith("/last_operation") === true;
  return sendRefusal(reply, poll || away ? refuse(503, "Unavailable") : refuse(500, "InternalError"));
}

/** What never became a request: broken HTTP, endless headers, a sender that fell silent. Refused in the same form. */
function refuseBrokenHttp(error: Error & { readonly code?: string }, socket: Socket): void {
  if (error.code === "ECONNRESET" || !socket.writable) return void socket.destroy();
  const [status, words] = brokenHttp[error.code ?? ""] ?? ["400 Bad Request", "This is not HTTP as it should be."];
  const body = JSON.stringify(refusalBody(refuse(400, "MalformedRequest", words)));
  const head = `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close`;
  socket.end(`HTTP/1.1 ${status}\r\n${head}\r\n\r\n${body}`);
}

/** RFC 9110, section 10.1.1: anything but `100-continue`, which Node answers itself. */
function refuseExpectation(_request: IncomingMessage, response: ServerResponse): void {
  const body = JSON.stringify(refusalBody(refuse(417, "MalformedRequest", "Expect may say 100-continue only.")));
  const length = String(Buffer.byteLength(body));
  const headers = { "content-type": "application/json", "content-length": length, connection: "close" };
  response.writeHead(417, headers).end(body);
}

const brokenHttp: Readonly<Record<string, readonly [status: string, words: string]>> = {
  HPE_HEADER_OVERFLOW: ["431 Request Header Fields Too Large", "Path and headers are longer than 16 KiB together."],
  ERR_HTTP_REQUEST_TIMEOUT: ["408 Request Timeout", "The request did not arrive in time."],
};

function logRequest(parts: AppParts, request: FastifyRequest, reply: FastifyReply): void {
  // A request that Fastify itself refuses, for its path, has not passed the hook that sets the time.
  const ms = request.startedAt > 0 ? performance.now() - request.startedAt : 0;
  const { instance_id, binding_id } = (request.params ?? {}) as { instance_id?: string; binding_id?: string };
  logAnswer(parts, {
    method: request.method,
    route: request.routeOptions.url ?? "unknown",
    status: reply.statusCode,
    requestId: request.id,
    platform: request.caller?.platform.name,
    principal: request.principal?.name,
    query: request.query,
    instance: instance_id,
    binding: binding_id,
    ms,
  });
}

function logAnswer(parts: AppParts, answered: Answered): void {
  const { method, route, status, ms } = answered;
  parts.metrics.request(method, route, status, ms / 1000);
  parts.logRequest(answered);
}

async function addDocuments(app: FastifyInstance): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: { title: "Lotse", version: "0.1.0", description: "Open Service Broker API 2.17 and management API." },
      components: {
        securitySchemes: { basic: { type: "http", scheme: "basic" }, bearer: { type: "http", scheme: "bearer" } },
      },
    } as object,
    transform: ({ schema, url }) => ({ schema: { ...schema, tags: [headingOf(url)] }, url }),
  });
  await app.register(swaggerUi, { routePrefix: "/docs" });
}

/** What a route stands under on the page: platforms' API in one, ours by the kind of thing it is about. */
function headingOf(url: string): string {
  if (url.startsWith("/v2/")) return "Open Service Broker API 2.17";
  const [, , , thing] = url.split("/");
  return url.startsWith("/api/v1/") && thing !== undefined ? thing : "the broker itself";
}

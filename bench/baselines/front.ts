/** The front end the comparison brokers share: Basic auth, version header, checked body, one log line, as any broker has. */
import { randomUUID, timingSafeEqual } from "node:crypto";
import fastify, { LogController } from "fastify";
import pino from "pino";

export interface ProvisionBody {
  readonly service_id: string;
  readonly plan_id: string;
  readonly parameters?: object;
}

/** Writes down what was ordered, has it made, writes that down; resolves when all of it is durable. */
export type Provision = (instanceId: string, token: string, body: ProvisionBody) => Promise<void>;

const text = { type: "string", minLength: 1 };
const body = {
  type: "object",
  required: ["service_id", "plan_id", "organization_guid", "space_guid"],
  properties: {
    service_id: text,
    plan_id: text,
    organization_guid: text,
    space_guid: text,
    parameters: { type: "object" },
  },
};

/** Longest Authorization header looked at. */
const headerBytes = 256;

const padded = (value: string) => {
  const bytes = Buffer.alloc(headerBytes);
  bytes.write(value);
  return bytes;
};

/** A server with `PUT /v2/service_instances/ID`, answered 201 once `provision` has resolved. */
export function buildFront(authorization: string, provision: Provision) {
  const destination = pino.destination({ dest: 1, sync: false, minLength: 8192 });
  const logger = pino(destination);
  const expected = padded(authorization);
  const app = fastify({ loggerInstance: logger, logController: new LogController({ disableRequestLogging: true }) });
  app.addHook("onRequest", async (request, reply) => {
    if (!timingSafeEqual(padded(request.headers.authorization ?? ""), expected)) return reply.code(401).send({});
    if (request.headers["x-broker-api-version"] === undefined) return reply.code(412).send({});
  });
  app.addHook("onResponse", async (request, reply) => {
    const line = { method: request.method, url: request.url, status: reply.statusCode, ms: reply.elapsedTime };
    logger.info(line, "answered");
  });
  app.put<{ Params: { id: string }; Body: ProvisionBody }>(
    "/v2/service_instances/:id",
    { schema: { body } },
    async (request, reply) => {
      await provision(request.params.id, randomUUID(), request.body);
      return reply.code(201).send({});
    },
  );
  return app;
}

/** Listens on loopback and says where. */
export async function listen(app: ReturnType<typeof buildFront>): Promise<void> {
  console.log(`listening on ${await app.listen({ host: "127.0.0.1", port: 0 })}`);
}

/**
 * Brokers that only have catalogs, as many as are asked for: `/p/N/v2/catalog`, ten offerings of ten plans each, with
 * ETags. `POST /next` lets every one of them say something a little differently from then on.
 */
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

let generation = 0;
let reads = 0;

const schema = {
  $schema: "http://json-schema.org/draft-04/schema#",
  type: "object",
  properties: {
    size: { type: "string", enum: ["small", "medium", "large"], description: "How much memory and storage." },
    replicas: { type: "integer", minimum: 0, maximum: 5 },
  },
  required: ["size"],
  additionalProperties: false,
};

function catalogOf(broker: string): string {
  const services = Array.from({ length: 10 }, (_, offering) => ({
    id: `${broker}-${offering}`,
    name: `database-${broker}-${offering}`,
    description: `A relational database, backed up every night. Edition ${generation}.`,
    bindable: true,
    plans: Array.from({ length: 10 }, (_, plan) => ({
      id: `${broker}-${offering}-${plan}`,
      name: `size-${plan}`,
      description: "Memory and storage for a small department.",
      free: false,
      metadata: { bullets: ["2 CPUs", "8 GiB"], costs: [{ amount: { eur: plan + 1 }, unit: "MONTHLY" }] },
      schemas: { service_instance: { create: { parameters: schema } } },
    })),
  }));
  return JSON.stringify({ services });
}

const server = createServer((request: IncomingMessage, response: ServerResponse) => {
  const [, broker] = /^\/p\/(\d+)\/v2\/catalog$/.exec(request.url ?? "") ?? [];
  if (request.url === "/next") {
    generation++;
    reads = 0;
    response.end();
  } else if (request.url === "/reads") response.end(String(reads));
  else if (broker === undefined) response.writeHead(404).end();
  else {
    const body = catalogOf(broker);
    const etag = `"${createHash("sha256").update(body).digest("hex")}"`;
    response.setHeader("etag", etag);
    if (request.headers["if-none-match"] === etag) response.writeHead(304).end();
    else {
      reads++;
      response.setHeader("content-type", "application/json");
      response.end(body);
    }
  }
});

server.listen(0, "127.0.0.1", () => {
  console.log(`listening on http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});

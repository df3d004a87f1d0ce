/** The yardstick for HTTP: node:http with nothing but responses that lie ready as bytes. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";

interface Ready {
  readonly status: number;
  readonly head: Record<string, string | number>;
  readonly body: Buffer;
}

const json = "application/json; charset=utf-8";

function ready(status: number, body: Buffer, more: Record<string, string> = {}): Ready {
  return { status, head: { "Content-Type": json, "Content-Length": body.length, ...more }, body };
}

const catalog = readFileSync(process.env.BENCH_CATALOG ?? "");
const caching = { ETag: `"${createHash("sha256").update(catalog).digest("base64url")}"`, Vary: "Accept-Encoding" };
const whole = ready(200, catalog, caching);
const zipped = ready(200, gzipSync(catalog, { level: 9 }), { ...caching, "Content-Encoding": "gzip" });
const unchanged: Ready = { status: 304, head: caching, body: Buffer.alloc(0) };
const small = ready(200, Buffer.from(JSON.stringify({ state: "succeeded", description: "x".repeat(161) })));
const created = ready(201, Buffer.from(JSON.stringify({ dashboard_url: "https://dashboard.example/instances/1" })));

const server = createServer((request, response) => {
  if (request.method === "PUT") readThenCreate(request, response);
  else if (request.url !== "/v2/catalog") send(response, small);
  else if (request.headers["if-none-match"] === caching.ETag) send(response, unchanged);
  else send(response, request.headers["accept-encoding"] === "gzip" ? zipped : whole);
});

function send(response: ServerResponse, { status, head, body }: Ready): void {
  response.writeHead(status, head);
  response.end(body);
}

/** Reading and parsing the body belong to the yardstick; looking into it does not. */
function readThenCreate(request: IncomingMessage, response: ServerResponse): void {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    JSON.parse(Buffer.concat(chunks).toString());
    send(response, created);
  });
}

server.listen(0, "127.0.0.1", () => {
  console.log(`listening on http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});

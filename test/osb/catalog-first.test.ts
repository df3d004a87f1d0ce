/** GET /v2/catalog over a real connection, where the plain case is answered ahead of the router. */
import { once } from "node:events";
import { request } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "tap";
import { startTestBroker } from "../support/broker.ts";
import { createScripted } from "../support/scripted.ts";

const known = { authorization: "a", "x-broker-api-version": "2.17" };
const identity = `cloudfoundry ${Buffer.from('{"user_id":"u"}').toString("base64")}`;

interface Heard {
  readonly status: number | undefined;
  readonly headers: Record<string, unknown>;
  readonly body: string;
}

async function ask(port: number, method: string, headers: Record<string, string>): Promise<Heard> {
  const asked = request({ port, host: "127.0.0.1", path: "/v2/catalog", method, headers, agent: false });
  asked.end();
  const [answer] = await once(asked, "response");
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk);
  return { status: answer.statusCode, headers: answer.headers, body: Buffer.concat(chunks).toString("base64") };
}

/** What may differ between two answers, or between a connection and an injected request. */
function comparable({ status, headers, body }: Heard) {
  const { date: _date, connection: _connection, "keep-alive": _keepAlive, ...told } = headers;
  return { status, headers: told, body };
}

test("the catalog's short way answers exactly as the usual way does", async (t) => {
  const broker = await startTestBroker(t, { adapter: createScripted().adapter });
  await broker.app.listen({ host: "127.0.0.1", port: 0 });
  const { port } = broker.app.server.address() as AddressInfo;
  const etag = String((await ask(port, "GET", known)).headers.etag);
  const cases: readonly [string, string, Record<string, string>, number][] = [
    ["whole", "GET", known, 200],
    ["zipped", "GET", { ...known, "accept-encoding": "gzip, deflate" }, 200],
    ["unchanged", "GET", { ...known, "if-none-match": etag }, 304],
    ["unchanged, zipped", "GET", { ...known, "if-none-match": `W/${etag}, "x"`, "accept-encoding": "gzip" }, 304],
    ["another platform's tag", "GET", { ...known, authorization: "b", "if-none-match": etag }, 200],
    ["a request with a name", "GET", { ...known, "x-broker-api-request-identity": "r-1" }, 200],
    ["somebody's wish", "GET", { ...known, "x-broker-api-originating-identity": identity }, 200],
    ["head only", "HEAD", known, 200],
    ["nobody", "GET", { "x-broker-api-version": "2.17" }, 401],
    ["no version", "GET", { authorization: "a" }, 400],
    ["a version of tomorrow", "GET", { ...known, "x-broker-api-version": "3.0" }, 412],
    ["another method", "POST", known, 405],
  ];
  for (const [what, method, headers, status] of cases) {
    const usual = await broker.app.inject({ method: method as "GET", url: "/v2/catalog", headers });
    const injected = { status: usual.statusCode, headers: usual.headers, body: usual.rawPayload.toString("base64") };
    const heard = comparable(await ask(port, method, headers));
    t.equal(heard.status, status, what);
    t.same(heard, comparable(injected), what);
  }
});

test("the catalog's short way is logged and counted like every request", async (t) => {
  const broker = await startTestBroker(t, { adapter: createScripted().adapter });
  await broker.app.listen({ host: "127.0.0.1", port: 0 });
  const { port } = broker.app.server.address() as AddressInfo;
  await ask(port, "GET", { ...known, "x-broker-api-request-identity": "r-2" });
  const lines = broker.logged.map((line) => JSON.parse(line)).filter(({ requestId }) => requestId === "r-2");
  t.match(lines, [{ method: "GET", route: "/v2/catalog", status: 200, platform: "a", msg: "request" }]);
  const metrics = (await broker.app.inject({ url: "/metrics" })).body;
  t.match(metrics, /lotse_http_request_duration_seconds_count\{method="GET",route="\/v2\/catalog",status="200"\} 1/);
});

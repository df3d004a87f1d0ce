/** A downstream OSB broker that fails when told to: for faults no real one makes on demand. Keeps an inventory. */
import { hash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer, type ServerOptions } from "node:https";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import type { Test } from "tap";
import type { JsonObject } from "../../src/core/json.ts";

export type Asked = "provision" | "update" | "deprovision" | "bind" | "unbind" | "poll" | "fetch" | "catalog";

export interface Call {
  readonly asked: Asked;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage["headers"];
  readonly body: JsonObject;
}

/** Instead of the plain answer. `serve` does what the request asks for and returns the answer due. */
export type Fault = (call: Call, response: ServerResponse, serve: () => Reply) => void | Promise<void>;

export interface Reply {
  readonly status: number;
  readonly body: object;
}

export interface ScriptedBroker {
  readonly url: string;
  readonly calls: Call[];
  /** What exists, by path below /v2/service_instances. */
  readonly inventory: Map<string, JsonObject>;
  /** Faults for the next requests of a kind, used up one by one. */
  readonly script: { readonly [A in Asked]: Fault[] };
  /** Answers 202 and is done after so many polls; 0: synchronous. */
  polls: number;
  /** Its catalog's services; their bytes make its ETag. */
  services: readonly JsonObject[];
  /** What is under way is done now, without anybody asking. */
  finish(): void;
  /** Answers every repeated create with 409, as some brokers do. */
  forgetful: boolean;
}

const password = "for the downstream only";
export const basic = { username: "lotse", password };

/** `accepts`: whether the Authorization header will do; Basic with `basic` if absent. `tls`: it is reached by https then. */
export interface BrokerWishes {
  readonly accepts?: (authorization: string | undefined) => Promise<boolean>;
  readonly tls?: ServerOptions;
}

export async function startScriptedBroker(t: Test, wishes: BrokerWishes = {}): Promise<ScriptedBroker> {
  const inventory = new Map<string, JsonObject>();
  const jobs = new Map<string, { left: number; finish: () => void }>();
  const calls: Call[] = [];
  const script: ScriptedBroker["script"] = {
    provision: [],
    update: [],
    deprovision: [],
    bind: [],
    unbind: [],
    poll: [],
    fetch: [],
    catalog: [],
  };
  let tokens = 0;

  const listen = (request: IncomingMessage, response: ServerResponse) => void handle(request, response);
  const server = wishes.tls === undefined ? createServer(listen) : createTlsServer(wishes.tls, listen);
  const usual = `Basic ${Buffer.from(`lotse:${password}`).toString("base64")}`;
  const accepts = wishes.accepts ?? (async (authorization) => authorization === usual);

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams: query } = new URL(request.url ?? "", "http://127.0.0.1");
    const raw = await text(request);
    if (!(await accepts(request.headers.authorization))) return send(response, { status: 401, body: {} });
    const body = raw === "" ? {} : (JSON.parse(raw) as JsonObject);
    const asked = kindOf(request.method ?? "", pathname);
    const path = pathname.replace(/^\/v2\/service_instances\//, "").replace(/\/last_operation$/, "");
    const call: Call = { asked, path, query, headers: request.headers, body };
    calls.push(call);
    const serve = () => answer(call);
    const fault = script[asked].shift();
    if (fault === undefined && asked === "catalog") sendCatalog(request, response, serve());
    else if (fault === undefined) send(response, serve());
    else await fault(call, response, serve);
  }

  function answer(call: Call): Reply {
    const { asked, path, body } = call;
    const there = inventory.get(path);
    const instance = path.split("/")[0] ?? "";
    switch (asked) {
      case "catalog":
        return { status: 200, body: { services: broker.services } };
      case "fetch":
        return there === undefined ? { status: 404, body: {} } : { status: 200, body: { ...(there.made as object) } };
      case "poll":
        return poll(path, call.query.get("operation"));
      case "provision":
      case "bind":
        if (asked === "bind" && !inventory.has(instance)) return { status: 404, body: { description: "no instance" } };
        if (jobs.has(path)) return { status: 202, body: { operation: `op of ${path}` } };
        if (there !== undefined) {
          const same = JSON.stringify(there.asked) === JSON.stringify(body);
          if (broker.forgetful || !same) return { status: 409, body: { description: "exists" } };
          return { status: 200, body: there.made as object };
        }
        return later(path, 201, makeOf(asked), () => inventory.set(path, { asked: body, made: makeOf(asked) }));
      case "update":
        if (there === undefined) return { status: 404, body: { description: "no instance" } };
        return later(path, 200, {}, () => inventory.set(path, { ...there, updated: body }));
      case "deprovision":
      case "unbind":
        if (there === undefined && !jobs.has(path)) return { status: 410, body: {} };
        jobs.delete(path);
        return later(path, 200, {}, () => {
          for (const name of inventory.keys()) if (name === path || name.startsWith(`${path}/`)) inventory.delete(name);
        });
    }
  }

  function makeOf(asked: Asked): JsonObject {
    return asked === "bind"
      ? { credentials: { user: `user ${++tokens}`, password: "downstream credential" } }
      : { dashboard_url: "https://dashboard.example" };
  }

  function later(path: string, status: number, body: JsonObject, finish: () => void): Reply {
    if (broker.polls === 0) {
      finish();
      return { status, body };
    }
    jobs.set(path, { left: broker.polls, finish });
    return { status: 202, body: { operation: `op of ${path}` } };
  }

  function poll(path: string, operation: string | null): Reply {
    if (operation !== null && operation !== `op of ${path}`) return { status: 404, body: {} };
    const job = jobs.get(path);
    if (job === undefined)
      return inventory.has(path) ? { status: 200, body: { state: "succeeded" } } : { status: 410, body: {} };
    if (--job.left > 0) return { status: 200, body: { state: "in progress", description: "half way" } };
    jobs.delete(path);
    job.finish();
    return { status: 200, body: { state: "succeeded" } };
  }

  function sendCatalog(request: IncomingMessage, response: ServerResponse, { body }: Reply): void {
    const etag = `"${hash("sha256", JSON.stringify(body), "hex")}"`;
    response.setHeader("etag", etag);
    if (request.headers["if-none-match"] === etag) response.writeHead(304).end();
    else send(response, { status: 200, body });
  }

  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const broker: ScriptedBroker = {
    url: `${wishes.tls === undefined ? "http" : "https"}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    inventory,
    script,
    polls: 0,
    forgetful: false,
    services: [],
    finish() {
      for (const { finish } of jobs.values()) finish();
      jobs.clear();
    },
  };
  return broker;
}

function kindOf(method: string, path: string): Asked {
  if (path === "/v2/catalog") return "catalog";
  if (path.endsWith("/last_operation")) return "poll";
  if (method === "GET") return "fetch";
  const binding = path.includes("/service_bindings/");
  if (method === "DELETE") return binding ? "unbind" : "deprovision";
  return method === "PATCH" ? "update" : binding ? "bind" : "provision";
}

export function send(response: ServerResponse, { status, body }: Reply): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

/** A fault, and what it means to whoever reads the table of them. */
export interface KnownFault {
  readonly means: string;
  readonly fault: Fault;
}

/** Does what was asked for; then the answer is this instead. */
const butAnswers =
  (status: number, text: string): Fault =>
  (_call, response, serve) => {
    serve();
    response.writeHead(status, { "content-type": "application/json" });
    response.on("error", () => {}).end(text);
  };

export const answers =
  (status: number, body: object = {}): Fault =>
  (_call, response) =>
    send(response, { status, body });

/** Faults by what a customer's network or a provider's broker may do. */
export const faults: { readonly [name: string]: KnownFault } = {
  "drops the request": {
    means: "the connection ends, and nothing was done",
    fault: (_call, response) => void response.destroy(),
  },
  "drops the answer": {
    means: "it was done, and the connection ends without an answer",
    fault: (_call, response, serve) => {
      serve();
      response.destroy();
    },
  },
  "resets after the body": {
    means: "it was done, and the connection is reset (RST) once the request is through",
    fault: (_call, response, serve) => {
      serve();
      response.socket?.resetAndDestroy();
    },
  },
  "resets in the middle of the answer": {
    means: "it was done, and the answer breaks off",
    fault: (_call, response, serve) => {
      const { status, body } = serve();
      response.writeHead(status, { "content-type": "application/json", "content-length": 1000 });
      response.write(JSON.stringify(body).slice(0, 1), () => response.destroy());
    },
  },
  "answers slowly": {
    means: "it was done, and the answer comes late, but within `timeoutMs`",
    fault: (_call, response, serve) => {
      const reply = serve();
      setTimeout(() => send(response, reply), 50);
    },
  },
  "answers too late": {
    means: "it was done, and no answer comes within `timeoutMs`",
    fault: (_call, response, serve) => {
      serve();
      setTimeout(() => response.destroy(), 2_000).unref();
    },
  },
  "answers 500 before doing anything": { means: "without a description", fault: answers(500) },
  "answers 500 although it did it": { means: "without a description", fault: butAnswers(500, "{}") },
  "answers 502": { means: "a gateway's word, nothing was done", fault: answers(502) },
  "answers 503": { means: "maintenance, nothing was done", fault: answers(503, { description: "maintenance" }) },
  "answers 504": { means: "a gateway's word, but it was done", fault: butAnswers(504, "gateway timeout") },
  "answers 429": { means: "too many requests, nothing was done", fault: answers(429) },
  "answers 408": { means: "the request took too long, nothing was done", fault: answers(408) },
  "answers ConcurrencyError": {
    means: "422: another operation is under way, nothing was done",
    fault: answers(422, { error: "ConcurrencyError" }),
  },
  "answers 401": { means: "the account is refused, nothing was done", fault: answers(401) },
  "answers 412": { means: "the API version is refused, nothing was done", fault: answers(412) },
  "answers malformed JSON": { means: "it was done, and the answer is `{`", fault: butAnswers(200, "{") },
  "answers a list": { means: "it was done, and the answer is `[]`", fault: butAnswers(200, "[]") },
  "answers 204": {
    means: "it was done, and the answer has no body",
    fault: (_call, response, serve) => {
      serve();
      response.writeHead(204).end();
    },
  },
  "answers too much": {
    means: "it was done, and the answer is longer than `maxResponseBytes`",
    fault: butAnswers(200, JSON.stringify({ much: "x".repeat(100_000) })),
  },
  "names an operation that is no text": {
    means: "it was begun or done, and 202 says `operation: 42`",
    fault: butAnswers(202, '{"operation":42}'),
  },
  "names an operation that is too long": {
    means: "as before, with more than 10,000 characters",
    fault: butAnswers(202, JSON.stringify({ operation: "o".repeat(10_001) })),
  },
  "names an operation it does not know": {
    means: "as before, and last_operation answers 404 to it",
    fault: butAnswers(202, '{"operation":"of somebody else"}'),
  },
  redirects: {
    means: "302 to another address, nothing was done",
    fault: (_call, response) => void response.writeHead(302, { location: "https://elsewhere.example" }).end(),
  },
};

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
        return poll(path);
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

  function poll(path: string): Reply {
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

/** Faults by what a customer's network or a provider's broker may do. */
export const faults: { readonly [name: string]: Fault } = {
  "drops the request": (_call, response) => void response.destroy(),
  "drops the answer": (_call, response, serve) => {
    serve();
    response.destroy();
  },
  "resets in the middle of the answer": (_call, response, serve) => {
    const { status, body } = serve();
    response.writeHead(status, { "content-type": "application/json", "content-length": 1000 });
    response.write(JSON.stringify(body).slice(0, 1), () => response.destroy());
  },
  "answers 500 before doing anything": (_call, response) => send(response, { status: 500, body: {} }),
  "answers 500 although it did it": (_call, response, serve) => {
    serve();
    send(response, { status: 500, body: {} });
  },
  "answers 503": (_call, response) => send(response, { status: 503, body: { description: "maintenance" } }),
  "answers 429": (_call, response) => send(response, { status: 429, body: {} }),
  "answers 408": (_call, response) => send(response, { status: 408, body: {} }),
  "answers ConcurrencyError": (_call, response) => send(response, { status: 422, body: { error: "ConcurrencyError" } }),
  "answers malformed JSON": (_call, response, serve) => {
    serve();
    response.writeHead(200, { "content-type": "application/json" }).end("{");
  },
  "answers a list": (_call, response, serve) => {
    serve();
    response.writeHead(200, { "content-type": "application/json" }).end("[]");
  },
  "answers 204": (_call, response, serve) => {
    serve();
    response.writeHead(204).end();
  },
  "answers too much": (_call, response, serve) => {
    serve();
    response.writeHead(200, { "content-type": "application/json" });
    response.on("error", () => {}).end(JSON.stringify({ much: "x".repeat(100_000) }));
  },
  "answers too late": (_call, response, serve) => {
    serve();
    setTimeout(() => response.destroy(), 2_000).unref();
  },
  redirects: (_call, response) => void response.writeHead(302, { location: "https://elsewhere.example" }).end(),
};

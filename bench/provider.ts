/**
 * A provider to stand behind the broker: a small OSB server that remembers nothing but ids and times.
 *
 * `PROVIDER_MODE=sync` answers instances after `PROVIDER_FINISH_AFTER_MS`; `async` answers 202 at once and is finished
 * that much later; `PROVIDER_MODE=hang` takes orders and never answers them. Bindings are always answered at once. `GET /counters` tells what was asked for.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What the provider was asked for since it started. */
export interface ProviderCounters {
  provisions: number;
  /** Orders for an instance that was there already. */
  duplicates: number;
  deprovisions: number;
  polls: number;
  binds: number;
  unbinds: number;
  /** Instances that are there now. */
  alive: number;
}

/** An instance: when its latest change is finished (milliseconds of the process), and whether that removes it. */
interface Made {
  readonly finishedAt: number;
  readonly removing: boolean;
}

const asynchronous = process.env.PROVIDER_MODE === "async";
const hanging = process.env.PROVIDER_MODE === "hang";
const finishAfterMs = Number(process.env.PROVIDER_FINISH_AFTER_MS ?? 0);
const instances = new Map<string, Made>();
const counters = { provisions: 0, duplicates: 0, deprovisions: 0, polls: 0, binds: 0, unbinds: 0 };
const path = /^\/v2\/service_instances\/([^/?]+)(?:\/(last_operation|service_bindings))?/;

const credentials = { credentials: { uri: "postgresql://user:password@database.example:5432/app" } };

const server = createServer((request, response) => {
  request.resume();
  request.on("end", () => answer(request, response));
});

function answer(request: IncomingMessage, response: ServerResponse): void {
  const url = request.url ?? "";
  const [, id, what] = path.exec(url) ?? [];
  if (url === "/counters") send(response, 200, { ...counters, alive: instances.size });
  else if (id === undefined) send(response, 404, {});
  else if (what === "last_operation") lastOperation(id, response);
  else if (what === "service_bindings") binding(request.method, response);
  else if (request.method === "PUT") provision(id, response);
  else if (request.method === "DELETE") deprovision(id, response);
  else send(response, 200, {});
}

function provision(id: string, response: ServerResponse): void {
  counters.provisions++;
  if (instances.has(id)) counters.duplicates++;
  else instances.set(id, { finishedAt: performance.now() + finishAfterMs, removing: false });
  begun(response, 201);
}

function deprovision(id: string, response: ServerResponse): void {
  counters.deprovisions++;
  const known = instances.has(id);
  if (asynchronous && known) instances.set(id, { finishedAt: performance.now() + finishAfterMs, removing: true });
  else instances.delete(id);
  if (known) begun(response, 200);
  else send(response, 410, {});
}

function begun(response: ServerResponse, done: number): void {
  if (hanging) return;
  if (asynchronous) send(response, 202, { operation: "1" });
  else if (finishAfterMs > 0) setTimeout(() => send(response, done, {}), finishAfterMs);
  else send(response, done, {});
}

function lastOperation(id: string, response: ServerResponse): void {
  counters.polls++;
  const made = instances.get(id);
  const finished = made === undefined || performance.now() >= made.finishedAt;
  if (finished && made?.removing) instances.delete(id);
  if (!instances.has(id)) send(response, 410, {});
  else send(response, 200, { state: finished ? "succeeded" : "in progress" });
}

function binding(method: string | undefined, response: ServerResponse): void {
  if (method === "PUT") counters.binds++;
  else if (method === "DELETE") counters.unbinds++;
  send(response, method === "PUT" ? 201 : 200, method === "DELETE" ? {} : credentials);
}

function send(response: ServerResponse, status: number, value: object): void {
  const body = JSON.stringify(value);
  response.writeHead(status, { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(body) });
  response.end(body);
}

server.listen(0, "127.0.0.1", () => {
  console.log(`listening on http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});

/** The load generator: a process of its own that keeps connections busy for a time and reports counts and latencies. */
import { connect, type Socket } from "node:net";
import { createHistogram, type RecordableHistogram } from "node:perf_hooks";
import type { LoadOrder, LoadReport } from "./load.ts";
import { type IdSource, ReadyRequest, type RequestSpec } from "./request.ts";
import { ResponseReader } from "./response.ts";

/** Milliseconds that requests still under way may take after the end, so that they do not run into the next turn. */
const drainMs = 5_000;

/** Node reads at most this much at once; reading into one kept buffer spares an allocation for each response. */
const readSize = 64 * 1024;

let freshIds = 0;

function idSource(spec: RequestSpec, space: number): IdSource {
  const ids = spec.ids;
  if (ids === undefined || ids === "fresh") return { space, next: () => freshIds++ };
  return { space: ids.space, next: () => Math.floor(Math.random() * ids.count) };
}

/** One run: what its connections share. */
class Run {
  readonly order: LoadOrder;
  readonly latencies: RecordableHistogram = createHistogram();
  requests = 0;
  stopping = false;
  failure: Error | undefined;

  constructor(order: LoadOrder) {
    this.order = order;
  }

  /** The first failure is the one reported. */
  fail(error: Error): void {
    this.failure ??= error;
    this.stopping = true;
  }

  /** Counts an answer; a wrong one ends the run. */
  answered(status: number, expect: number, milliseconds: number): void {
    if (status !== expect) {
      this.fail(new Error(`expected status ${expect}, got ${status}`));
    }
    if (this.stopping) return;
    this.requests++;
    this.latencies.record(Math.max(1, Math.round(milliseconds * 1e6)));
  }
}

/** A connection that sends its next request as soon as the last was answered, until the run stops. */
class Connection {
  readonly #run: Run;
  readonly #request: ReadyRequest;
  readonly #expect: number;
  readonly #reader = new ResponseReader();
  readonly #socket: Socket;
  #sentAt = 0;
  /** Settles when the run has stopped and nothing is under way. */
  readonly idle: Promise<void>;
  readonly opened: Promise<void>;

  constructor(run: Run, request: RequestSpec) {
    this.#run = run;
    this.#expect = request.expect;
    const { port, space } = run.order;
    this.#request = new ReadyRequest(request, `127.0.0.1:${port}`, idSource(request, space));
    const idle = Promise.withResolvers<void>();
    const opened = Promise.withResolvers<void>();
    this.idle = idle.promise;
    this.opened = opened.promise;
    const buffer = Buffer.allocUnsafe(readSize);
    const onread = { buffer, callback: (length: number) => this.#received(buffer, length, idle.resolve) };
    this.#socket = connect({ port, host: "127.0.0.1", noDelay: true, onread }, opened.resolve);
    this.#socket.on("error", opened.reject);
    this.#socket.on("close", () => {
      if (!run.stopping) run.fail(new Error("the server closed a connection"));
      idle.resolve();
    });
  }

  send(): void {
    this.#sentAt = performance.now();
    this.#socket.write(this.#request.next());
  }

  close(): void {
    this.#socket.destroy();
  }

  #received(buffer: Buffer, length: number, nothingLeft: () => void): boolean {
    try {
      if (!this.#reader.take(buffer, length)) return true;
      this.#run.answered(this.#reader.status, this.#expect, performance.now() - this.#sentAt);
    } catch (error) {
      this.#run.fail(error instanceof Error ? error : new Error(String(error)));
    }
    if (this.#run.stopping) nothingLeft();
    else this.send();
    return true;
  }
}

async function carryOut(order: LoadOrder): Promise<LoadReport> {
  const run = new Run(order);
  const requests = [order.request].flat();
  const connections = Array.from({ length: order.connections }, (_, index) => {
    const request = requests[index % requests.length];
    if (request === undefined) throw new Error("there is nothing to ask");
    return new Connection(run, request);
  });
  await Promise.all(connections.map((connection) => connection.opened));
  const began = performance.now();
  for (const connection of connections) connection.send();
  await delay(order.seconds * 1000);
  run.stopping = true;
  const seconds = (performance.now() - began) / 1000;
  await Promise.race([Promise.all(connections.map((connection) => connection.idle)), delay(drainMs)]);
  for (const connection of connections) connection.close();
  if (run.failure !== undefined) throw run.failure;
  return { requests: run.requests, seconds, p50Ms: at(run, 50), p99Ms: at(run, 99) };
}

const at = (run: Run, percentile: number) => run.latencies.percentile(percentile) / 1e6;

function delay(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds).unref());
}

process.on("message", (order: LoadOrder) => {
  carryOut(order).then(
    (report) => process.send?.({ report }),
    (error: Error) => process.send?.({ failure: error.message }),
  );
});
process.on("disconnect", () => process.exit(0));

/** Drives the load generator process. */
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { type Machine, spawnNode } from "./machine.ts";
import type { RequestSpec } from "./request.ts";

/** One run of load against one server on loopback. */
export interface LoadOrder {
  readonly port: number;
  readonly connections: number;
  readonly seconds: number;
  /** Several are spread over the connections. */
  readonly request: RequestSpec | readonly RequestSpec[];
  /** Where fresh ids come from; different for every start of the benchmarks. */
  readonly space: number;
}

/** What was answered within the time. */
export interface LoadReport {
  readonly requests: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface Load {
  readonly pid: number;
  /** One run at a time. Rejects when a request was answered otherwise than expected or a connection broke. */
  run(order: Omit<LoadOrder, "space">): Promise<LoadReport>;
  stop(): void;
}

/** Starts the generator on the load CPU. */
export function startLoad(machine: Machine, space: number): Load {
  const program = fileURLToPath(new URL("./load-process.ts", import.meta.url));
  const child = spawnNode(machine, "load", [program], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  return {
    pid: child.pid ?? 0,
    run: (order) => ask<LoadReport>(child, { ...order, space }),
    stop: () => child.disconnect(),
  };
}

/** One question and one answer, `{ report }` or `{ failure }`, over a child's message channel. */
export async function ask<Report>(child: ChildProcess, order: object): Promise<Report> {
  const gone = new AbortController();
  const exited = once(child, "exit", { signal: gone.signal }).then(() => {
    throw new Error("a benchmark process ended before it reported");
  });
  const answered = once(child, "message", { signal: gone.signal });
  child.send(order);
  try {
    const [message] = await Promise.race([answered, exited]);
    if (message.failure !== undefined) throw new Error(message.failure);
    return message.report;
  } finally {
    exited.catch(() => {});
    answered.catch(() => {});
    gone.abort();
  }
}

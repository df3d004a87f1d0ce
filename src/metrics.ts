/** What Prometheus sees. Labels are few and known: routes, methods, statuses, providers, never ids. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { StepSeen } from "./engine/parts.ts";

export interface Metrics {
  readonly request: (method: string, route: string, status: number, seconds: number) => void;
  readonly step: (seen: StepSeen) => void;
  readonly task: (seen: TaskSeen) => void;
  readonly text: () => Promise<string>;
  readonly contentType: string;
}

/** Open findings of the orphan ledger. */
export type CountOrphans = () => Promise<
  readonly { readonly provider: string; readonly kind: string; readonly count: number }[]
>;

/** Tasks in the inboxes that are not over. */
export type CountTasks = () => Promise<
  readonly { readonly provider: string; readonly state: string; readonly count: number }[]
>;

/** A task that people ended. */
export interface TaskSeen {
  readonly provider: string;
  readonly verb: string;
  readonly outcome: string;
  /** From its order to its end. */
  readonly seconds: number;
}

const hour = 3600;

export function createMetrics(
  busy: () => number,
  orphans: CountOrphans = async () => [],
  tasks: CountTasks = async () => [],
): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const requests = new Histogram({
    name: "lotse_http_request_duration_seconds",
    help: "Duration of HTTP requests.",
    labelNames: ["method", "route", "status"],
    buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60],
    registers: [registry],
  });
  const steps = new Histogram({
    name: "lotse_step_duration_seconds",
    help: "Duration of calls to adapters.",
    labelNames: ["kind", "provider", "outcome"],
    buckets: [0.005, 0.02, 0.1, 0.5, 2, 10, 60, 120],
    registers: [registry],
  });
  const finished = new Counter({
    name: "lotse_operations_finished_total",
    help: "Operations that came to an end.",
    labelNames: ["kind", "provider", "outcome"],
    registers: [registry],
  });
  new Gauge({
    name: "lotse_operations_running",
    help: "Operations whose steps run in this process now.",
    registers: [registry],
    collect() {
      this.set(busy());
    },
  });
  new Gauge({
    name: "lotse_orphans",
    help: "Differences between what is on record and what providers have, that nobody has dealt with.",
    labelNames: ["provider", "kind"],
    registers: [registry],
    async collect() {
      // The database being away is no reason to tell nothing at all.
      const counts = await orphans().catch(() => []);
      this.reset();
      for (const { count, ...labels } of counts) this.set(labels, count);
    },
  });
  const leadTimes = new Histogram({
    name: "lotse_task_lead_time_seconds",
    help: "Time from the order to the end of a task that people carry out.",
    labelNames: ["provider", "verb", "outcome"],
    buckets: [hour, 4 * hour, 8 * hour, 24 * hour, 72 * hour, 168 * hour, 336 * hour, 720 * hour],
    registers: [registry],
  });
  new Gauge({
    name: "lotse_tasks",
    help: "Tasks in the inboxes that are not over.",
    labelNames: ["provider", "state"],
    registers: [registry],
    async collect() {
      const counts = await tasks().catch(() => []);
      this.reset();
      for (const { count, ...labels } of counts) this.set(labels, count);
    },
  });
  return {
    request: (method, route, status, seconds) => requests.observe({ method, route, status }, seconds),
    step({ kind, provider, outcome, ms, finished: over }) {
      steps.observe({ kind, provider, outcome }, ms / 1000);
      if (over) finished.inc({ kind, provider, outcome });
    },
    task: ({ seconds, ...labels }) => leadTimes.observe(labels, seconds),
    text: () => registry.metrics(),
    contentType: registry.contentType,
  };
}

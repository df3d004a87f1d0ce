/** What Prometheus sees. Labels are few and known: routes, methods, statuses, providers, never ids. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { StepSeen } from "./engine/parts.ts";

export interface Metrics {
  readonly request: (method: string, route: string, status: number, seconds: number) => void;
  readonly step: (seen: StepSeen) => void;
  readonly text: () => Promise<string>;
  readonly contentType: string;
}

/** Open findings of the orphan ledger. */
export type CountOrphans = () => Promise<
  readonly { readonly provider: string; readonly kind: string; readonly count: number }[]
>;

export function createMetrics(busy: () => number, orphans: CountOrphans = async () => []): Metrics {
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
  return {
    request: (method, route, status, seconds) => requests.observe({ method, route, status }, seconds),
    step({ kind, provider, outcome, ms, finished: over }) {
      steps.observe({ kind, provider, outcome }, ms / 1000);
      if (over) finished.inc({ kind, provider, outcome });
    },
    text: () => registry.metrics(),
    contentType: registry.contentType,
  };
}

/** What is known at the end: plain data without secrets, to be printed, stored or compared. */
import type { Level, Section } from "./check.ts";

/** `not claimed`: the broker does not say that it does this. `not reached`: what came before went wrong, or was too quick. */
export type Outcome = "kept" | "broken" | "not claimed" | "not reached";

export interface Evidence {
  readonly request: {
    readonly method: string;
    /** With its query. */
    readonly path: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body?: string;
  };
  readonly answer?: {
    readonly status: number;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: string;
  };
  /** Why there is no answer. */
  readonly trouble?: string;
  readonly milliseconds: number;
}

export interface ReportedFinding {
  readonly message: string;
  readonly evidence: readonly Evidence[];
}

export interface CheckResult {
  readonly id: string;
  /** What it is about: the catalog, bindings, races … */
  readonly area: string;
  readonly title: string;
  readonly level: Level;
  readonly section: Section;
  /** Where the specification says so; absent for what only platforms ask. */
  readonly link?: string;
  /** `offering / plan`; absent for what is true of the whole broker. */
  readonly plan?: string;
  readonly outcome: Outcome;
  /** For what was not looked at. */
  readonly reason?: string;
  readonly findings: readonly ReportedFinding[];
  readonly milliseconds: number;
}

export interface ClaimedPlan {
  readonly service: string;
  readonly plan: string;
  readonly planId: string;
  readonly claims: readonly string[];
  readonly tested: boolean;
}

export interface Step {
  /** `order`, `bind` … */
  readonly what: string;
  /** `201`, `202, then succeeded after 4 polls`. */
  readonly came: string;
  /** To the end of the operation, polls and their pauses included. */
  readonly milliseconds: number;
}

export interface PlanTale {
  readonly plan: string;
  readonly steps: readonly Step[];
}

export interface Report {
  readonly format: "lotse-conformance/1";
  readonly specification: "2.17";
  readonly url: string;
  readonly startedAt: string;
  readonly milliseconds: number;
  readonly readOnly: boolean;
  /** The checks were ended before all were made. */
  readonly interrupted: boolean;
  /** `conforming`: no MUST is broken. Never so when interrupted. */
  readonly verdict: "conforming" | "not conforming" | "interrupted";
  readonly counts: {
    readonly kept: number;
    readonly mustBroken: number;
    readonly shouldBroken: number;
    readonly notClaimed: number;
    readonly notReached: number;
  };
  readonly requests: number;
  readonly made: { readonly instances: number; readonly bindings: number };
  readonly claims: { readonly authentication: string; readonly plans: readonly ClaimedPlan[] };
  readonly tales: readonly PlanTale[];
  readonly results: readonly CheckResult[];
  /** What the kit made and could not remove. */
  readonly leftovers: readonly {
    readonly kind: "instance" | "binding";
    readonly path: string;
    readonly serviceId: string;
    readonly planId: string;
    readonly why: string;
  }[];
}

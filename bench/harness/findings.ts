/** What a workload reports. */
import type { Verdict } from "./ratio.ts";
import type { Readings } from "./rounds.ts";
import type { Stage } from "./stage.ts";

/** Figures that are no contest: a table of their own. */
export interface Table {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
}

export interface Findings {
  readonly readings: Readings;
  readonly verdicts: readonly Verdict[];
  readonly tables: readonly Table[];
}

export interface Workload {
  /** For `--only`. */
  readonly name: string;
  readonly about: string;
  /** Left out of a quick run. */
  readonly long?: boolean;
  run(stage: Stage): Promise<Findings>;
}

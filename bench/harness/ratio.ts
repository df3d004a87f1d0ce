/** Statistics: ratios pair by pair within a round, their median, and how a goal stands. */
import { disturbedShare } from "./quiet.ts";
import type { Reading, Readings } from "./rounds.ts";

/** A promise about a figure, as a ratio to a yardstick measured in the same rounds. */
export interface Goal {
  /** Its number or name. */
  readonly name: string;
  readonly says: string;
  /** Whether the figure shall be at least or at most what is aimed at. */
  readonly better: "more" | "less";
  readonly aim: number;
  /** What must never be missed: the only thing `--gate` looks at. */
  readonly floor?: number;
  /** What physics allows, as far as known. */
  readonly limit?: number;
}

/**
 * `floor`: between floor and aim. `below`: under an aim that has no floor. `missed`: under the floor. `disturbed`: one of
 * the two, but others used the machine or there was nothing to compare with, so it says nothing.
 */
export type Standing = "met" | "floor" | "below" | "missed" | "disturbed";

export interface Verdict {
  readonly goal: Goal;
  /** One figure for each round. */
  readonly figures: readonly number[];
  readonly median: number;
  readonly standing: Standing;
}

/** The figure of one round, from the readings its contestants gave in it. */
export type Figure = (reading: (contestant: string) => Reading) => number;

/** How a goal stands after the rounds. Throws when `figure` names somebody who did not take part. */
export function judge(goal: Goal, readings: Readings, figure: Figure): Verdict {
  const used: Reading[] = [];
  const rounds = Math.max(...[...readings.values()].map((list) => list.length));
  const figures = Array.from({ length: rounds }, (_, round) =>
    figure((contestant) => {
      const reading = readings.get(contestant)?.[round];
      if (reading === undefined) throw new Error(`${contestant} gave no reading in round ${round + 1}`);
      used.push(reading);
      return reading;
    }),
  );
  const quiet = median(used.map((reading) => reading.others)) <= disturbedShare;
  return verdict(goal, figures, quiet);
}

/** How a goal stands, from figures made elsewhere. */
export function verdict(goal: Goal, figures: readonly number[], quiet: boolean): Verdict {
  // A turn in which a yardstick answered nothing gives no figure.
  const middle = median(figures.filter(Number.isFinite));
  const reaches = (mark: number) => (goal.better === "more" ? middle >= mark : middle <= mark);
  return { goal, figures, median: middle, standing: standing(goal, reaches, quiet && Number.isFinite(middle)) };
}

function standing({ aim, floor }: Goal, reaches: (mark: number) => boolean, quiet: boolean): Standing {
  if (reaches(aim)) return "met";
  if (floor !== undefined && reaches(floor)) return "floor";
  if (!quiet) return "disturbed";
  return floor === undefined ? "below" : "missed";
}

/** The throughput of one contestant as a share of another's. */
export const throughput =
  (measured: string, yardstick: string): Figure =>
  (reading) =>
    reading(measured).perSecond / reading(yardstick).perSecond;

export const median = (values: readonly number[]): number => quantile(values, 0.5);

/** The value below which the share `at` of the values lies, interpolated; NaN of nothing. */
export function quantile(values: readonly number[], at: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const place = (sorted.length - 1) * at;
  const below = sorted[Math.floor(place)] ?? Number.NaN;
  const above = sorted[Math.ceil(place)] ?? Number.NaN;
  return below + (above - below) * (place - Math.floor(place));
}

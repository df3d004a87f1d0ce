/** Reads the command line of `npm run bench`. */
import { parseArgs } from "node:util";

export interface Options {
  /** Names of workloads; empty: all. */
  readonly only: readonly string[];
  readonly rounds: number;
  readonly seconds: number;
  readonly quick: boolean;
  /** End with 1 when a floor is missed on a quiet machine. */
  readonly gate: boolean;
  readonly out: string;
}

export const usage = `npm run bench -- [--only NAME]... [--rounds N] [--quick] [--gate] [--out FILE]
  --only NAME    one workload (may be given several times)
  --rounds N     rounds of one second a turn; 7 when not given
  --quick        2 rounds of 0.3 s with little data: to see that it works, not to compare
  --gate         exit 1 when a floor is missed on a quiet machine
  --out FILE     where the figures go as JSON; bench/results.json when not given`;

/** Throws on what it does not know. */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: "string", multiple: true, default: [] },
      rounds: { type: "string" },
      quick: { type: "boolean", default: false },
      gate: { type: "boolean", default: false },
      out: { type: "string", default: "bench/results.json" },
    },
  });
  const { only, quick, gate, out } = values;
  return {
    only,
    quick,
    gate,
    out,
    rounds: count(values.rounds, quick ? 2 : 7),
    seconds: quick ? 0.3 : 1,
  };
}

function count(text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1) throw new Error(`${text} is not a whole number from 1 on`);
  return number;
}

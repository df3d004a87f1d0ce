/** Lets contestants take turns, round after round, and writes down what each turn gave. */
import type { OwnProcesses } from "./own.ts";
import { memoryMiB, processCpuSeconds } from "./proc.ts";
import { leastDisturbed, type Patience, waitForQuiet } from "./quiet.ts";

/** What a turn counted. */
export interface Counted {
  readonly operations: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Something that is measured by doing it for a while. */
export interface Contestant {
  readonly name: string;
  /** The process whose CPU time and memory are recorded. */
  readonly pid: number;
  turn(seconds: number): Promise<Counted>;
}

/** One turn of one contestant. */
export interface Reading {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** User and system time of the measured process for each operation. */
  readonly cpuMicros: number;
  /** Share of its CPU the measured process used: near 1, and it was the limit, not the load. */
  readonly busy: number;
  readonly residentMiB: number;
  /** Share of one CPU others used meanwhile. */
  readonly others: number;
  readonly tries: number;
}

/** Readings by contestant, one for each round, in the order of rounds. */
export type Readings = ReadonlyMap<string, readonly Reading[]>;

export interface Pace {
  readonly rounds: number;
  /** Length of a turn. */
  readonly seconds: number;
  readonly patience: Patience;
}

/** Every contestant warms up once, uncounted; then each round gives each one turn, beginning with another every time. */
export async function runRounds(contestants: readonly Contestant[], pace: Pace, own: OwnProcesses): Promise<Readings> {
  const readings = new Map<string, Reading[]>(contestants.map(({ name }) => [name, []]));
  for (const contestant of contestants) await contestant.turn(pace.seconds);
  for (let round = 0; round < pace.rounds; round++) {
    await waitForQuiet(own, pace.patience);
    for (let place = 0; place < contestants.length; place++) {
      const contestant = contestants[(place + round) % contestants.length];
      if (contestant === undefined) continue;
      const { result, others, tries } = await leastDisturbed(own, pace.patience, () => read(contestant, pace.seconds));
      readings.get(contestant.name)?.push({ ...result, others, tries });
    }
  }
  return readings;
}

async function read(contestant: Contestant, seconds: number): Promise<Omit<Reading, "others" | "tries">> {
  const before = processCpuSeconds(contestant.pid);
  const counted = await contestant.turn(seconds);
  const cpuSeconds = processCpuSeconds(contestant.pid) - before;
  return {
    perSecond: counted.operations / counted.seconds,
    p50Ms: counted.p50Ms,
    p99Ms: counted.p99Ms,
    cpuMicros: (cpuSeconds / counted.operations) * 1e6,
    busy: cpuSeconds / counted.seconds,
    residentMiB: memoryMiB(contestant.pid).now,
  };
}

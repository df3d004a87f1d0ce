/** Numbers the statements of each piece of work, and stops every piece at another number. */
import type { Statement, Verdict, Watcher } from "./statement-proxy.ts";

export interface Boundaries extends Watcher {
  /** The next `count` pieces of work are stopped: one at its first statement, one at its second, and so on. */
  arm(count: number, verdict: Verdict): void;
  /** Resolves when all of them have been stopped; those that end without reaching their number do not count. */
  allStopped(): Promise<void>;
  /** Pieces of work stopped since `arm`. */
  stopped(): number;
  /** The most statements that one piece of work has had since the last call. */
  longest(): number;
}

interface Work {
  said: number;
  stopAt: number | undefined;
}

interface Counter extends Boundaries {
  begin(): Work;
  say(work: Work): Verdict;
  end(work: Work): void;
}

function createCounter(): Omit<Counter, "judge"> {
  let numbers: number[] = [];
  let verdict: Verdict = "pass";
  let open = 0;
  let stopped = 0;
  let longest = 0;
  let done = Promise.withResolvers<void>();
  const settle = () => {
    open--;
    if (open <= 0) done.resolve();
  };
  return {
    arm(count, wanted) {
      numbers = Array.from({ length: count }, (_, index) => index + 1);
      verdict = wanted;
      open = count;
      stopped = 0;
      done = Promise.withResolvers<void>();
    },
    allStopped: () => done.promise,
    stopped: () => stopped,
    longest() {
      const most = longest;
      longest = 0;
      return most;
    },
    begin: () => ({ said: 0, stopAt: numbers.shift() }),
    say(work) {
      longest = Math.max(longest, ++work.said);
      if (work.said !== work.stopAt) return "pass";
      work.stopAt = undefined;
      return verdict;
    },
    end(work) {
      if (work.stopAt === undefined) return;
      work.stopAt = undefined;
      settle();
    },
    onReached() {
      stopped++;
      settle();
    },
  };
}

/** At the provider a piece of work is a session in the administrative database, with those it opens in the instance's. */
export function providerBoundaries(): Boundaries & { readonly ids: ReadonlySet<string> } {
  const counter = createCounter();
  const byConnection = new Map<number, Work>();
  const byId = new Map<string, Work>();
  const outer = new Set<number>();
  const ids = new Set<string>();
  return {
    ...counter,
    /** Lotse's own ids of the instances that were worked on. */
    ids,
    judge(statement) {
      const { connection, database, opens, text } = statement;
      if (opens) {
        const known = byId.get(database.slice("lotse_".length));
        if (known === undefined) outer.add(connection);
        byConnection.set(connection, known ?? counter.begin());
      }
      const work = byConnection.get(connection);
      if (work === undefined) return "pass";
      const id = /lotse ([a-z0-9]{26})/.exec(text)?.[1];
      if (id !== undefined && text.includes("pg_advisory_lock")) {
        ids.add(id);
        byId.set(id, work);
      }
      return counter.say(work);
    },
    onClosed(connection) {
      const work = byConnection.get(connection);
      if (work !== undefined && outer.has(connection)) counter.end(work);
      byConnection.delete(connection);
    },
  };
}

/**
 * In the broker's own database a piece of work is whatever is changed about one instance: by the platform's id, or by one of
 * Lotse's own ids that was written next to it. BEGIN names nobody and changes nothing, so it is no boundary of its own.
 */
export function storeBoundaries(instanceIds: RegExp): Boundaries {
  const counter = createCounter();
  const nameOf = new Map<string, string | undefined>();
  const works = new Map<string, Work>();
  const byConnection = new Map<number, Work>();
  return {
    ...counter,
    arm(count, verdict) {
      counter.arm(count, verdict);
      works.clear();
    },
    longest() {
      works.clear();
      return counter.longest();
    },
    judge({ connection, text }: Statement) {
      // What only looks leaves everything as it was after the change before it, and how often that is done, such as by
      // whoever waits, depends on how busy the machine is. Prolonging leases is about no instance in particular.
      if (/read_(?!claim)/.test(text)) return "pass";
      const name = nameIn(text);
      if (name === undefined) {
        const work = byConnection.get(connection);
        byConnection.delete(connection);
        return work !== undefined && text.includes("COMMIT") ? counter.say(work) : "pass";
      }
      const work = works.get(name) ?? counter.begin();
      works.set(name, work);
      byConnection.set(connection, work);
      return counter.say(work);
    },
  };

  function nameIn(text: string): string | undefined {
    const own = [...text.matchAll(/(?<![a-z0-9])[0-9a-z]{26}(?![a-z0-9])/g)].map(([id]) => id);
    const name = instanceIds.exec(text)?.[0];
    // The worker's id may be said before the instance's.
    if (name === undefined) return own.map((id) => nameOf.get(id)).findLast((known) => known !== undefined);
    // What is written next to two instances belongs to neither: the platform, the worker.
    for (const id of own) nameOf.set(id, nameOf.has(id) && nameOf.get(id) !== name ? undefined : name);
    return name;
  }
}

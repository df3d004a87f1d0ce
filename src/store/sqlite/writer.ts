/** Group commit: all writes that wait in one turn of the event loop share one transaction, and so one fsync. */
import type { Database } from "better-sqlite3";

/** One write: runs inside the transaction, returns its result, throws `Conflict` (or anything) to be undone alone. */
type Job = {
  readonly run: () => unknown;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
};

/** Somebody else was faster; the write did nothing. */
export class Conflict extends Error {}

export interface Writer {
  /** Resolves after the commit that made the write durable. */
  write<T>(run: () => T): Promise<T>;
}

export function createWriter(database: Database): Writer {
  const begin = database.prepare("BEGIN IMMEDIATE");
  const commit = database.prepare("COMMIT");
  const rollback = database.prepare("ROLLBACK");
  const savepoint = database.prepare("SAVEPOINT job");
  const release = database.prepare("RELEASE job");
  const undo = database.prepare("ROLLBACK TO job");
  let waiting: Job[] = [];

  function flush(): void {
    const jobs = waiting;
    waiting = [];
    try {
      const outcomes = together(jobs) ?? apart(jobs);
      for (const [index, job] of jobs.entries()) outcomes[index]?.(job);
    } catch (error) {
      for (const job of jobs) job.reject(error);
    }
  }

  /** The usual case: nobody conflicts, so nobody needs a savepoint. Undefined: somebody did, and all was undone. */
  function together(jobs: readonly Job[]): ((job: Job) => void)[] | undefined {
    begin.run();
    try {
      const outcomes = jobs.map((job) => settled(job.run()));
      commit.run();
      return outcomes;
    } catch (error) {
      if (database.inTransaction) rollback.run();
      if (jobs.length === 1) return [(job) => job.reject(error)];
      return undefined;
    }
  }

  function apart(jobs: readonly Job[]): ((job: Job) => void)[] {
    begin.run();
    try {
      const outcomes = jobs.map((job) => alone(job));
      commit.run();
      return outcomes;
    } catch (error) {
      if (database.inTransaction) rollback.run();
      throw error;
    }
  }

  function alone(job: Job): (job: Job) => void {
    savepoint.run();
    try {
      const result = settled(job.run());
      release.run();
      return result;
    } catch (error) {
      // A full disk may have ended the whole transaction already.
      if (!database.inTransaction) throw error;
      undo.run();
      release.run();
      return (loser) => loser.reject(error);
    }
  }

  return {
    write: <T>(run: () => T) =>
      new Promise<T>((resolve, reject) => {
        if (waiting.length === 0) setImmediate(flush);
        waiting.push({ run, resolve: resolve as (value: unknown) => void, reject });
      }),
  };
}

function settled(value: unknown): (job: Job) => void {
  return (job) => job.resolve(value);
}

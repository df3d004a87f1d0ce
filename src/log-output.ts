/** Where the log goes: standard output, in batches, because a write for every line costs more than the line. */
import { type DestinationStream, pino } from "pino";

/** Written together; pino wants less than 16 KiB. */
const batchBytes = 8 * 1024;
/** How long a line waits on a broker with little to do, and how much a killed process may not have said. */
const longestWaitMs = 500;
/** A reader that stops reading costs lines, not all the memory. */
const mostWaitingBytes = 64 * 1024 * 1024;

/** What waits is written also when the process ends by itself or by an error that nobody caught. */
export function openLogOutput(): DestinationStream {
  return pino.destination({
    dest: process.stdout.fd,
    sync: false,
    minLength: batchBytes,
    maxLength: mostWaitingBytes,
    periodicFlush: longestWaitMs,
  });
}

/**
 * Resolves when everything said so far was written, or after a moment: nobody may be reading, and a stream whose reader
 * has gone never tells that it is done.
 */
export function written(log: { flush(done: () => void): void }): Promise<void> {
  return new Promise((resolve) => {
    const enough = setTimeout(resolve, longestWaitMs);
    log.flush(() => {
      clearTimeout(enough);
      resolve();
    });
  });
}

/** Hands the lines of one turn of the event loop on together: what a write costs is then shared by all of them. */
export function inTurns(destination: { write(lines: string): unknown }): { write(line: string): void } {
  let waiting = "";
  const handOn = () => {
    const lines = waiting;
    waiting = "";
    destination.write(lines);
  };
  return {
    write(line) {
      if (waiting === "") setImmediate(handOn);
      waiting += line;
    },
  };
}

let second = 0;
let secondText = "";

/** pino's `isoTime`, but the part that stays the same for a second is written once. */
export function timestamp(): string {
  const now = Date.now();
  const ms = now % 1000;
  if (now - ms !== second || secondText === "") {
    second = now - ms;
    secondText = `,"time":"${new Date(second).toISOString().slice(0, -4)}`;
  }
  return `${secondText}${ms < 10 ? "00" : ms < 100 ? "0" : ""}${ms}Z"`;
}

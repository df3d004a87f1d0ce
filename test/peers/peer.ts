/** A peer: a real system that the tests talk to, started on this machine. Types and what all peers need of it. */
import { spawn } from "node:child_process";

/** What tests need to reach a peer that is up; written as JSON, so plain values only. */
export type Facts = { readonly [name: string]: string | number | boolean | null | Facts | readonly Facts[] };

export interface Peer {
  /** What it is and what it is made of, in one line. */
  readonly about: string;
  /**
   * Installs what is missing, starts what does not run and waits until it answers. On a peer that is up it changes
   * nothing. Servers listen on loopback only.
   */
  up(place: Place): Promise<Facts>;
  /** Stops what `up` started, by process id. What makes the next start quick is kept. */
  down(place: Place): Promise<void>;
}

export interface Place {
  /** The peer's own, kept between starts: state, logs, programs built for it. */
  readonly directory: string;
  log(line: string): void;
  /** Runs a program to its end, its output to the log of the command; rejects if it does not end with 0. */
  run(command: string, args: readonly string[], environment?: NodeJS.ProcessEnv): Promise<void>;
}

/** The place of a peer, with its output on standard error. */
export function placeAt(directory: string, name: string): Place {
  return {
    directory,
    log: (line) => void process.stderr.write(`${name}: ${line}\n`),
    run: (command, args, environment = {}) =>
      new Promise((resolve, reject) => {
        const child = spawn(command, args, {
          env: { ...process.env, ...environment },
          stdio: ["ignore", process.stderr, process.stderr],
        });
        child.once("error", reject);
        child.once("exit", (code, signal) => {
          if (code === 0) resolve();
          else reject(new Error(`${command} ${args.join(" ")} ended with ${code ?? signal}`));
        });
      }),
  };
}

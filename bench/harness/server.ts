/** Starts and stops the servers under measurement: child processes that print their loopback address on stdout. */
import { once } from "node:events";
import { closeSync, openSync, readFileSync, rmSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type Machine, type Place, spawnNode } from "./machine.ts";
import type { OwnProcesses } from "./own.ts";

/** How a server is started. */
export interface Launch {
  readonly name: string;
  /** Arguments of Node: options, the program, its arguments. */
  readonly args: readonly string[];
  /** Added to the environment of the benchmarks. */
  readonly environment: { readonly [name: string]: string };
}

export interface Server {
  readonly name: string;
  readonly pid: number;
  readonly port: number;
  /** Empties its log, so that writing it back to disk never falls into somebody else's turn. */
  forgetLog(): void;
  /** Asks it to end (SIGTERM), and ends it after ten seconds. */
  stop(): Promise<void>;
}

const address = /http:\/\/127\.0\.0\.1:(\d+)/;

/** Longest time a server may take until it listens. */
const startLimitMs = 60_000;

/** Resolves once the server has printed `http://127.0.0.1:PORT`. Its output goes to a file, as in production. */
export async function startServer(
  machine: Machine,
  own: OwnProcesses,
  place: Place,
  launch: Launch,
  folder: string,
): Promise<Server> {
  const log = join(folder, `${launch.name.replaceAll(/\W+/g, "-")}.log`);
  rmSync(log, { force: true }); // of an earlier start, with another address in it
  const output = openSync(log, "a"); // appending, so that writing goes on at the start after the log was emptied
  const env = { ...process.env, ...launch.environment };
  const child = spawnNode(machine, place, launch.args, { env, stdio: ["ignore", output, output] });
  closeSync(output);
  const pid = child.pid ?? 0;
  own.add(pid);
  const exited = once(child, "exit");
  const stop = async () => {
    own.retire(pid);
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGTERM");
    const stuck = setTimeout(() => child.kill("SIGKILL"), 10_000);
    await exited;
    clearTimeout(stuck);
  };
  const giveUpAt = performance.now() + startLimitMs;
  while (performance.now() < giveUpAt && child.exitCode === null) {
    const port = address.exec(readFileSync(log, "utf8"))?.[1];
    if (port !== undefined)
      return { name: launch.name, pid, port: Number(port), forgetLog: () => truncateSync(log), stop };
    await delay(2);
  }
  await stop();
  throw new Error(`${launch.name} did not start:\n${readFileSync(log, "utf8").slice(-4000)}`);
}

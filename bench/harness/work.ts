/** Work inside one process, done over and over by some clients at once; drives the process that does it. */
import { fileURLToPath } from "node:url";
import { ask } from "./load.ts";
import { type Machine, spawnNode } from "./machine.ts";
import type { OwnProcesses } from "./own.ts";
import type { Contestant, Counted } from "./rounds.ts";

/** A module that can be measured exports `openWork(folder): Work | Promise<Work>`. */
export interface Work {
  /** Does it once; a promise when it settles later. */
  once(): void | Promise<void>;
}

export interface WorkOrder {
  readonly clients: number;
  readonly seconds: number;
}

export interface WorkProcess {
  /** The work as a contestant, done by so many clients at once. */
  contestant(name: string, clients: number): Contestant;
  stop(): void;
}

/** Starts the process on the server CPU; `module` is a file's path, `folder` where it may keep its files. */
export function startWork(
  machine: Machine,
  own: OwnProcesses,
  module: string,
  folder: string,
  environment: { readonly [name: string]: string } = {},
): WorkProcess {
  const program = fileURLToPath(new URL("./work-process.ts", import.meta.url));
  const env = { ...process.env, ...environment };
  const stdio = ["ignore", "inherit", "inherit", "ipc"] as const;
  const child = spawnNode(machine, "server", [program, module, folder], { env, stdio: [...stdio] });
  const pid = child.pid ?? 0;
  own.add(pid);
  return {
    contestant: (name, clients) => ({
      name,
      pid,
      turn: (seconds) => ask<Counted>(child, { clients, seconds } satisfies WorkOrder),
    }),
    stop: () => {
      own.retire(pid);
      child.kill("SIGTERM");
    },
  };
}

/** What a workload works with: it starts servers, makes contestants of them, and clears everything away afterwards. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type BrokerAsk, prepareBroker } from "../subjects/lotse.ts";
import type { Load } from "./load.ts";
import type { Machine } from "./machine.ts";
import type { OwnProcesses } from "./own.ts";
import type { RequestSpec } from "./request.ts";
import { type Contestant, type Pace, type Readings, runRounds } from "./rounds.ts";
import { type Launch, type Server, startServer } from "./server.ts";
import { startWork, type WorkProcess } from "./work.ts";

export interface StageParts {
  readonly machine: Machine;
  readonly own: OwnProcesses;
  readonly load: Load;
  readonly pace: Pace;
  /** Exists and is empty; on the disk whose speed counts. */
  readonly folder: string;
  /** Only to see that everything works: little data, short runs. */
  readonly quick: boolean;
}

export class Stage {
  readonly parts: StageParts;
  readonly #endings: (() => Promise<void> | void)[] = [];

  constructor(parts: StageParts) {
    this.parts = parts;
  }

  /** A folder below the workload's own. */
  folder(name: string): string {
    const path = join(this.parts.folder, name);
    mkdirSync(path, { recursive: true });
    return path;
  }

  async start(place: "server" | "load", launch: Launch): Promise<Server> {
    const { machine, own } = this.parts;
    const server = await startServer(machine, own, place, launch, this.folder("logs"));
    this.#endings.push(server.stop);
    return server;
  }

  /** Starts `bench/FILE` as a server. */
  startOwn(place: "server" | "load", file: string, environment: Launch["environment"]): Promise<Server> {
    return this.start(place, {
      name: file,
      args: [fileURLToPath(new URL(`../${file}`, import.meta.url))],
      environment,
    });
  }

  /** The bare server, with this catalogue. */
  startBare(catalog: Uint8Array): Promise<Server> {
    const path = join(this.folder("bare"), "catalog.json");
    writeFileSync(path, catalog);
    return this.startOwn("server", "baselines/bare.ts", { BENCH_CATALOG: path });
  }

  /** The provider, on the CPU of the load. */
  startProvider(mode: "sync" | "async" | "hang", finishAfterMs: number): Promise<Server> {
    const environment = { PROVIDER_MODE: mode, PROVIDER_FINISH_AFTER_MS: String(finishAfterMs) };
    return this.startOwn("load", "provider.ts", environment);
  }

  /** Lotse, in a folder of its own that `ask.name` names. */
  async startLotse(ask: BrokerAsk): Promise<Server> {
    return this.start("server", await prepareBroker(this.folder(ask.name), ask));
  }

  /** A process that does the work `module` opens. */
  startWork(module: string, folder: string, environment: Launch["environment"] = {}): WorkProcess {
    const { machine, own } = this.parts;
    const work = startWork(machine, own, module, this.folder(folder), environment);
    this.#endings.push(work.stop);
    return work;
  }

  /** Asking a server the same over so many connections. */
  asking(name: string, server: Server, connections: number, request: RequestSpec | readonly RequestSpec[]): Contestant {
    return {
      name,
      pid: server.pid,
      turn: async (seconds) => {
        const report = await this.parts.load.run({ port: server.port, connections, seconds, request });
        server.forgetLog();
        return { ...report, operations: report.requests };
      },
    };
  }

  runRounds(contestants: readonly Contestant[]): Promise<Readings> {
    return runRounds(contestants, this.parts.pace, this.parts.own);
  }

  /** Stops what was started and removes the files. */
  async clear(): Promise<void> {
    for (const end of this.#endings.splice(0).reverse()) await end();
    rmSync(this.parts.folder, { recursive: true, force: true });
  }
}

/** Is the load generator itself the limit? The bare server, asked by ours and by wrk where it is installed. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Workload } from "../harness/findings.ts";
import { makeOfferings } from "../harness/offerings.ts";
import { judge, throughput } from "../harness/ratio.ts";
import type { RequestSpec } from "../harness/request.ts";
import type { Contestant, Counted } from "../harness/rounds.ts";
import type { Server } from "../harness/server.ts";
import type { Stage } from "../harness/stage.ts";
import { anyAuthorization, getCatalog, osbHeaders } from "./osb-requests.ts";

const run = promisify(execFile);

/** In each case the server's share of its CPU (`busy`) must be near 1: then the server is the limit, not the load. */
export const generator: Workload = {
  name: "generator",
  about: "the load generator against the bare server, beside wrk",
  run: async (stage) => {
    const bare = await stage.startBare(Buffer.from(JSON.stringify({ services: makeOfferings(33, 4) })));
    const headers = osbHeaders(anyAuthorization);
    const wrk = await hasWrk();
    const cases = { "100 KiB": getCatalog(headers), "200 B": { ...getCatalog(headers), path: "/v2/small" } };
    const contestants = Object.entries(cases).flatMap(([name, request]) => [
      stage.asking(`${name}, own`, bare, 64, request),
      ...(wrk ? [byWrk(stage, `${name}, wrk`, bare, request)] : []),
    ]);
    const readings = await stage.runRounds(contestants);
    const goal = (name: string) => ({ name: "load", says: `${name}: own ÷ wrk`, better: "more", aim: 0.9 }) as const;
    const verdicts = Object.keys(cases).map((name) =>
      judge(goal(name), readings, throughput(`${name}, own`, `${name}, wrk`)),
    );
    return { readings, verdicts: wrk ? verdicts : [], tables: [] };
  },
};

async function hasWrk(): Promise<boolean> {
  const tried = await run("wrk", ["-v"]).catch((error: { code?: unknown }) => error);
  return !("code" in tried && tried.code === "ENOENT");
}

function byWrk(stage: Stage, name: string, server: Server, request: RequestSpec): Contestant {
  const headers = Object.entries(request.headers).flatMap(([key, value]) => ["-H", `${key}: ${value}`]);
  return {
    name,
    pid: server.pid,
    turn: async (seconds) => {
      const [command = "wrk", ...rest] = [...stage.parts.machine.prefix.load, "wrk"];
      // wrk counts whole seconds only.
      const args = [...rest, "-t1", "-c64", `-d${Math.ceil(seconds)}s`, "--latency", ...headers];
      const { stdout } = await run(command, [...args, `http://127.0.0.1:${server.port}${request.path}`]);
      return readWrk(stdout);
    },
  };
}

function readWrk(output: string): Counted {
  const [, operations = "0", seconds = "1", unit = "s"] = /(\d+) requests in ([\d.]+)(m?s)/.exec(output) ?? [];
  const latency = (percent: string) => {
    const [, value = "0", scale = "ms"] = new RegExp(`${percent}%\\s+([\\d.]+)(us|ms|s)`).exec(output) ?? [];
    return Number(value) * (scale === "us" ? 1e-3 : scale === "ms" ? 1 : 1e3);
  };
  const counted = Number(seconds) * (unit === "ms" ? 1e-3 : 1);
  return { operations: Number(operations), seconds: counted, p50Ms: latency("50"), p99Ms: latency("99") };
}

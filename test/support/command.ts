/** The command `lotse` as an operator runs it: a process of its own, with an environment that holds nothing else. */
import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Test } from "tap";
import { compiled } from "./compiled.ts";

export const checkout = fileURLToPath(new URL("../..", import.meta.url));
const command = join(checkout, "src/lotse.js");

export type Environment = Readonly<Record<string, string>>;

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A directory that other users may walk into, as the embedded servers run as another one when Lotse runs as root. */
export function reachableDirectory(t: Test): string {
  const directory = mkdtempSync(join(tmpdir(), "lotse-test-"));
  chmodSync(directory, 0o755);
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

const bare = (env: Environment): NodeJS.ProcessEnv => ({
  PATH: process.env.PATH ?? "",
  HOME: process.env.HOME ?? "/",
  ...compiled,
  ...env,
});

/** Runs `lotse …` to its end. */
export async function lotse(args: readonly string[], env: Environment, cwd = checkout): Promise<Ended> {
  return ended(spawn(process.execPath, [command, ...args], { cwd, env: bare(env), stdio: ["ignore", "pipe", "pipe"] }));
}

/** Both outputs and the exit code, once everything was said. */
export function ended(child: ChildProcess): Promise<Ended> {
  let stdout = "";
  let stderr = "";
  child.stdout?.on("data", (chunk) => {
    stdout += chunk;
  });
  child.stderr?.on("data", (chunk) => {
    stderr += chunk;
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
}

export interface Serving {
  readonly url: string;
  /** Everything printed so far: log lines, and the lines to paste. */
  output(): string;
  /** As Ctrl-C does it: the signal goes to the whole process group. Returns the exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/** Starts a broker on a free port and waits until it says where it is. */
export async function serve(t: Test, env: Environment, start: readonly string[] = [process.execPath, command]) {
  const [program = "", ...args] = start;
  const settings = bare({ LOTSE_PORT: "0", ...env });
  const child = spawn(program, args, {
    cwd: checkout,
    env: settings,
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  let output = "";
  const closed = new Promise<number | null>((resolve) => child.on("close", resolve));
  const ready = new Promise<string>((resolve, reject) => {
    const listen = (chunk: Buffer) => {
      output += chunk;
      const said = /"url":"([^"]+)".*"msg":"ready"/.exec(output)?.[1];
      if (said !== undefined) resolve(said);
    };
    child.stdout.on("data", listen);
    child.stderr.on("data", listen);
    child.on("error", reject);
    child.on("close", (code) => reject(new Error(`lotse ended with ${code} before it was ready:\n${output}`)));
  });
  const stop = async (signal: NodeJS.Signals = "SIGINT") => {
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null)
      process.kill(-child.pid, signal);
    return closed;
  };
  t.teardown(() => stop());
  const url = await ready;
  return { url, output: () => output, stop } satisfies Serving;
}

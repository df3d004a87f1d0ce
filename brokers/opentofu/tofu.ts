/** Runs one command of OpenTofu and listens to what it says with `-json`. */
import { type ChildProcess, spawn } from "node:child_process";
import { byLine, openOutput } from "./output.ts";
import type { Fault, Progress } from "./protocol.ts";

/** What was heard so far, over all commands of a run. */
export interface Watch {
  stopped: boolean;
  overtime: boolean;
  touched: boolean;
  summary?: string;
  noise: string;
  readonly faults: Fault[];
  readonly drift: string[];
  hear(line: string): void;
  kill(): void;
}

/** A line of OpenTofu's machine-readable output, as far as it matters here. */
interface Message {
  readonly "@message"?: string;
  readonly type?: string;
  readonly change?: { readonly resource?: { readonly addr?: string }; readonly action?: string };
  readonly diagnostic?: { readonly severity?: string; readonly summary?: string; readonly detail?: string };
}

/** As much of standard error as helps to find what went wrong. */
const longestNoise = 2000;
const mostFaults = 5;
const mostDrift = 500;

/** What a plan calls its actions, for people. */
const wordFor: { readonly [action: string]: string } = {
  create: "add",
  update: "change",
  delete: "remove",
  read: "look up",
};

export function createWatch(onProgress: (progress: Progress) => void): Watch {
  const planned = new Map<string, number>();
  let made = 0;
  const tell = () => {
    const all = [...planned].map(([action, count]) => `${count} to ${wordFor[action] ?? action}`);
    onProgress({ planned: [...planned.values()].reduce((sum, count) => sum + count, 0), made, plan: all.join(", ") });
  };
  const watch: Watch = {
    stopped: false,
    overtime: false,
    touched: false,
    noise: "",
    faults: [],
    drift: [],
    kill() {},
    hear(line) {
      let message: Message;
      try {
        message = JSON.parse(line) as Message;
      } catch {
        return;
      }
      switch (message.type) {
        case "planned_change":
          if (message.change?.action !== undefined)
            planned.set(message.change.action, (planned.get(message.change.action) ?? 0) + 1);
          tell();
          break;
        case "apply_start":
          watch.touched = true;
          break;
        case "apply_complete":
          made++;
          tell();
          break;
        case "change_summary":
          watch.summary = message["@message"] ?? "";
          break;
        case "resource_drift":
          if (watch.drift.length < mostDrift)
            watch.drift.push(
              `${message.change?.resource?.addr ?? "a resource"} (${message.change?.action ?? "changed"})`,
            );
          break;
        case "diagnostic": {
          const { severity, summary = "", detail = "" } = message.diagnostic ?? {};
          if (severity === "error" && watch.faults.length < mostFaults) watch.faults.push({ summary, detail });
          break;
        }
      }
    },
  };
  return watch;
}

export interface Running {
  /** Exit code; null if a signal ended it or it could not be started. */
  readonly ended: Promise<number | null>;
  /** OpenTofu ends what it has begun, begins nothing more, and writes its state. */
  interrupt(): void;
}

export function runCommand(
  {
    binary,
    directory,
    environment,
  }: { binary: string; directory: string; environment: { readonly [name: string]: string } },
  command: readonly string[],
  watch: Watch,
): Running {
  const said = openOutput(directory, byLine(watch.hear));
  const noise = openOutput(directory, (text) => {
    watch.noise = (watch.noise + text).slice(-longestNoise);
  });
  let child: ChildProcess | undefined;
  watch.kill = () => void child?.kill("SIGKILL");
  let interrupted = false;
  return {
    ended: new Promise<number | null>((resolve) => {
      const onError = ({ message }: Error) => {
        watch.faults.push({ summary: "OpenTofu could not be started", detail: message });
        resolve(null);
      };
      try {
        child = spawn(binary, command, { cwd: directory, env: environment, stdio: ["ignore", said.file, noise.file] });
        child.once("error", onError);
        child.once("exit", (code) => resolve(code));
      } catch (error) {
        // Some are told at once, such as a variable that is longer than the system hands on.
        onError(error as Error);
      }
    }).finally(() => {
      said.close();
      noise.close();
    }),
    interrupt() {
      // A second interrupt would make OpenTofu drop what it is doing.
      if (interrupted) return;
      interrupted = true;
      child?.kill("SIGINT");
    },
  };
}

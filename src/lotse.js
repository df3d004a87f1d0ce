#!/usr/bin/env node
/** The command `lotse`: sees to the right runtime, then hands over. */
import { spawn } from "node:child_process";
import { constants } from "node:os";
import { fileURLToPath } from "node:url";
import { advice, bundledNode, runtimeFits } from "./runtime.js";

if (runtimeFits()) {
  const { useCompileCache } = await import("./compile-cache.js");
  useCompileCache(process.env.LOTSE_DATA_DIR);
  const { runCommand } = await import("./cli.ts");
  process.exitCode = await runCommand(process.argv.slice(2));
} else {
  const node = bundledNode();
  if (node === undefined) {
    console.error(advice);
    process.exitCode = 1;
  } else {
    const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: "inherit" });
    for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM"])) process.on(signal, () => child.kill(signal));
    child.on("exit", (code, signal) => {
      process.exitCode = code ?? 128 + (signal === null ? 0 : constants.signals[signal]);
    });
  }
}

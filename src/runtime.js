/** Plain JavaScript, so that any Node can read it: says in words what would otherwise be a crash. */
import { existsSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";

export const neededMajor = 24;

/** The Node that npm brought for this platform, if it did. */
export function bundledNode() {
  const binary = process.platform === "win32" ? "node.exe" : "node";
  const name = `node-${process.platform === "win32" ? "win" : process.platform}-${process.arch}`;
  const path = fileURLToPath(new URL(`../node_modules/${name}/bin/${binary}`, import.meta.url));
  return existsSync(path) ? path : undefined;
}

export function runtimeFits() {
  return Number(process.versions.node.split(".")[0]) >= neededMajor;
}

export const advice =
  `Lotse runs on Node ${neededMajor} or newer, and this is ${process.version}. ` +
  `On Linux and Windows "npm ci" brings it along (do not leave out optional packages); elsewhere install Node ${neededMajor}.`;

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href && !runtimeFits()) {
  console.error(advice);
  process.exit(1);
}

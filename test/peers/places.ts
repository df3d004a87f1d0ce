/** Where peers live, and how a test learns that one is up. */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Facts } from "./peer.ts";

/** Outside of the checkout, so that what was installed and built once serves every checkout on the machine. */
export function peerDirectory(name: string): string {
  const parent = process.env.LOTSE_PEERS_DIR || "/var/tmp/lotse-peers";
  return join(parent, name);
}

const factsFile = (name: string) => join(peerDirectory(name), "facts.json");

/** Undefined if the peer is not up. */
export function readFacts(name: string): Facts | undefined {
  try {
    return JSON.parse(readFileSync(factsFile(name), "utf8")) as Facts;
  } catch {
    return undefined;
  }
}

export function keepFacts(name: string, facts: Facts): void {
  writeFileSync(factsFile(name), `${JSON.stringify(facts, undefined, 2)}\n`, { mode: 0o600 });
}

export function forgetFacts(name: string): void {
  rmSync(factsFile(name), { force: true });
}

/** `npm run peers -- up|down|status|list [NAME…]`: real systems for the tests, started and stopped on this machine. */
import { mkdirSync } from "node:fs";
import { peers } from "./index.ts";
import { type Peer, placeAt } from "./peer.ts";
import { forgetFacts, keepFacts, peerDirectory, readFacts } from "./places.ts";

const usage = `Usage: npm run peers -- up|down|status [NAME…]     all of them without a name
       npm run peers -- list

  up      install what is missing, start, and wait until it answers
  down    stop; what makes the next start quick is kept
  status  which are up
  list    what there is

Needs root and Debian 12 for what it installs. State and programs are kept in /var/tmp/lotse-peers, or where
LOTSE_PEERS_DIR says.`;

const [verb = "", ...names] = process.argv.slice(2);
const chosen = names.length > 0 ? names : [...peers.keys()];
const unknown = chosen.filter((name) => !peers.has(name));
if (unknown.length > 0) {
  console.error(`There is no peer ${unknown.join(", ")}. There are: ${[...peers.keys()].join(", ")}`);
  process.exitCode = 2;
} else if (verb === "list") for (const [name, { about }] of peers) console.log(`${name.padEnd(12)} ${about}`);
else if (verb === "status")
  for (const name of chosen) console.log(`${name.padEnd(12)} ${readFacts(name) === undefined ? "down" : "up"}`);
else if (verb === "up" || verb === "down") {
  const outcomes = await Promise.allSettled(chosen.map((name) => turn(verb, name, peers.get(name) as Peer)));
  for (const [index, outcome] of outcomes.entries())
    if (outcome.status === "rejected") {
      console.error(`${chosen[index]}: ${outcome.reason instanceof Error ? outcome.reason.message : outcome.reason}`);
      process.exitCode = 1;
    }
} else {
  console.error(usage);
  process.exitCode = 2;
}

async function turn(verb: "up" | "down", name: string, peer: Peer): Promise<void> {
  const directory = peerDirectory(name);
  mkdirSync(directory, { recursive: true, mode: 0o755 });
  const place = placeAt(directory, name);
  const begin = Date.now();
  // What is being started or stopped is not up: a test that looks meanwhile is told so.
  forgetFacts(name);
  if (verb === "down") await peer.down(place);
  else keepFacts(name, await peer.up(place));
  place.log(`${verb} after ${Math.round((Date.now() - begin) / 1000)} s`);
}

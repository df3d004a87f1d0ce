/** The peers by name; a new one is one file and one line here. */
import type { Peer } from "./peer.ts";

export const peers: ReadonlyMap<string, Peer> = new Map<string, Peer>([]);

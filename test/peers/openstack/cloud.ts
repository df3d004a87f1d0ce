/** A cloud of openstack.sh as a peer. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Facts, Peer } from "../peer.ts";

const script = join(import.meta.dirname, "../openstack.sh");

/** `portBase`: the first of the eleven ports it listens on; `services`: variables of openstack.sh. */
export function cloud(about: string, portBase: number, services: NodeJS.ProcessEnv): Peer {
  const environment = { ...services, OPENSTACK_PORT_BASE: String(portBase) };
  return {
    about,
    async up(place) {
      await place.run("bash", [script, "up", place.directory], environment);
      return JSON.parse(await readFile(join(place.directory, "seeded.json"), "utf8")) as Facts;
    },
    down: (place) => place.run("bash", [script, "down", place.directory], environment),
  };
}

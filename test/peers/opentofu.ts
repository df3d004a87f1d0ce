/** OpenTofu itself, and a provider for it in a local mirror. */
import { join } from "node:path";
import type { Peer } from "./peer.ts";

const script = join(import.meta.dirname, "opentofu.sh");

/** Nothing goes on running: what is up is built, and stays so. */
export const opentofu: Peer = {
  about:
    "the tofu program, built from its Go module, and a mirror with a provider for PostgreSQL and the one for OpenStack",
  async up(place) {
    await place.run("bash", [script, place.directory]);
    return { binary: join(place.directory, "bin", "tofu"), mirror: join(place.directory, "mirror") };
  },
  async down() {},
};

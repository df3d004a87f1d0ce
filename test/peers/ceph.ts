/** A Ceph cluster's S3 gateway with its admin API, held in memory. */
import { fileURLToPath } from "node:url";
import type { Peer } from "./peer.ts";

const port = 17300;
const script = fileURLToPath(new URL("ceph.sh", import.meta.url));

const peer: Peer = {
  about: "Ceph 16.2 of Debian 12: S3 gateway with its admin API, one storage daemon in memory",
  async up(place) {
    await place.run(script, ["up", place.directory, String(port)]);
    return {
      endpoint: `http://127.0.0.1:${port}`,
      region: "default",
      /** May make users by the admin API. */
      accessKeyId: "LOTSEKEY",
      secretAccessKey: "lotse-loopback-secret",
      /** Another account, without such rights. */
      ordinary: { accessKeyId: "ORDINARYKEY", secretAccessKey: "ordinary-loopback-secret" },
      versions: "Ceph 16.2.15",
    };
  },
  async down(place) {
    await place.run(script, ["down", place.directory, String(port)]);
  },
};

export default peer;

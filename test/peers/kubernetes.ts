/** A Kubernetes API server with etcd and the controllers that need no machines. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Peer } from "./peer.ts";

const script = join(import.meta.dirname, "kubernetes.sh");

export const kubernetes: Peer = {
  about: "kube-apiserver and kube-controller-manager, built from their Go module, with Debian's etcd",
  async up(place) {
    await place.run("bash", [script, "up", place.directory]);
    const pem = (name: string) => readFileSync(join(place.directory, "pki", name), "utf8");
    return {
      server: `https://127.0.0.1:${process.env.KUBE_PORT_BASE || "17000"}`,
      ca: pem("ca.crt"),
      // Of the group system:masters, which may do everything.
      certificate: pem("admin.crt"),
      key: pem("admin.key"),
      kubeconfig: join(place.directory, "kubeconfig"),
    };
  },
  async down(place) {
    await place.run("bash", [script, "down", place.directory]);
  },
};

/** The peers by name; a new one is one file and one line here. */
import aws from "./aws.ts";
import ceph from "./ceph.ts";
import { kubernetes } from "./kubernetes.ts";
import openstack from "./openstack.ts";
import openstack2 from "./openstack-2.ts";
import { opentofu } from "./opentofu.ts";
import type { Peer } from "./peer.ts";

export const peers: ReadonlyMap<string, Peer> = new Map<string, Peer>([
  ["aws", aws],
  ["ceph", ceph],
  ["kubernetes", kubernetes],
  ["openstack", openstack],
  ["openstack-2", openstack2],
  ["opentofu", opentofu],
]);

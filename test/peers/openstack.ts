/** A whole OpenStack: Keystone, Nova, Neutron, Glance, Placement, Cinder, and Swift with its S3 API. */
import { cloud } from "./openstack/cloud.ts";

export default cloud("OpenStack Zed of Debian 12: all services, Cinder and Swift with S3 among them", 15100, {
  OPENSTACK_CINDER: "1",
  OPENSTACK_SWIFT: "1",
});

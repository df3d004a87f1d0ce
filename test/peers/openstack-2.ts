/** A second, separate OpenStack that stands for another provider: no Cinder; tokens and ids of its own. */
import { cloud } from "./openstack/cloud.ts";

export default cloud("OpenStack Zed of Debian 12, another provider's: all services but Cinder", 15200, {
  OPENSTACK_CINDER: "0",
  OPENSTACK_SWIFT: "1",
});

# shellcheck shell=bash disable=SC2154
# Configuration of the services; read by openstack.sh, which sets the variables.

db_url() { echo "postgresql+psycopg2://os:os@$H:$P_PG/$1"; }

authtoken() { # user -> [keystone_authtoken] body
cat <<E
www_authenticate_uri = http://$H:$P_KEYSTONE/v3
auth_url = http://$H:$P_KEYSTONE/v3
auth_type = password
username = $1
password = $PW
user_domain_name = Default
project_name = service
project_domain_name = Default
region_name = $REGION
E
}

write_conf() {
  local E=$DIR/etc; mkdir -p "$E"/{keystone,nova,glance,placement,neutron,swift,cinder} "$DIR"/{py,state,glance-images}
  # ---------- keystone
  cat >"$E/keystone/keystone.conf" <<E
[DEFAULT]
public_endpoint = http://$H:$P_KEYSTONE
[database]
connection = $(db_url keystone)
max_pool_size = 5
[token]
provider = fernet
[cache]
# In the one process there is: what changes is forgotten at once.
backend = dogpile.cache.memory
[fernet_tokens]
key_repository = $E/keystone/fernet-keys
[credential]
# Kept in memory, Keystone would give out keys as it decrypted them the first time: emptied.
caching = false
key_repository = $E/keystone/credential-keys
[identity]
password_hash_rounds = 4
E
  # ---------- placement
  cat >"$E/placement/placement.conf" <<E
[placement_database]
connection = $(db_url placement)
max_pool_size = 5
[keystone_authtoken]
$(authtoken placement)
E
  # ---------- glance
  cat >"$E/glance/glance-api.conf" <<E
[DEFAULT]
bind_host = $H
bind_port = $P_GLANCE
workers = 0
enabled_backends = file:file
log_file =
use_stderr = true
image_cache_dir = $DIR/state/glance-cache
node_staging_uri = file://$DIR/state/glance-staging
[database]
connection = $(db_url glance)
max_pool_size = 5
[glance_store]
default_backend = file
[file]
filesystem_store_datadir = $DIR/glance-images
[os_glance_staging_store]
filesystem_store_datadir = $DIR/state/glance-staging
[os_glance_tasks_store]
filesystem_store_datadir = $DIR/state/glance-tasks
[paste_deploy]
flavor = keystone
config_file = $E/glance/glance-api-paste.ini
[keystone_authtoken]
$(authtoken glance)
[oslo_messaging_notifications]
driver = noop
E
  mkdir -p "$DIR"/state/{glance-staging,glance-tasks,glance-cache,nova,neutron,cinder,locks}
  cat >"$E/glance/glance-api-paste.ini" <<'E'
[pipeline:glance-api-keystone]
pipeline = http_proxy_to_wsgi versionnegotiation authtoken context rootapp
[composite:rootapp]
paste.composite_factory = glance.api:root_app_factory
/: apiversions
/v2: apiv2app
[app:apiversions]
paste.app_factory = glance.api.versions:create_resource
[app:apiv2app]
paste.app_factory = glance.api.v2.router:API.factory
[filter:versionnegotiation]
paste.filter_factory = glance.api.middleware.version_negotiation:VersionNegotiationFilter.factory
[filter:context]
paste.filter_factory = glance.api.middleware.context:ContextMiddleware.factory
[filter:authtoken]
paste.filter_factory = keystonemiddleware.auth_token:filter_factory
delay_auth_decision = true
[filter:http_proxy_to_wsgi]
paste.filter_factory = oslo_middleware:HTTPProxyToWSGI.factory
E
  # ---------- neutron
  cat >"$E/neutron/neutron.conf" <<E
[DEFAULT]
core_plugin = ml2
service_plugins = router
allow_overlapping_ips = true
transport_url = fake:///
state_path = $DIR/state/neutron
api_paste_config = $E/neutron/api-paste.ini
notify_nova_on_port_status_changes = false
notify_nova_on_port_data_changes = false
dhcp_agent_notification = false
max_l3_agents_per_router = 0
[quotas]
quota_network = 200
quota_subnet = 200
quota_router = 200
quota_port = 1000
quota_floatingip = 200
quota_security_group = 200
quota_security_group_rule = 2000
[database]
connection = $(db_url neutron)
max_pool_size = 5
[keystone_authtoken]
$(authtoken neutron)
[oslo_concurrency]
lock_path = $DIR/state/locks
[oslo_messaging_notifications]
driver = noop
[ml2]
type_drivers = flat,vlan,vxlan
tenant_network_types = vxlan
mechanism_drivers = loopback
extension_drivers = port_security
[ml2_type_flat]
flat_networks = external
[ml2_type_vlan]
network_vlan_ranges = physnet1:100:199
[ml2_type_vxlan]
vni_ranges = 1:1000
E
  cat >"$E/neutron/api-paste.ini" <<'E'
[composite:neutron]
use = egg:Paste#urlmap
/: neutronversions_composite
/v2.0: neutronapi_v2_0
[composite:neutronapi_v2_0]
use = call:neutron.auth:pipeline_factory
keystone = http_proxy_to_wsgi request_id catch_errors authtoken keystonecontext extensions neutronapiapp_v2_0
[composite:neutronversions_composite]
use = call:neutron.auth:pipeline_factory
keystone = http_proxy_to_wsgi neutronversions
[filter:request_id]
paste.filter_factory = oslo_middleware:RequestId.factory
[filter:catch_errors]
paste.filter_factory = oslo_middleware:CatchErrors.factory
[filter:http_proxy_to_wsgi]
paste.filter_factory = oslo_middleware.http_proxy_to_wsgi:HTTPProxyToWSGI.factory
[filter:keystonecontext]
paste.filter_factory = neutron.auth:NeutronKeystoneContext.factory
[filter:authtoken]
paste.filter_factory = keystonemiddleware.auth_token:filter_factory
[filter:extensions]
paste.filter_factory = neutron.api.extensions:plugin_aware_extension_middleware_factory
[app:neutronversions]
paste.app_factory = neutron.pecan_wsgi.app:versions_factory
[app:neutronapiapp_v2_0]
paste.app_factory = neutron.api.v2.router:APIRouter.factory
E
  # An entry point for the mechanism driver that binds every port at once: no agents, no bridges
  mkdir -p "$DIR/py/loopback_mech-1.0.dist-info"
  printf 'Metadata-Version: 2.1\nName: loopback-mech\nVersion: 1.0\n' >"$DIR/py/loopback_mech-1.0.dist-info/METADATA"
  printf '[neutron.ml2.mechanism_drivers]\nloopback = loopback_mech:LoopbackMechanismDriver\n' >"$DIR/py/loopback_mech-1.0.dist-info/entry_points.txt"
  # ---------- nova
  cat >"$E/nova/nova.conf" <<E
[DEFAULT]
transport_url = fake:///
compute_driver = fake.FakeDriver
host = fake-host-1
my_ip = $H
state_path = $DIR/state/nova
use_stderr = true
enabled_apis = osapi_compute
osapi_compute_listen = $H
osapi_compute_listen_port = $P_NOVA
osapi_compute_workers = 1
service_down_time = 600
report_interval = 30
default_schedule_zone = az1
periodic_fuzzy_delay = 0
allow_resize_to_same_host = true
[quota]
instances = 100
cores = 2000
ram = 4000000
key_pairs = 500
[wsgi]
api_paste_config = $E/nova/api-paste.ini
[api]
auth_strategy = keystone
[api_database]
connection = $(db_url nova_api)
max_pool_size = 10
[database]
connection = $(db_url nova)
max_pool_size = 10
[keystone_authtoken]
$(authtoken nova)
service_token_roles_required = true
[service_user]
send_service_user_token = true
$(authtoken nova)
[placement]
$(authtoken placement)
[neutron]
$(authtoken neutron)
[glance]
endpoint_override = http://$H:$P_GLANCE
[cinder]
catalog_info = volumev3::publicURL
os_region_name = $REGION
$(authtoken nova)
[scheduler]
discover_hosts_in_cells_interval = 2
[oslo_concurrency]
lock_path = $DIR/state/locks
[oslo_messaging_notifications]
driver = noop
[vnc]
enabled = true
E
  cat >"$E/nova/api-paste.ini" <<'E'
[composite:osapi_compute]
use = call:nova.api.openstack.urlmap:urlmap_factory
/: oscomputeversions
/v2.1: oscomputeversion_v2
/v2.1/+: openstack_compute_api_v21
[composite:openstack_compute_api_v21]
use = call:nova.api.auth:pipeline_factory_v21
keystone = http_proxy_to_wsgi compute_req_id faultwrap request_log sizelimit authtoken keystonecontext osapi_compute_app_v21
[filter:request_log]
paste.filter_factory = nova.api.openstack.requestlog:RequestLog.factory
[filter:compute_req_id]
paste.filter_factory = nova.api.compute_req_id:ComputeReqIdMiddleware.factory
[filter:faultwrap]
paste.filter_factory = nova.api.openstack:FaultWrapper.factory
[filter:sizelimit]
paste.filter_factory = oslo_middleware:RequestBodySizeLimiter.factory
[filter:http_proxy_to_wsgi]
paste.filter_factory = oslo_middleware.http_proxy_to_wsgi:HTTPProxyToWSGI.factory
[app:osapi_compute_app_v21]
paste.app_factory = nova.api.openstack.compute:APIRouterV21.factory
[pipeline:oscomputeversions]
pipeline = faultwrap request_log http_proxy_to_wsgi oscomputeversionapp
[pipeline:oscomputeversion_v2]
pipeline = compute_req_id faultwrap request_log http_proxy_to_wsgi oscomputeversionapp_v2
[app:oscomputeversionapp]
paste.app_factory = nova.api.openstack.compute.versions:Versions.factory
[app:oscomputeversionapp_v2]
paste.app_factory = nova.api.openstack.compute.versions:VersionsV2.factory
[filter:keystonecontext]
paste.filter_factory = nova.api.auth:NovaKeystoneContext.factory
[filter:authtoken]
paste.filter_factory = keystonemiddleware.auth_token:filter_factory
E
  # psycopg2 must yield to eventlet's hub, or two greenthreads can dead-lock on one row
  # ---------- cinder
  cat >"$E/cinder/cinder.conf" <<E
[DEFAULT]
transport_url = fake:///
use_stderr = true
host = fake-host-1
my_ip = $H
state_path = $DIR/state/cinder
api_paste_config = $E/cinder/api-paste.ini
resource_query_filters_file = $E/cinder/resource_filters.json
osapi_volume_listen = $H
osapi_volume_listen_port = $P_CINDER
osapi_volume_workers = 1
periodic_fuzzy_delay = 0
enabled_backends = fake
default_volume_type = fake
glance_api_servers = http://$H:$P_GLANCE
auth_strategy = keystone
rootwrap_config = /dev/null
[fake]
volume_driver = loopback_volume.LoopbackVolumeDriver
volume_backend_name = fake
[database]
connection = $(db_url cinder)
max_pool_size = 10
[keystone_authtoken]
$(authtoken cinder)
service_token_roles_required = true
[nova]
$(authtoken nova)
[service_user]
send_service_user_token = true
$(authtoken cinder)
[oslo_concurrency]
lock_path = $DIR/state/locks
[oslo_messaging_notifications]
driver = noop
E
  echo '{}' >"$E/cinder/resource_filters.json"
  cat >"$E/cinder/api-paste.ini" <<'E'
[composite:osapi_volume]
use = call:cinder.api:root_app_factory
/: apiversions
/v3: openstack_volume_api_v3
[composite:openstack_volume_api_v3]
use = call:cinder.api.middleware.auth:pipeline_factory
keystone = request_id http_proxy_to_wsgi faultwrap sizelimit authtoken keystonecontext apiv3
keystone_nolimit = request_id http_proxy_to_wsgi faultwrap sizelimit authtoken keystonecontext apiv3
[filter:http_proxy_to_wsgi]
paste.filter_factory = oslo_middleware.http_proxy_to_wsgi:HTTPProxyToWSGI.factory
[filter:faultwrap]
paste.filter_factory = cinder.api.middleware.fault:FaultWrapper.factory
[filter:sizelimit]
paste.filter_factory = oslo_middleware.sizelimit:RequestBodySizeLimiter.factory
[app:apiv3]
paste.app_factory = cinder.api.v3.router:APIRouter.factory
[pipeline:apiversions]
pipeline = request_id http_proxy_to_wsgi faultwrap osvolumeversionapp
[app:osvolumeversionapp]
paste.app_factory = cinder.api.versions:Versions.factory
[filter:keystonecontext]
paste.filter_factory = cinder.api.middleware.auth:CinderKeystoneContext.factory
[filter:authtoken]
paste.filter_factory = keystonemiddleware.auth_token:filter_factory
[filter:request_id]
paste.filter_factory = cinder.api.middleware.request_id:RequestId.factory
E
  # ---------- swift
  mkdir -p "$DIR"/swift/sdb1
  cat >"$E/swift/swift.conf" <<E
[swift-hash]
swift_hash_path_suffix = loopback
swift_hash_path_prefix = loopback
[storage-policy:0]
name = gold
default = yes
E
  local s p
  for s in account container object; do
    case $s in account) p=$P_SW_ACC;; container) p=$P_SW_CON;; object) p=$P_SW_OBJ;; esac
    cat >"$E/swift/$s-server.conf" <<E
[DEFAULT]
bind_ip = $H
bind_port = $p
workers = 0
user = $(id -un)
swift_dir = $E/swift
devices = $DIR/swift
mount_check = false
recon_cache_path = $DIR/state
log_level = INFO
[pipeline:main]
pipeline = healthcheck $s-server
[app:$s-server]
use = egg:swift#$s
[filter:healthcheck]
use = egg:swift#healthcheck
E
  done
  cat >"$E/swift/proxy-server.conf" <<E
[DEFAULT]
bind_ip = $H
bind_port = $P_SWIFT
workers = 0
user = $(id -un)
swift_dir = $E/swift
log_level = INFO
[pipeline:main]
pipeline = catch_errors gatekeeper healthcheck cache listing_formats bulk tempurl authtoken s3api s3token keystoneauth copy container-quotas account-quotas slo dlo versioned_writes symlink proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:healthcheck]
use = egg:swift#healthcheck
[filter:cache]
use = egg:swift#memcache
memcache_servers = $H:1
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:bulk]
use = egg:swift#bulk
[filter:tempurl]
use = egg:swift#tempurl
[filter:s3api]
use = egg:swift#s3api
location = $REGION
s3_acl = false
dns_compliant_bucket_names = true
[filter:s3token]
use = egg:swift#s3token
auth_uri = http://$H:$P_KEYSTONE/v3
delay_auth_decision = true
auth_type = password
auth_url = http://$H:$P_KEYSTONE/v3
username = swift
password = $PW
user_domain_name = Default
project_name = service
project_domain_name = Default
[filter:authtoken]
paste.filter_factory = keystonemiddleware.auth_token:filter_factory
$(authtoken swift)
delay_auth_decision = true
[filter:keystoneauth]
use = egg:swift#keystoneauth
operator_roles = admin, member
reseller_admin_role = ResellerAdmin
[filter:copy]
use = egg:swift#copy
[filter:container-quotas]
use = egg:swift#container_quotas
[filter:account-quotas]
use = egg:swift#account_quotas
[filter:slo]
use = egg:swift#slo
[filter:dlo]
use = egg:swift#dlo
[filter:versioned_writes]
use = egg:swift#versioned_writes
allow_versioned_writes = true
allow_object_versioning = true
[filter:symlink]
use = egg:swift#symlink
E
  if [ ! -e "$E/swift/object.ring.gz" ]; then
    "$PY" - "$E/swift" "$P_SW_ACC" "$P_SW_CON" "$P_SW_OBJ" <<'E'
import sys
from swift.common.ring import RingBuilder
d = sys.argv[1]
for name, port in zip(('account', 'container', 'object'), sys.argv[2:]):
    b = RingBuilder(4, 1, 1)
    b.add_dev({'region': 1, 'zone': 1, 'weight': 1.0, 'ip': '127.0.0.1', 'port': int(port), 'device': 'sdb1',
               'replication_ip': '127.0.0.1', 'replication_port': int(port), 'meta': ''})
    b.rebalance()
    b.get_ring().save('%s/%s.ring.gz' % (d, name))
    b.save('%s/%s.builder' % (d, name))
E
  fi
}

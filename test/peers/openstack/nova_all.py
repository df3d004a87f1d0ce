"""nova-api, nova-conductor, nova-scheduler and nova-compute in one process over oslo.messaging's fake:// driver."""
import nova.cmd  # noqa: F401  (monkey patches first)
import green_pg
green_pg.install()
import sys
import os_vif
from oslo_log import log as logging
import nova.conf
from nova import config, objects, service
from nova.compute import rpcapi as compute_rpcapi
from nova.conductor import rpcapi as conductor_rpcapi
from nova.scheduler import rpcapi as scheduler_rpcapi

CONF = nova.conf.CONF


def main():
    config.parse_args(sys.argv)
    logging.setup(CONF, 'nova')
    objects.register_all()
    os_vif.initialize()
    objects.Service.enable_min_version_cache()
    for binary, topic in (('nova-conductor', conductor_rpcapi.RPC_TOPIC),
                          ('nova-scheduler', scheduler_rpcapi.RPC_TOPIC),
                          ('nova-compute', compute_rpcapi.RPC_TOPIC)):
        srv = service.Service.create(binary=binary, topic=topic)
        if service._launcher is None:
            service.serve(srv)
        else:
            service._launcher.launch_service(srv)
    # a second compute host whose builds always fail: ask for availability zone "broken" to get a server in ERROR
    CONF.set_override('compute_driver', 'fake.FakeBuildAbortDriver')
    service._launcher.launch_service(service.Service.create(
        host='fake-broken-1', binary='nova-compute', topic=compute_rpcapi.RPC_TOPIC))
    CONF.clear_override('compute_driver')
    service._launcher.launch_service(service.WSGIService('osapi_compute'))
    service.wait()


main()

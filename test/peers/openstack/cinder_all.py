"""cinder-api, cinder-scheduler and cinder-volume in one process over fake://."""
import eventlet
eventlet.monkey_patch()
import __original_module_threading as orig_threading
import threading
orig_threading.current_thread.__globals__['_active'] = threading._active
import green_pg
green_pg.install()
import sys
from oslo_config import cfg
from oslo_log import log as logging
from cinder.common import config  # noqa: F401
from cinder import coordination  # noqa: F401
from cinder import i18n
i18n.enable_lazy()
from cinder import objects, rpc, service, version
CONF = cfg.CONF


def main():
    objects.register_all()
    CONF(sys.argv[1:], project='cinder', version=version.version_string())
    config.set_middleware_defaults()
    logging.setup(CONF, 'cinder')
    rpc.init(CONF)
    srvs = [service.Service.create(binary='cinder-scheduler'),
            service.Service.create(binary='cinder-volume', host='%s@fake' % CONF.host,
                                   service_name='fake', coordination=True)]
    service.serve(srvs[0])
    for s in srvs[1:] + [service.WSGIService('osapi_volume')]:
        service._launcher.launch_service(s)
    service.wait()


main()

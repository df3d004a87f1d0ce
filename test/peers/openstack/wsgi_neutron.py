import sys
sys.argv = ['neutron']
from neutron.server import api_eventlet, boot_server
application = boot_server(api_eventlet.eventlet_api_server)

"""Fills a fresh cloud: users, catalog, flavors, image, network, two projects with application credentials.

seed.py identity|resources DIR BASE CINDER SWIFT PASSWORD REGION. Repeatable. Writes DIR/seeded.json, the facts that tests use.
"""
import json
import os
import sys
import time

import requests

step, directory, base, with_cinder, with_swift, password, region = sys.argv[1:]
base, with_cinder, with_swift = int(base), with_cinder == '1', with_swift == '1'
url = {name: 'http://127.0.0.1:%d' % (base + offset) for name, offset in dict(
    keystone=0, glance=1, placement=2, nova=3, neutron=4, swift=5, cinder=10).items()}
K, N, G, Q = url['keystone'] + '/v3', url['nova'] + '/v2.1', url['glance'], url['neutron']


def ok(r):
    if r.status_code >= 300:
        sys.exit('%s %s -> %d %s' % (r.request.method, r.request.url, r.status_code, r.text))
    return r.json() if r.content else {}


def login(user, secret, project, domain='default'):
    s = requests.Session()
    s.trust_env = False
    r = s.post(K + '/auth/tokens', json={'auth': {
        'identity': {'methods': ['password'], 'password': {'user': {'name': user, 'domain': {'id': domain}, 'password': secret}}},
        'scope': {'project': {'name': project, 'domain': {'id': domain}}}}})
    ok(r)
    s.headers['X-Auth-Token'] = r.headers['X-Subject-Token']
    s.user = r.json()['token']['user']['id']
    s.project = r.json()['token']['project']['id']
    return s


admin = login('admin', password, 'admin')


def one(kind, name, **body):
    found = ok(admin.get(K + '/' + kind + 's', params={'name': name}))[kind + 's']
    return found[0] if found else ok(admin.post(K + '/' + kind + 's', json={kind: dict(body, name=name)}))[kind]


def assign(project, user, role):
    ok(admin.put('%s/projects/%s/users/%s/roles/%s' % (K, project['id'], user['id'], role['id'])))


def endpoint(name, kind, address):
    found = ok(admin.get(K + '/services', params={'type': kind}))['services']
    service = found[0] if found else ok(admin.post(K + '/services', json={'service': {'name': name, 'type': kind}}))['service']
    have = {e['interface'] for e in ok(admin.get(K + '/endpoints', params={'service_id': service['id']}))['endpoints']}
    for interface in {'public', 'internal'} - have:
        ok(admin.post(K + '/endpoints', json={'endpoint': {
            'service_id': service['id'], 'interface': interface, 'region_id': region, 'url': address}}))


def identity():
    roles = {name: one('role', name) for name in ('admin', 'service', 'ResellerAdmin', 'object-access')}
    service = one('project', 'service', domain_id='default')
    for name in ('nova', 'neutron', 'glance', 'placement', 'swift', 'cinder'):
        user = one('user', name, domain_id='default', password=password)
        assign(service, user, roles['admin'])
        assign(service, user, roles['service'])
    endpoint('nova', 'compute', N)
    endpoint('placement', 'placement', url['placement'])
    endpoint('glance', 'image', G)
    endpoint('neutron', 'network', Q)
    if with_swift:
        endpoint('swift', 'object-store', url['swift'] + '/v1/AUTH_%(tenant_id)s')
    if with_cinder:
        endpoint('cinderv3', 'volumev3', url['cinder'] + '/v3/%(tenant_id)s')


def application_credential(user_name, project_name, unrestricted):
    """A project with a user who is a member of it, and an application credential of that user."""
    project = one('project', project_name, domain_id='default')
    user = one('user', user_name, domain_id='default', password=password)
    for name in ('member', 'reader'):
        assign(project, user, one('role', name))
    s = login(user_name, password, project_name)
    made = ok(s.post(K + '/users/%s/application_credentials' % user['id'], json={'application_credential': {
        'name': 'lotse', 'roles': [{'name': 'member'}], 'unrestricted': unrestricted}}))['application_credential']
    return project['id'], made['id'], made['secret']


FLAVORS = [  # name, vCPUs, MiB, GB; the last one is larger than the host
    ('SCS-1V-2', 1, 2048, 0), ('SCS-1V-2-10', 1, 2048, 10), ('SCS-2V-4', 2, 4096, 0), ('SCS-2V-4-10', 2, 4096, 10),
    ('SCS-2V-4-20s', 2, 4096, 20), ('SCS-4V-8-20', 4, 8192, 20), ('SCS-64V-1024-10', 64, 1048576, 10)]


def flavors():
    have = {f['name'] for f in ok(admin.get(N + '/flavors'))['flavors']}
    for name, vcpus, ram, disk in FLAVORS:
        if name not in have:
            ok(admin.post(N + '/flavors', json={'flavor': {'name': name, 'id': name, 'vcpus': vcpus, 'ram': ram, 'disk': disk}}))


def images():
    made = {i['name']: i['id'] for i in ok(admin.get(G + '/v2/images'))['images']}
    for name, distro, version in (('Debian 12', 'debian', '12'), ('Ubuntu 24.04', 'ubuntu', '24.04')):
        if name in made:
            continue
        made[name] = ok(admin.post(G + '/v2/images', json={
            'name': name, 'disk_format': 'raw', 'container_format': 'bare', 'visibility': 'public', 'min_disk': 0,
            'os_distro': distro, 'os_version': version, 'architecture': 'x86_64', 'image_original_user': distro}))['id']
        ok(admin.put(G + '/v2/images/%s/file' % made[name], data=b'\0' * 4096, headers={'Content-Type': 'application/octet-stream'}))
    return made


def external_network():
    for network in ok(admin.get(Q + '/v2.0/networks', params={'name': 'public'}))['networks']:
        return network['id']
    network = ok(admin.post(Q + '/v2.0/networks', json={'network': {
        'name': 'public', 'router:external': True, 'provider:network_type': 'flat',
        'provider:physical_network': 'external'}}))['network']
    ok(admin.post(Q + '/v2.0/subnets', json={'subnet': {
        'name': 'public-v4', 'network_id': network['id'], 'ip_version': 4, 'cidr': '198.51.100.0/24', 'enable_dhcp': False}}))
    return network['id']


def volume_type():
    types = '%s/v3/%s/types' % (url['cinder'], admin.project)
    if 'fake' not in {t['name'] for t in ok(admin.get(types))['volume_types']}:
        ok(admin.post(types, json={'volume_type': {'name': 'fake', 'extra_specs': {'volume_backend_name': 'fake'}}}))


def patiently(what, attempt):
    for _ in range(240):
        if attempt():
            return
        time.sleep(0.5)
    sys.exit('%s did not come' % what)


def zones():
    """The good host is in az1, the one whose builds all fail in "broken"."""
    patiently('hypervisors', lambda: len(ok(admin.get(N + '/os-hypervisors'))['hypervisors']) > 1)
    have = {a['name'] for a in ok(admin.get(N + '/os-aggregates'))['aggregates']}
    for zone, host in (('az1', 'fake-host-1'), ('broken', 'fake-broken-1')):
        if zone in have:
            continue
        aggregate = ok(admin.post(N + '/os-aggregates', json={'aggregate': {'name': zone, 'availability_zone': zone}}))['aggregate']
        action = N + '/os-aggregates/%s/action' % aggregate['id']
        patiently(host, lambda: admin.post(action, json={'add_host': {'host': host}}).status_code == 200)


def resources():
    path = os.path.join(directory, 'seeded.json')
    if os.path.exists(path):
        patiently('hypervisors', lambda: all(h['state'] == 'up' for h in ok(admin.get(N + '/os-hypervisors/detail'))['hypervisors']))
        return
    flavors()
    image = images()
    network = external_network()
    if with_cinder:
        volume_type()
    zones()
    project, credential, secret = application_credential('lotse', 'lotse', False)
    free_project, free_credential, free_secret = application_credential('lotse-unrestricted', 'lotse-unrestricted', True)
    facts = {
        'authUrl': K, 'region': region,
        'adminUser': 'admin', 'adminPassword': password, 'adminDomainId': 'default', 'adminProject': 'admin', 'adminProjectId': admin.project,
        # A member of one project, as an operator would be given by a cloud.
        'user': 'lotse', 'userPassword': password, 'userDomainId': 'default', 'project': 'lotse', 'projectId': project,
        'applicationCredentialId': credential, 'applicationCredentialSecret': secret,
        # The same in another project, allowed to make further application credentials.
        'unrestrictedProjectId': free_project, 'unrestrictedCredentialId': free_credential, 'unrestrictedCredentialSecret': free_secret,
        'externalNetwork': 'public', 'externalNetworkId': network, 'imageName': 'Debian 12', 'imageId': image['Debian 12'],
        'flavor': 'SCS-1V-2-10', 'largerFlavor': 'SCS-2V-4-10', 'flavorWithoutDisk': 'SCS-1V-2', 'flavorTooLarge': 'SCS-64V-1024-10',
        'availabilityZone': 'az1', 'brokenZone': 'broken',
        'computeUrl': N, 'networkUrl': Q, 'imageUrl': G,
        'volumes': with_cinder, 'objects': with_swift,
    }
    if with_swift:
        facts['s3Url'] = url['swift']
    with open(path + '.new', 'w') as f:
        json.dump(facts, f, indent=1)
    os.replace(path + '.new', path)


{'identity': identity, 'resources': resources}[step]()

#!/usr/bin/env bash
# A real OpenStack (Debian 12 ships Zed) on the loopback address, without systemd, containers and RabbitMQ.
#
#   openstack.sh up DIR     installs what is missing, makes or restores the databases, starts, seeds; idempotent
#   openstack.sh down DIR   stops what `up` started; the data stay
#   openstack.sh status DIR one line a process
#
# Everything but the packages lies below DIR, and below DIR/../openstack-kept: databases with all schemas, from which
# any further cloud starts in seconds. Needs root: PostgreSQL runs as the user postgres.
#
# Environment: OPENSTACK_PORT_BASE (15100), OPENSTACK_CINDER and OPENSTACK_SWIFT (1; 0 leaves them out).
# Ports: base + 0 Keystone, 1 Glance, 2 Placement, 3 Nova, 4 Neutron, 5 Swift and S3, 6 to 8 behind Swift, 9 PostgreSQL, 10 Cinder.
#
# Nova is one process (API, conductor, scheduler, two computes) over oslo.messaging's in-process driver, with the fake
# hypervisor: servers go through scheduler, placement and ports, but nothing boots. In availability zone "broken" every
# build fails. Neutron binds every port at once, Cinder keeps rows and no bytes.
set -euo pipefail

ACTION=${1:?up, down or status}
DIR=$(realpath -m "${2:?directory}")
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/openstack
BASE=${OPENSTACK_PORT_BASE:-15100}
WITH_CINDER=${OPENSTACK_CINDER:-1}
WITH_SWIFT=${OPENSTACK_SWIFT:-1}
P_KEYSTONE=$BASE P_GLANCE=$((BASE + 1)) P_PLACEMENT=$((BASE + 2)) P_NOVA=$((BASE + 3)) P_NEUTRON=$((BASE + 4))
P_SWIFT=$((BASE + 5)) P_SW_ACC=$((BASE + 6)) P_SW_CON=$((BASE + 7)) P_SW_OBJ=$((BASE + 8)) P_PG=$((BASE + 9)) P_CINDER=$((BASE + 10))
H=127.0.0.1 PW=openstack-loopback-test REGION=RegionOne
KEPT=$(dirname "$DIR")/openstack-kept
PGBIN=/usr/lib/postgresql/15/bin
PY=/usr/bin/python3 # Debian's own, whatever else is first in PATH
export PATH=/usr/sbin:/usr/bin:/sbin:/bin PYTHONDONTWRITEBYTECODE=1 PYTHONWARNINGS=ignore LC_ALL=C.UTF-8
unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY PYTHONPATH

PACKAGES="python3-keystone python3-nova python3-glance python3-placement python3-neutron python3-cinder python3-swift
 python3-memcache python3-psycopg2 python3-requests uwsgi-core uwsgi-plugin-python3 postgresql-15 curl procps"

# shellcheck source=openstack/configuration.sh
. "$HERE/configuration.sh"

log() { printf '%s %s\n' "$(date +%T)" "$*" >&2; }

die() { # message log-file
  log "$1"
  tail -n 30 "$2" >&2
  exit 1
}

# Only library packages: they ask nothing, make no users and start nothing.
install_packages() {
  local missing="" package
  for package in $PACKAGES; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
  done
  [ -z "$missing" ] && return 0
  log "apt-get install$missing"
  local apt_get=${BASH_SOURCE[0]%/*}/apt-get.sh
  bash "$apt_get" update >/dev/null
  # PostgreSQL's package would make and start a cluster of its own.
  mkdir -p /etc/postgresql-common
  [ -e /etc/postgresql-common/createcluster.conf ] || echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
  # shellcheck disable=SC2086
  bash "$apt_get" -y install --no-install-recommends $missing >"$DIR/log/apt.log" 2>&1 ||
    die "apt-get failed" "$DIR/log/apt.log"
}

# ---- processes -----------------------------------------------------------------------------------------------------

alive() { [ -s "$DIR/run/$1.pid" ] && kill -0 "$(cat "$DIR/run/$1.pid")" 2>/dev/null; }

spawn() { # name command… : in a session of its own
  local name=$1
  shift
  alive "$name" && return 0
  setsid "$@" >>"$DIR/log/$name.log" 2>&1 </dev/null 9>&- &
  echo $! >"$DIR/run/$name.pid"
}

spawn_python() { # name script arguments…
  local name=$1 script=$2
  shift 2
  spawn "$name" env PYTHONPATH="$DIR/py" XDG_CACHE_HOME="$DIR/state" "$PY" "$DIR/py/$script" "$@"
}

spawn_wsgi() { # name port processes module variables…
  local name=$1 port=$2 processes=$3 module=$4
  shift 4
  # "Connection: close": uWSGI closes connections without saying so, and a client that keeps them is reset at random.
  spawn "$name" env XDG_CACHE_HOME="$DIR/state" "$@" uwsgi --plugin python3 --master --die-on-term --need-app --lazy-apps \
    --http-socket "$H:$port" --processes "$processes" --threads 8 --enable-threads --buffer-size 65535 \
    --pythonpath "$DIR/py" --module "$module" --procname-prefix "$name " --disable-logging --add-header 'Connection: close'
}

answers() { # name path port : waits until the service answers
  local code tries=450
  while ((tries-- > 0)); do
    code=$(curl -s -o /dev/null -w '%{http_code}' --max-time 5 "http://$H:$3$2" || true)
    case $code in 000 | 502 | 503) ;; *) return 0 ;; esac
    alive "$1" || die "$1 ended" "$DIR/log/$1.log"
    sleep 0.2
  done
  die "$1 does not answer" "$DIR/log/$1.log"
}

# ---- databases -----------------------------------------------------------------------------------------------------

as_postgres() { (cd / && exec setpriv --reuid postgres --regid postgres --clear-groups -- "$@"); }

sql() { as_postgres "$PGBIN/psql" -qAtX -v ON_ERROR_STOP=1 -h "$DIR/run" -p "$P_PG" -U postgres "$@"; }

start_postgres() {
  alive postgres && return 0
  rm -f "$DIR/pg/postmaster.pid"
  spawn postgres setpriv --reuid postgres --regid postgres --clear-groups -- "$PGBIN/postgres" -D "$DIR/pg" \
    -c listen_addresses=$H -c port="$P_PG" -c unix_socket_directories="$DIR/run" -c max_connections=300 \
    -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c min_wal_size=32MB -c max_wal_size=64MB \
    -c join_collapse_limit=1 -c from_collapse_limit=1 -c jit=off
  for _ in $(seq 100); do
    as_postgres "$PGBIN/pg_isready" -q -h "$DIR/run" -p "$P_PG" && return 0
    sleep 0.1
  done
  die "PostgreSQL does not start" "$DIR/log/postgres.log"
}

stop_postgres() {
  alive postgres || return 0
  local pid
  pid=$(cat "$DIR/run/postgres.pid")
  kill -INT "$pid"
  for _ in $(seq 100); do
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.1
  done
  rm -f "$DIR/run/postgres.pid"
}

manage() { # keystone|placement|… configuration arguments…
  local module=$1 configuration=$2
  shift 2
  PYTHONPATH="$DIR/py" XDG_CACHE_HOME="$DIR/state" "$PY" -c "from $module import main; main()" --config-file "$DIR/etc/$configuration" "$@"
}

keystone_keys() { # each cloud has keys of its own: no cloud takes another's tokens
  local user group
  user=$(id -un) group=$(id -gn)
  mkdir -p "$DIR/etc/keystone/fernet-keys" "$DIR/etc/keystone/credential-keys"
  chmod 700 "$DIR/etc/keystone/fernet-keys" "$DIR/etc/keystone/credential-keys"
  "$PY" - "$DIR/etc/keystone" <<'P'
import base64, os, sys
for kind in ('fernet-keys', 'credential-keys'):
    for name in ('0', '1'):
        path = os.path.join(sys.argv[1], kind, name)
        if not os.path.exists(path):
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), 'wb') as key:
                key.write(base64.urlsafe_b64encode(os.urandom(32)))
P
}

make_schemas() {
  local database first second
  install -d -o postgres -g postgres -m 700 "$DIR/pg"
  as_postgres "$PGBIN/initdb" -D "$DIR/pg" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync >"$DIR/log/initdb.log"
  start_postgres
  sql -d postgres -c "CREATE ROLE os LOGIN SUPERUSER PASSWORD 'os'"
  for database in keystone placement glance neutron nova_api nova nova_cell0 cinder; do
    sql -d postgres -c "CREATE DATABASE $database OWNER os TEMPLATE template0"
  done
  (
    manage keystone.cmd.manage keystone/keystone.conf db_sync
    manage keystone.cmd.manage keystone/keystone.conf bootstrap --bootstrap-password "$PW" --bootstrap-region-id $REGION \
      --bootstrap-public-url "http://$H:$P_KEYSTONE/v3" --bootstrap-internal-url "http://$H:$P_KEYSTONE/v3" \
      --bootstrap-admin-url "http://$H:$P_KEYSTONE/v3"
    manage placement.cmd.manage placement/placement.conf db sync
    manage glance.cmd.manage glance/glance-api.conf db_sync
    manage cinder.cmd.manage cinder/cinder.conf db sync
  ) >"$DIR/log/schemas-1.log" 2>&1 &
  first=$!
  (
    manage neutron.db.migration.cli neutron/neutron.conf upgrade heads
    manage nova.cmd.manage nova/nova.conf api_db sync
    manage nova.cmd.manage nova/nova.conf cell_v2 map_cell0 --database_connection "$(db_url nova_cell0)"
    manage nova.cmd.manage nova/nova.conf db sync
    manage nova.cmd.manage nova/nova.conf cell_v2 create_cell --name cell1 --transport-url fake:/// --database_connection "$(db_url nova)"
  ) >"$DIR/log/schemas-2.log" 2>&1 &
  second=$!
  wait $first || die "a schema cannot be made" "$DIR/log/schemas-1.log"
  wait $second || die "a schema cannot be made" "$DIR/log/schemas-2.log"
  sql -d postgres -c CHECKPOINT
  stop_postgres
}

# Schemas take half a minute of two cores to make, and a second to copy. Made once, kept, and named by the packages' versions.
make_databases() {
  [ -e "$DIR/pg/whole" ] && return 0
  local kept
  # shellcheck disable=SC2086
  kept=$KEPT/$(dpkg-query -W $PACKAGES | sha256sum | cut -c1-16).tar
  rm -rf "$DIR/pg"
  if [ -e "$kept" ]; then
    mkdir -p "$DIR"
    tar -C "$DIR" -xf "$kept"
  else
    log "making the schemas"
    make_schemas
    echo "$BASE" >"$DIR/pg/port-base"
    tar -C "$DIR" -cf "$kept.new" pg
    mv "$kept.new" "$kept"
  fi
  start_postgres
  local from
  from=$(cat "$DIR/pg/port-base")
  if [ "$from" != "$BASE" ]; then
    sql -d keystone -c "UPDATE endpoint SET url = replace(url, ':$from/', ':$P_KEYSTONE/')"
    sql -d nova_api -c "UPDATE cell_mappings SET database_connection = replace(database_connection, ':$((from + 9))/', ':$P_PG/')"
  fi
  touch "$DIR/pg/whole"
}

# ---- the verbs -----------------------------------------------------------------------------------------------------

seed() { PYTHONPATH="$DIR/py" "$PY" "$HERE/seed.py" "$@" "$DIR" "$BASE" "$WITH_CINDER" "$WITH_SWIFT" "$PW" "$REGION"; }

up() {
  local etc=$DIR/etc start=$SECONDS
  mkdir -p "$DIR"/{etc,log,run,py}
  chmod 755 "$DIR"
  # Of two clouds that start at once, the second waits for the first one's packages and schemas.
  mkdir -p "$KEPT"
  exec 9>"$KEPT/lock"
  flock 9
  install_packages
  chown postgres "$DIR/run"
  cp "$HERE"/*.py "$DIR/py/"
  write_conf
  keystone_keys
  make_databases
  exec 9>&-
  start_postgres
  spawn_wsgi keystone "$P_KEYSTONE" 1 wsgi_keystone OS_KEYSTONE_CONFIG_DIR="$etc/keystone" OS_KEYSTONE_CONFIG_FILES=keystone.conf
  spawn_wsgi placement "$P_PLACEMENT" 1 wsgi_placement OS_PLACEMENT_CONFIG_DIR="$etc/placement"
  answers keystone /v3 "$P_KEYSTONE"
  seed identity
  spawn_wsgi neutron "$P_NEUTRON" 1 wsgi_neutron OS_NEUTRON_CONFIG_DIR="$etc/neutron" OS_NEUTRON_CONFIG_FILES=neutron.conf
  answers placement / "$P_PLACEMENT"
  spawn_python nova nova_all.py --config-file "$etc/nova/nova.conf"
  spawn_python glance glance_main.py --config-file "$etc/glance/glance-api.conf"
  if [ "$WITH_SWIFT" = 1 ]; then
    spawn_python swift-account swift_main.py account-server "$etc/swift/account-server.conf"
    spawn_python swift-container swift_main.py container-server "$etc/swift/container-server.conf"
    spawn_python swift-object swift_main.py object-server "$etc/swift/object-server.conf"
    spawn_python swift-proxy swift_main.py proxy-server "$etc/swift/proxy-server.conf"
  fi
  if [ "$WITH_CINDER" = 1 ]; then spawn_python cinder cinder_all.py --config-file "$etc/cinder/cinder.conf"; fi
  answers neutron / "$P_NEUTRON"
  answers glance / "$P_GLANCE"
  answers nova / "$P_NOVA"
  if [ "$WITH_SWIFT" = 1 ]; then answers swift-proxy /healthcheck "$P_SWIFT"; fi
  if [ "$WITH_CINDER" = 1 ]; then answers cinder / "$P_CINDER"; fi
  seed resources
  log "up after $((SECONDS - start)) s"
}

down() { # all at once, then PostgreSQL; whoever is left after 5 s is killed
  local name left names="cinder nova glance neutron placement swift-proxy swift-object swift-container swift-account keystone"
  for name in $names; do
    if alive "$name"; then kill -TERM -- "-$(cat "$DIR/run/$name.pid")" 2>/dev/null || true; fi
  done
  for _ in $(seq 50); do
    left=""
    for name in $names; do if alive "$name"; then left="$left $name"; fi; done
    [ -z "$left" ] && break
    sleep 0.1
  done
  for name in $names; do
    if [ -s "$DIR/run/$name.pid" ]; then kill -KILL -- "-$(cat "$DIR/run/$name.pid")" 2>/dev/null || true; fi
    rm -f "$DIR/run/$name.pid"
  done
  stop_postgres
}

status() {
  local file name
  for file in "$DIR"/run/*.pid; do
    [ -e "$file" ] || continue
    name=$(basename "$file" .pid)
    if alive "$name"; then echo "$name up $(cat "$file")"; else echo "$name down"; fi
  done
}

case $ACTION in
up | down | status) "$ACTION" ;;
*)
  echo "usage: $0 up|down|status DIR" >&2
  exit 2
  ;;
esac

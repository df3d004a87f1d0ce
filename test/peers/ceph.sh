#!/usr/bin/env bash
# A Ceph S3 gateway on loopback: one monitor, one storage daemon in memory, one gateway. Memory keeps nothing, so every
# start is a new and empty cluster.
#   ceph.sh up|down DIRECTORY PORT
set -euo pipefail
action=$1 directory=$2 port=$3 host=127.0.0.1
export CEPH_CONF=$directory/ceph.conf
mkdir -p "$directory"/{run,log}

# A pid may be some other program's by now; its command line tells.
alive() {
  [[ -s $directory/run/$1.pid ]] || return 1
  local line
  line=$(tr '\0' ' ' <"/proc/$(<"$directory/run/$1.pid")/cmdline" 2>/dev/null) || return 1
  [[ $line == "$2 "* ]]
}

spawn() {
  local name=$1
  shift
  alive "$name" "$1" && return 0
  setsid "$@" >>"$directory/log/$name.out" 2>&1 </dev/null &
  echo $! >"$directory/run/$name.pid"
}

# stop NAME PROGRAM
stop() {
  if alive "$1" "$2"; then
    local pid
    pid=$(<"$directory/run/$1.pid")
    kill "$pid"
    for _ in {1..50}; do alive "$1" "$2" || break; sleep 0.1; done
    if alive "$1" "$2"; then kill -9 "$pid"; fi
  fi
  rm -f "$directory/run/$1.pid"
}

install_missing() {
  command -v radosgw >/dev/null && command -v ceph-mon >/dev/null && return 0
  local apt_get=${BASH_SOURCE[0]%/*}/apt-get.sh
  bash "$apt_get" update
  bash "$apt_get" -y install --no-install-recommends ceph-mon ceph-osd ceph-common radosgw
}

configure() {
  rm -rf "$directory"/{mon,osd,rgw}
  mkdir -p "$directory"/{mon,osd,rgw}
  fsid=$(</proc/sys/kernel/random/uuid)
  cat >"$CEPH_CONF" <<CONF
[global]
fsid = $fsid
mon host = [v2:$host:$((port + 1)),v1:$host:$((port + 2))]
mon initial members = a
public addr = $host
cluster addr = $host
public network = 127.0.0.0/8
ms bind msgr2 = true
ms bind port min = $((port + 10))
ms bind port max = $((port + 90))
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
auth allow insecure global id reclaim = true
keyring = $directory/keyring
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd crush chooseleaf type = 0
osd objectstore = memstore
memstore device bytes = 1073741824
mon allow pool size one = true
mon pg warn min per osd = 0
mon warn on pool no redundancy = false
mon data avail crit = 1
run dir = $directory/run
admin socket = $directory/run/\$name.\$pid.asok
log file = $directory/log/\$name.log
mon data = $directory/mon
osd data = $directory/osd
[client.rgw]
rgw data = $directory/rgw
rgw frontends = beast endpoint=$host:$port
rgw dns name = localhost
CONF
}

make_cluster() {
  configure
  monmaptool --create --clobber --fsid "$fsid" --addv a "[v2:$host:$((port + 1)),v1:$host:$((port + 2))]" \
    "$directory/monmap" >/dev/null
  ceph-authtool -C "$directory/keyring" --gen-key -n mon. --cap mon 'allow *' >/dev/null
  for name in client.admin client.rgw osd.0; do
    ceph-authtool "$directory/keyring" --gen-key -n "$name" --cap mon 'allow *' --cap osd 'allow *' --cap mgr 'allow *' \
      >/dev/null
  done
  ceph-mon --mkfs -i a --monmap "$directory/monmap" --mon-data "$directory/mon" --keyring "$directory/keyring" \
    >"$directory/log/mkfs.out" 2>&1
  spawn mon ceph-mon -f -i a
  for _ in {1..100}; do timeout 5 ceph -s >/dev/null 2>&1 && break; sleep 0.2; done
  local uuid
  uuid=$(</proc/sys/kernel/random/uuid)
  timeout 20 ceph osd new "$uuid" 0 >/dev/null
  ceph-osd --mkfs -i 0 --osd-uuid "$uuid" >>"$directory/log/mkfs.out" 2>&1
  spawn osd ceph-osd -f -i 0
}

# user NAME ACCESS_KEY SECRET_KEY MORE…
user() {
  local name=$1 access=$2 secret=$3
  shift 3
  timeout 60 radosgw-admin -n client.rgw user info --uid "$name" >/dev/null 2>&1 ||
    timeout 60 radosgw-admin -n client.rgw user create --uid "$name" --display-name "$name" --access-key "$access" \
      --secret-key "$secret" "$@" >/dev/null
}

case $action in
  down)
    stop rgw radosgw
    stop osd ceph-osd
    stop mon ceph-mon
    ;;
  up)
    install_missing
    if ! alive mon ceph-mon || ! alive osd ceph-osd; then
      "$0" down "$directory" "$port"
      make_cluster
    fi
    spawn rgw radosgw -f -n client.rgw
    for _ in {1..600}; do
      curl -s -o /dev/null "http://$host:$port/" && break
      alive rgw radosgw || { tail "$directory/log/rgw.out" >&2; exit 1; }
      sleep 0.1
    done
    # Only loopback reaches them, and they go with the cluster's memory. Lotse's account has what its README asks for.
    user lotse LOTSEKEY lotse-loopback-secret --caps 'users=*;user-policy=*;buckets=read' --max-buckets 0
    user ordinary ORDINARYKEY ordinary-loopback-secret
    ;;
esac

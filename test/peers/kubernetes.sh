#!/usr/bin/env bash
# etcd, kube-apiserver and kube-controller-manager on loopback; no kubelet and no scheduler, so nothing ever runs in it.
#   kubernetes.sh up DIR     build and install what is missing, start, wait until it answers; DIR/pki holds the administrator's
#                            certificate        KUBE_PORT_BASE: the first of four ports, 17000 if not set
#   kubernetes.sh down DIR   stop; the programs are kept, the contents of etcd are not
set -euo pipefail
action=${1:?up or down} dir=${2:?a directory}
source=$(cd "$(dirname "$0")/kubernetes" && pwd)
base=${KUBE_PORT_BASE:-17000} host=127.0.0.1
pki=$dir/pki bin=$dir/bin
unset http_proxy HTTP_PROXY
# Those that the tests can see the work of.
controllers=clusterrole-aggregation-controller,garbage-collector-controller,namespace-controller,resourcequota-controller
controllers+=,root-ca-certificate-publisher-controller,serviceaccount-controller,persistentvolumeclaim-protection-controller
version=$(awk '$1 == "k8s.io/kubernetes" { print $2 }' "$source/go.mod")

# From Debian's package without installing it: its service would start.
fetch_etcd() {
  [ -x "$bin/etcd" ] && return
  local work apt_get
  apt_get=$(realpath "${BASH_SOURCE[0]%/*}")/apt-get.sh
  work=$(mktemp -d)
  (
    cd "$work"
    bash "$apt_get" download etcd-server 2>/dev/null || { bash "$apt_get" update && bash "$apt_get" download etcd-server; }
    dpkg-deb -x etcd-server_*.deb .
  )
  mv "$work/usr/bin/etcd" "$bin/etcd"
  rm -rf "$work"
}

# Of the modules that go.sum names, once for each version. Not optimised: a test asks little of it, and waits for the build.
build() {
  local made=$bin/control-plane-$version
  if [ ! -x "$made" ]; then
    local v=k8s.io/component-base/version minor=${version#v1.}
    (cd "$source" && CGO_ENABLED=0 GOFLAGS=-mod=readonly nice -n 15 go build -p 2 -trimpath -gcflags='all=-N -l' \
      -ldflags "-s -w -X $v.gitVersion=$version -X $v.gitMajor=1 -X $v.gitMinor=${minor%%.*}" -o "$made.part" .)
    mv "$made.part" "$made"
  fi
  ln -sf "$made" "$bin/kube-apiserver"
  ln -sf "$made" "$bin/kube-controller-manager"
}

certify() { # name subject extensions
  printf '%s' "$3" >"$pki/$1.ext"
  openssl req -newkey rsa:2048 -nodes -keyout "$pki/$1.key" -subj "$2" 2>/dev/null |
    openssl x509 -req -CA "$pki/ca.crt" -CAkey "$pki/ca.key" -CAcreateserial -days 3650 -extfile "$pki/$1.ext" \
      -out "$pki/$1.crt" 2>/dev/null
}

certificates() {
  [ -e "$pki/done" ] && return
  openssl req -x509 -newkey rsa:2048 -nodes -keyout "$pki/ca.key" -out "$pki/ca.crt" -days 3650 -subj /CN=kube-ca 2>/dev/null
  openssl genrsa -out "$pki/sa.key" 2048 2>/dev/null
  certify server /CN=kube-apiserver "subjectAltName=IP:127.0.0.1,IP:10.96.0.1,DNS:localhost
extendedKeyUsage=serverAuth"
  certify admin /O=system:masters/CN=admin 'extendedKeyUsage=clientAuth'
  touch "$pki/done"
}

alive() { [ -s "$dir/run/$1.pid" ] && kill -0 "$(cat "$dir/run/$1.pid")" 2>/dev/null; }

spawn() {
  local name=$1
  shift
  alive "$name" && return
  setsid "$@" >"$dir/log/$name.log" 2>&1 </dev/null &
  echo $! >"$dir/run/$name.pid"
}

ask() { curl -s --max-time 10 --cacert "$pki/ca.crt" --cert "$pki/admin.crt" --key "$pki/admin.key" "https://$host:$base$1"; }

until_says() { # program path text
  for _ in $(seq 600); do
    ask "$2" | grep -q "$3" && return
    alive "$1" || break
    sleep 0.2
  done
  echo "$1 does not get ready" >&2
  tail -n 20 "$dir/log/$1.log" >&2
  exit 1
}

up() {
  mkdir -p "$bin" "$dir/run" "$dir/log" "$pki"
  chmod 700 "$pki"
  fetch_etcd
  build
  certificates
  cat >"$dir/kubeconfig" <<E
apiVersion: v1
kind: Config
current-context: admin
clusters: [{name: peer, cluster: {server: "https://$host:$base", certificate-authority: "$pki/ca.crt"}}]
users: [{name: admin, user: {client-certificate: "$pki/admin.crt", client-key: "$pki/admin.key"}}]
contexts: [{name: admin, context: {cluster: peer, user: admin}}]
E
  spawn etcd "$bin/etcd" --data-dir "$dir/etcd" --unsafe-no-fsync \
    --listen-client-urls "http://$host:$((base + 1))" --advertise-client-urls "http://$host:$((base + 1))" \
    --listen-peer-urls "http://$host:$((base + 2))" --initial-advertise-peer-urls "http://$host:$((base + 2))" \
    --initial-cluster "default=http://$host:$((base + 2))"
  # The feature switched off asks of etcd what Debian's 3.4 cannot do, in vain and without end.
  spawn kube-apiserver "$bin/kube-apiserver" --bind-address=$host --secure-port="$base" --advertise-address=$host \
    --etcd-servers="http://$host:$((base + 1))" --tls-cert-file="$pki/server.crt" --tls-private-key-file="$pki/server.key" \
    --client-ca-file="$pki/ca.crt" --authorization-mode=RBAC --service-account-issuer=https://kubernetes.default.svc \
    --service-account-key-file="$pki/sa.key" --service-account-signing-key-file="$pki/sa.key" \
    --service-cluster-ip-range=10.96.0.0/16 --endpoint-reconciler-type=none \
    --feature-gates=SizeBasedListCostEstimate=false
  until_says kube-apiserver /readyz '^ok$'
  spawn kube-controller-manager "$bin/kube-controller-manager" --bind-address=$host --secure-port=$((base + 3)) \
    --kubeconfig="$dir/kubeconfig" --leader-elect=false --use-service-account-credentials=true \
    --service-account-private-key-file="$pki/sa.key" --root-ca-file="$pki/ca.crt" --authentication-skip-lookup=true \
    --controllers="$controllers"
  # The controllers are at work once they have filled the aggregated ClusterRole "edit" and made the default ServiceAccount.
  until_says kube-controller-manager /apis/rbac.authorization.k8s.io/v1/clusterroles/edit configmaps
  until_says kube-controller-manager /api/v1/namespaces/default/serviceaccounts '"name": "default"'
}

down() {
  local name pid
  for name in kube-controller-manager kube-apiserver etcd; do
    alive "$name" || continue
    pid=$(cat "$dir/run/$name.pid")
    kill "$pid"
    for _ in $(seq 100); do
      kill -0 "$pid" 2>/dev/null || break
      sleep 0.1
    done
    kill -9 "$pid" 2>/dev/null || true
    rm -f "$dir/run/$name.pid"
  done
  rm -rf "$dir/etcd"
}

case $action in
  up) up ;;
  down) down ;;
  *) echo "up or down" >&2; exit 2 ;;
esac

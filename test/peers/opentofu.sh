#!/usr/bin/env bash
# opentofu.sh DIR: DIR/bin/tofu, built from OpenTofu's Go module, and DIR/mirror, where it finds the provider of the tests
# and the one for OpenStack as it would find those that an operator mirrored. Each is built once for each version of its
# sources.
set -euo pipefail
dir=${1:?a directory}
source=$(cd "$(dirname "$0")/opentofu" && pwd)
modules=$(cd "$(dirname "$0")/../../brokers/opentofu/modules" && pwd)
export CGO_ENABLED=0 GOTOOLCHAIN=local
unset TF_CLI_CONFIG_FILE
mkdir -p "$dir/bin"

# A program of a Go module, with the versions that the module itself asks for: so it has to be the main module, and is
# built from a copy of what the module cache holds.
build() { # made module version sum package ldflags
  local made=$1 module=$2 version=$3 sum=$4
  [ -x "$made" ] && return
  local work got
  work=$(mktemp -d)
  got=$(cd "$work" && go mod download -json "$module@$version")
  [ "$(sed -n 's/^\t"Sum": "\(.*\)",$/\1/p' <<<"$got")" = "$sum" ] || { echo "$module $version is not what it was" >&2; exit 1; }
  cp -r "$(sed -n 's/^\t"Dir": "\(.*\)",$/\1/p' <<<"$got")" "$work/source"
  chmod -R u+w "$work/source"
  (cd "$work/source" && GOFLAGS=-mod=readonly nice -n 15 go build -p 2 -trimpath -ldflags "-s -w ${6:-}" -o "$made.part" "$5")
  mv "$made.part" "$made"
  rm -rf "$work"
}

build_tofu() {
  local module=github.com/opentofu/opentofu version=v1.12.6
  local made=$dir/bin/tofu-$version
  build "$made" $module $version h1:0VT4P8pMmGcCUnQ9JDrJ+Qg2d35Vzm4FFd/9+H7oF98= ./cmd/tofu "-X $module/version.dev=no"
  ln -sf "$made" "$dir/bin/tofu"
}

# Where OpenTofu looks for it, it says itself: its address without a host is completed by the program.
build_openstack() {
  local module=github.com/terraform-provider-openstack/terraform-provider-openstack/v3 version=v3.4.0
  local made=$dir/bin/openstack-$version address place
  build "$made" $module $version h1:Ap8gvameIY5ZM7CMh7fngP/VoIyeupzKX3izoyfp9yg= .
  address=$("$dir/bin/tofu" show -json -module="$modules/block-volume" | grep -o '"full_name":"[^"]*openstack"' | cut -d'"' -f4)
  place=$dir/mirror/$address/${version#v}/linux_$(go env GOARCH)
  mkdir -p "$place"
  ln -f "$made" "$place/terraform-provider-openstack_$version"
}

build_provider() {
  local of made
  of=$(cat "$source"/provider/go.sum "$source"/provider/*.go | sha256sum | cut -c1-16)
  made=$dir/bin/provider-$of
  if [ ! -x "$made" ]; then
    (cd "$source/provider" && GOFLAGS=-mod=readonly nice -n 15 go build -p 2 -trimpath -ldflags "-s -w" -o "$made.part" .)
    mv "$made.part" "$made"
  fi
  local place
  place=$dir/mirror/lotse.example/tests/postgresql/1.0.0/linux_$(go env GOARCH)
  mkdir -p "$place"
  ln -f "$made" "$place/terraform-provider-postgresql_v1.0.0"
}

build_tofu
build_provider
build_openstack

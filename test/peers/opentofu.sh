#!/usr/bin/env bash
# opentofu.sh DIR: DIR/bin/tofu, built from OpenTofu's Go module, and DIR/mirror, where it finds the provider of the tests
# as it would find one that an operator mirrored. Both are built once for each version of their sources.
set -euo pipefail
dir=${1:?a directory}
source=$(cd "$(dirname "$0")/opentofu" && pwd)
module=github.com/opentofu/opentofu version=v1.12.6 sum=h1:0VT4P8pMmGcCUnQ9JDrJ+Qg2d35Vzm4FFd/9+H7oF98=
export CGO_ENABLED=0 GOTOOLCHAIN=local
mkdir -p "$dir/bin"

# Its go.mod has a replacement, so it has to be the main module: built from a copy of what the module cache holds.
build_tofu() {
  local made=$dir/bin/tofu-$version
  if [ ! -x "$made" ]; then
    local work got
    work=$(mktemp -d)
    trap 'rm -rf "$work"' RETURN
    got=$(cd "$work" && go mod download -json "$module@$version")
    [ "$(sed -n 's/^\t"Sum": "\(.*\)",$/\1/p' <<<"$got")" = "$sum" ] || { echo "$module $version is not what it was" >&2; exit 1; }
    cp -r "$(sed -n 's/^\t"Dir": "\(.*\)",$/\1/p' <<<"$got")" "$work/tofu"
    chmod -R u+w "$work/tofu"
    (cd "$work/tofu" && GOFLAGS=-mod=readonly nice -n 15 go build -p 2 -trimpath \
      -ldflags "-s -w -X $module/version.dev=no" -o "$made.part" ./cmd/tofu)
    mv "$made.part" "$made"
  fi
  ln -sf "$made" "$dir/bin/tofu"
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

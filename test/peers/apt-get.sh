#!/usr/bin/env bash
# apt-get for peers that are brought up side by side: one at a time, and after whoever else installs on this machine.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
exec flock /run/lock/lotse-peers apt-get -qq -o DPkg::Lock::Timeout=900 -o Dpkg::Use-Pty=0 "$@"

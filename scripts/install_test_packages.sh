#!/usr/bin/env bash
# Installs what the tests and checks use from Debian's or Ubuntu's packages, as root; does nothing where all is there.
# The services these packages bring are not started.
set -euo pipefail

missing=()
need() { # program, package
    command -v "$1" > /dev/null || missing+=("$2")
}
need gcc gcc
need promtool prometheus
need prometheus-node-exporter prometheus-node-exporter
ldconfig -p | grep -q 'libgomp\.so\.1' || missing+=(libgomp1)
[[ -e /usr/include/stdio.h ]] || missing+=(libc6-dev)

if [[ ${#missing[@]} -eq 0 ]]; then
    exit 0
fi
if [[ $EUID -ne 0 ]]; then
    echo "error: needed for the tests: apt-get install --no-install-recommends ${missing[*]} (as root)" >&2
    exit 1
fi
echo "Installing ${missing[*]} ..."
apt-get update -qq
# A run level of 1 keeps the packages from starting their services.
RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]}" > /dev/null

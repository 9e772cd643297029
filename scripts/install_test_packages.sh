#!/usr/bin/env bash
# Installs the packages of Debian or Ubuntu that the tests and checks need. Needs root, unless all packages are there.
# It does not start the services in these packages.
#
#   sudo scripts/install_test_packages.sh
set -euo pipefail

case ${1:-} in
    '') ;;
    -h | --help) sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$0"; exit 0 ;;
    *) echo "error: unknown option $1. This script takes no option." >&2; exit 1 ;;
esac

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
    echo "error: the tests need packages that are missing. Run as root: apt-get install --no-install-recommends ${missing[*]}" >&2
    exit 1
fi
echo "Installing ${missing[*]} ..."
apt-get update -qq
# A run level of 1 keeps the packages from starting their services.
RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]}" > /dev/null

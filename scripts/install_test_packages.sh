#!/usr/bin/env bash
# Installs the packages of Debian or Ubuntu that the tests and checks need. Needs root, unless all packages are there.
# It does not start the services in these packages.
#
#   scripts/install_test_packages.sh      as another user than root it only names the missing packages
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source-path=SCRIPTDIR
. scripts/lib.sh
check_arguments "" 0 "$@"

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
[[ $EUID -eq 0 ]] || refuse "no ${missing[*]}, and user $(id -un)" "these packages for the tests, and root to install them" \
    "sudo apt-get install --no-install-recommends ${missing[*]}"
echo "Installing ${missing[*]} ..."
apt-get update -qq
# A run level of 1 keeps the packages from starting their services.
RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]}" > /dev/null

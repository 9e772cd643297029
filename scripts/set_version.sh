#!/usr/bin/env bash
# Writes the version into services/__init__.py, where it is defined, and into the files that must repeat it.
#
#   scripts/set_version.sh X.Y.Z
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source-path=SCRIPTDIR
. scripts/lib.sh
check_arguments "" 1 "$@"

[[ ${1:-} =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]] || misuse "the version '${1:-}'"
write() { sed -i -E "s/^($2)[0-9]+\.[0-9]+\.[0-9]+/\1$VERSION/" "$1"; }
VERSION=$1
write services/__init__.py '__version__ = "'
write Dockerfile 'ARG VERSION='
write compose.yaml '  image: \$\{API_IMAGE:-rkllm-appliance-api:'
write .env.example '#API_IMAGE=rkllm-appliance-api:'
say "The version is $VERSION. Now give CHANGELOG.md a heading '## $VERSION - $(date +%Y-%m-%d)'."

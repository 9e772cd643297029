#!/usr/bin/env bash
# Prints what CHANGELOG.md says about a version. Refuses a version that is not the one of this tree, or has no notes.
#
#   scripts/release_notes.sh X.Y.Z
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source-path=SCRIPTDIR
. scripts/lib.sh
check_arguments "" 1 "$@"

[ -n "${1:-}" ] || misuse "no version"
version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' services/__init__.py)
[ "$1" = "$version" ] || refuse "version $1, and $version in services/__init__.py" "the same version in both" \
    "scripts/set_version.sh $1, or another tag"
# From the version's heading to the next one of the same rank.
notes=$(awk -v heading="## $1" '/^## /{on = ($0 == heading || index($0, heading " ") == 1); next} on' CHANGELOG.md)
[ -n "${notes//[[:space:]]/}" ] || refuse "no notes under '## $1' in CHANGELOG.md" "what changed in this version" \
    "rename the heading 'Unreleased'"
say "$notes"

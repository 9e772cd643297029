#!/usr/bin/env bash
# Fetches models of models.yaml into the models folder, and removes them. No restart is needed: the server finds them.
#
#   scripts/models.sh list | add ID [--from /FOLDER] | verify [ID...] | remove ID
#   scripts/models.sh add --help         what each option means; needs the box
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source-path=SCRIPTDIR
. scripts/lib.sh
help_if_first "$@"

mkdir -p "$MODELS_DIR"
MODELS_USER="$(id -u):$(id -g)"
export MODELS_USER
folder=() args=()
while [ $# -gt 0 ]; do
    args+=("$1")
    if [ "$1" = --from ]; then      # mount this folder into the container
        [ -n "${2:-}" ] || misuse "--from without a folder"
        folder=(--volume "$(realpath "$2"):/source:ro")
        args+=(/source)
        shift
    fi
    shift
done
exec docker compose run --rm --no-deps "${folder[@]}" models "${args[@]:-list}"

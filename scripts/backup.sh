#!/usr/bin/env bash
# Saves what cannot be downloaded again: Open WebUI's data (chats, accounts, files), the secrets, the state of provisioning,
# the settings, and a list of the models. It does not save the models themselves.
#
#   scripts/backup.sh [FILE]      default: backups/rkllm-DATE.tar.gz
#
# Stops Open WebUI during the copy, so that the copy of its database is complete.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source-path=SCRIPTDIR
. scripts/lib.sh
check_arguments "" 1 "$@"
umask 077       # the backup contains the secrets

FILE=${1:-backups/rkllm-$(date +%Y%m%d-%H%M%S).tar.gz}
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT

# Read the volumes with the API server's image: it has tar and needs no download.
volume() { docker run --rm --network none --user 0:0 --volume "$1:/volume:ro" --entrypoint tar "$IMAGE" -C /volume -cf - .; }

PROJECT=$(docker compose config --format json | sed -n 's/^  "name": "\(.*\)",\?$/\1/p')
IMAGE=$(docker compose config --images secrets)   # the API server's image; `api` would also name the images it depends on
docker volume inspect "${PROJECT}_webui-data" >/dev/null 2>&1 || refuse "no volume ${PROJECT}_webui-data" \
    "a stack that was started once" "run scripts/bootstrap.sh"

running=$(docker compose ps --status running --quiet open-webui)
restart() { [ -z "$running" ] || docker compose up -d --no-recreate >/dev/null 2>&1; rm -rf "$WORK"; }
trap restart EXIT
docker compose stop open-webui provision >/dev/null 2>&1
for name in "${VOLUMES[@]}"; do volume "${PROJECT}_$name" >"$WORK/$name.tar"; done

for name in "$ENV_FILE" api.env searxng/settings.yml; do [ ! -f "$name" ] || cp --parents "$name" "$WORK/"; done
find "$MODELS_DIR" -type f -printf '%P\t%s\n' 2>/dev/null | sort >"$WORK/models.list" || true
mkdir -p "$(dirname "$FILE")"
tar -C "$WORK" -czf "$FILE.part" .
mv "$FILE.part" "$FILE"
say "Saved $(du -h "$FILE" | cut -f1) to $FILE. The file contains the secrets: keep it where only you can read it."

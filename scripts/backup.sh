#!/usr/bin/env bash
# Saves what cannot be fetched again: Open WebUI's data (chats, accounts, files), the secrets, what was provisioned, the
# settings, and a list of the models. The models themselves are not saved.
#
#   scripts/backup.sh [FILE]      default: backups/rkllm-DATE.tar.gz
#
# Open WebUI is stopped for the moment of the copy, so that its database is whole.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source-path=SCRIPTDIR
. scripts/lib.sh
umask 077       # the secrets are in it

FILE=${1:-backups/rkllm-$(date +%Y%m%d-%H%M%S).tar.gz}
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT

# The API server's image reads the volumes: it has tar and is here.
volume() { docker run --rm --network none --user 0:0 --volume "$1:/volume:ro" --entrypoint tar "$IMAGE" -C /volume -cf - .; }

PROJECT=$(docker compose config --format json | sed -n 's/^  "name": "\(.*\)",\?$/\1/p')
IMAGE=$(docker compose config --images secrets)   # the API server's; `api` would name those it depends on as well
docker volume inspect "${PROJECT}_webui-data" >/dev/null 2>&1 || refuse "no volume ${PROJECT}_webui-data" \
    "a box that was started once" "scripts/bootstrap.sh"

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
say "Saved $(du -h "$FILE" | cut -f1) in $FILE. It holds the secrets: keep it where only you can read it."

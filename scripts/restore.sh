#!/usr/bin/env bash
# Restores a backup of scripts/backup.sh, from this computer or another one. Replaces the present data.
#
#   scripts/restore.sh FILE [--yes]      --yes: without asking
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source-path=SCRIPTDIR
. scripts/lib.sh
check_arguments "--yes" 1 "$@"
umask 077

FILE=''
for argument in "$@"; do
    if [ "$argument" = --yes ]; then UNATTENDED=1; else FILE=$argument; fi
done
[ -n "$FILE" ] || misuse "no FILE"
[ -f "$FILE" ] || refuse "no file $FILE" "a backup" "choose one of those that ls backups/ lists"
gzip -t "$FILE" 2>/dev/null || refuse "a damaged file $FILE" "a complete backup" "use another backup"
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
tar -C "$WORK" -xzf "$FILE"
for name in "${VOLUMES[@]}"; do
    # Backups of older versions have no API keys; the start makes new ones.
    [ -f "$WORK/$name.tar" ] || [ "$name" = api-secrets ] || refuse "no $name in $FILE" "a backup of this stack" "use another backup"
done
ask "Replace all chats, accounts and settings with those in $FILE?" || refuse "no confirmation" "the answer y" \
    "run this again and answer y, or use --yes; nothing was changed"

# Take only the settings that are missing here, and none that describe the machine.
if [ -f "$WORK/.env" ]; then
    while IFS='=' read -r name value; do
        case $name in NPU_* | COMPOSE_FILE | *_MEMORY | '#'* | '') ;; *) keep_env "$name" "$value" ;; esac
    done <"$WORK/.env"
fi
[ ! -f "$WORK/api.env" ] || cp "$WORK/api.env" .

docker compose build --quiet
PROJECT=$(docker compose config --format json | sed -n 's/^  "name": "\(.*\)",\?$/\1/p')
IMAGE=$(docker compose config --images secrets)   # the API server's image; `api` would also name the images it depends on
docker compose down --remove-orphans >/dev/null 2>&1
docker compose create >/dev/null 2>&1       # creates the volumes
for name in "${VOLUMES[@]}"; do
    [ -f "$WORK/$name.tar" ] || continue
    docker run --rm -i --network none --user 0:0 --volume "${PROJECT}_$name:/volume" --entrypoint sh "$IMAGE" \
        -c 'find /volume -mindepth 1 -delete && tar -C /volume -xpf -' <"$WORK/$name.tar"
done
docker compose up -d --wait --wait-timeout 900
say "Restored. The backup lists these models, which are missing here:"
while IFS=$'\t' read -r path _; do [ -e "$MODELS_DIR/$path" ] || say "  $path"; done <"$WORK/models.list"

#!/usr/bin/env bash
# Brings back what scripts/backup.sh saved, on this computer or another. What is there now is replaced.
#
#   scripts/restore.sh FILE [--yes]
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source-path=SCRIPTDIR
. scripts/lib.sh
umask 077

FILE=${1:?usage: scripts/restore.sh FILE [--yes]}
[ -f "$FILE" ] || refuse "no file $FILE" "a backup" "ls backups/"
gzip -t "$FILE" 2>/dev/null || refuse "a damaged file $FILE" "a whole backup" "use another one"
[ "${2:-}" != --yes ] || UNATTENDED=1
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
tar -C "$WORK" -xzf "$FILE"
for name in "${VOLUMES[@]}"; do
    # Backups from before there were keys have none; new ones are made at the start.
    [ -f "$WORK/$name.tar" ] || [ "$name" = api-secrets ] || refuse "no $name in $FILE" "a backup of this box" "use another one"
done
ask "Replace all chats, accounts and settings by those of $FILE?" || refuse "no agreement" "a yes" "nothing was changed"

# The facts of this machine stay this machine's: only settings that are missing here are taken from the backup.
if [ -f "$WORK/.env" ]; then
    while IFS='=' read -r name value; do
        case $name in NPU_* | COMPOSE_FILE | *_MEMORY | '#'* | '') ;; *) keep_env "$name" "$value" ;; esac
    done <"$WORK/.env"
fi
[ ! -f "$WORK/api.env" ] || cp "$WORK/api.env" .

docker compose build --quiet
PROJECT=$(docker compose config --format json | sed -n 's/^  "name": "\(.*\)",\?$/\1/p')
IMAGE=$(docker compose config --images secrets)   # the API server's; `api` would name those it depends on as well
docker compose down --remove-orphans >/dev/null 2>&1
docker compose create >/dev/null 2>&1       # makes the volumes
for name in "${VOLUMES[@]}"; do
    [ -f "$WORK/$name.tar" ] || continue
    docker run --rm -i --network none --user 0:0 --volume "${PROJECT}_$name:/volume" --entrypoint sh "$IMAGE" \
        -c 'find /volume -mindepth 1 -delete && tar -C /volume -xpf -' <"$WORK/$name.tar"
done
docker compose up -d --wait --wait-timeout 900
say "Restored. Models that the backup knew and that are missing here:"
while IFS=$'\t' read -r path _; do [ -e "$MODELS_DIR/$path" ] || say "  $path"; done <"$WORK/models.list"

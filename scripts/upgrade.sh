#!/usr/bin/env bash
# Goes to the versions that the files of this folder name (after git pull), and back when they do not become healthy.
#
#   scripts/upgrade.sh [--no-backup]
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source-path=SCRIPTDIR
. scripts/lib.sh

WAIT=${UPGRADE_WAIT:-900}       # seconds
SERVICES=(api open-webui searxng)

# image_of SERVICE: the id of the image that its container runs, and nothing when it has none
image_of() {
    local container
    container=$(docker compose ps --all --quiet "$1")
    [ -z "$container" ] || docker inspect --format '{{.Image}}' "$container"
}

tag_of() { echo "rkllm-before-upgrade:$1"; }

# Names for what runs now, so that nothing removes it and the way back needs no network.
remember() {
    local service image
    for service in "${SERVICES[@]}"; do
        image=$(image_of "$service")
        [ -n "$image" ] || refuse "no container of $service" "a box that runs" "scripts/bootstrap.sh"
        docker tag "$image" "$(tag_of "$service")"
    done
}

go_back() {
    API_IMAGE=$(tag_of api) OPEN_WEBUI_IMAGE=$(tag_of open-webui) SEARXNG_IMAGE=$(tag_of searxng) \
        docker compose up -d --no-build --pull never --wait --wait-timeout "$WAIT" ||
        refuse "old versions that do not become healthy either" "a working box" "scripts/bootstrap.sh --doctor; scripts/restore.sh"
    refuse "new versions that do not become healthy (their last words are above)" "all healthy within $WAIT s" \
        "nothing: the old versions run again. To come back to the new ones after mending, run this again"
}

remember
[ "${1:-}" = --no-backup ] || scripts/backup.sh
docker compose pull --quiet --policy missing open-webui searxng || refuse "images that could not be fetched" "the new images" \
    "check the network and run this again; the old versions go on running"
docker compose build || refuse "an image that could not be built" "the new API server" "the old version goes on running"
if docker compose up -d --wait --wait-timeout "$WAIT" && docker compose exec -T provision python3 scripts/try_it.py chat; then
    say "Upgraded. The old images stay until: docker image prune"
else
    docker compose logs --tail 15 >&2
    go_back
fi

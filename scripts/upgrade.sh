#!/usr/bin/env bash
# Upgrades to the versions in the files of this folder (after git pull). Returns to the old ones if the new ones fail.
#
#   scripts/upgrade.sh [--no-backup]
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source-path=SCRIPTDIR
. scripts/lib.sh
check_arguments "--no-backup" 0 "$@"

WAIT=${UPGRADE_WAIT:-900}       # seconds
SERVICES=(api open-webui searxng)

# image_of SERVICE: print the id of the image that its container runs, or nothing if there is no container
image_of() {
    local container
    container=$(docker compose ps --all --quiet "$1")
    [ -z "$container" ] || docker inspect --format '{{.Image}}' "$container"
}

tag_of() { echo "rkllm-before-upgrade:$1"; }

# Tag the images that run now, so that nothing removes them and the way back needs no network.
remember() {
    local service image
    for service in "${SERVICES[@]}"; do
        image=$(image_of "$service")
        [ -n "$image" ] || refuse "no container of $service" "a running stack" "run scripts/bootstrap.sh"
        docker tag "$image" "$(tag_of "$service")"
    done
}

go_back() {
    API_IMAGE=$(tag_of api) OPEN_WEBUI_IMAGE=$(tag_of open-webui) SEARXNG_IMAGE=$(tag_of searxng) \
        docker compose up -d --no-build --pull never --wait --wait-timeout "$WAIT" ||
        refuse "old versions that do not become healthy either" "a working stack" \
            "run scripts/bootstrap.sh --doctor, or restore the backup with scripts/restore.sh"
    refuse "new versions that do not become healthy (see their last log lines above)" "all containers healthy within $WAIT s" \
        "nothing now: the old versions run again. After you fix the problem, run this again"
}

remember
[ "${1:-}" = --no-backup ] || scripts/backup.sh
docker compose pull --quiet --policy missing open-webui searxng || refuse "images that could not be fetched" "the new images" \
    "check the network and run this again; the old versions still run"
docker compose build || refuse "an image that could not be built (see above)" "the new API server" \
    "check the network and run this again; the old versions still run"
if docker compose up -d --wait --wait-timeout "$WAIT" && docker compose exec -T provision python3 scripts/try_it.py chat; then
    say "Upgraded. To remove the old images, run: docker image prune"
else
    docker compose logs --tail 15 >&2
    go_back
fi

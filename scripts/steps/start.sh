# shellcheck shell=bash
# Fetches and builds the images, and starts the containers.

WAIT=900                # seconds; the first start of Open WebUI takes minutes on a slow SD card

step_start() {
    if [ -n "$OFFLINE" ]; then
        check_images
        change docker compose up -d --pull never --wait --wait-timeout $WAIT || unhealthy
        return
    fi
    change docker compose pull --quiet --policy missing open-webui searxng || refuse "images that could not be fetched (see above)" \
        "the images of Open WebUI and SearXNG" "check the network and run this again, or load the images from a file (docker load) and use --offline"
    change docker compose build || refuse "an image that could not be built (see above)" "the image of the API server" \
        "check the network and run this again"
    change docker compose up -d --wait --wait-timeout $WAIT || unhealthy
}

check_images() {
    local image
    for image in $(docker compose config --images | sort -u); do
        docker image inspect "$image" >/dev/null 2>&1 || refuse "no image $image" "all images, because of --offline" \
            "run docker save on another computer and docker load here"
    done
}

unhealthy() {
    docker compose ps --all --format 'table {{.Service}}\t{{.Status}}' >&2
    docker compose logs --tail 15 >&2
    refuse "a container that does not become healthy (see the list and the last log lines above)" \
        "all containers healthy within $WAIT s" "fix what the log names and run this again"
}

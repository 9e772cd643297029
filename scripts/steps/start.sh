# shellcheck shell=bash
# Images and containers.

WAIT=900                # seconds; Open WebUI's first start on a slow card takes minutes

step_start() {
    if [ -n "$OFFLINE" ]; then
        check_images
        change docker compose up -d --pull never --wait --wait-timeout $WAIT || unhealthy
        return
    fi
    change docker compose pull --quiet --policy missing open-webui searxng || refuse "images that could not be fetched (see above)" \
        "the images of Open WebUI and SearXNG" "check the network and run this again; or load them from a file (docker load) and use --offline"
    change docker compose build || refuse "an image that could not be built (see above)" "the image of the API server" \
        "check the network and run this again"
    change docker compose up -d --wait --wait-timeout $WAIT || unhealthy
}

check_images() {
    local image
    for image in $(docker compose config --images | sort -u); do
        docker image inspect "$image" >/dev/null 2>&1 || refuse "no image $image" "every image, with --offline" \
            "docker save it on another computer, docker load it here"
    done
}

unhealthy() {
    docker compose ps --all --format 'table {{.Service}}\t{{.Status}}' >&2
    docker compose logs --tail 15 >&2
    refuse "a container that does not become healthy (above: all of them, and their last words)" "all healthy within $WAIT s" \
        "mend what the log names and run this again"
}

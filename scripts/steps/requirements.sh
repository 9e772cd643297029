# shellcheck shell=bash
# Checks Docker, Compose, the free disk space and the port.

DOCKER_MIN=20.10
COMPOSE_MIN=2.24        # the first version that accepts a missing env_file
DISK_MIN_GB=6           # the three unpacked images and one small model

step_requirements() {
    check_docker
    check_compose
    check_disk
    check_port
}

check_docker() {
    command -v docker >/dev/null || refuse "no docker program" "Docker $DOCKER_MIN or newer" \
        "install it: https://docs.docker.com/engine/install"
    local found
    found=$(docker version --format '{{.Server.Version}}' 2>&1) || refuse "a Docker daemon that does not answer: $found" \
        "one that answers this user" "start it (sudo systemctl start docker), join its group (sudo usermod -aG docker $(id -un)), then log in again"
    at_least "$found" "$DOCKER_MIN" || refuse "Docker $found" "$DOCKER_MIN or newer" "upgrade it: https://docs.docker.com/engine/install"
}

check_compose() {
    local found
    found=$(docker compose version --short 2>/dev/null) || refuse "no 'docker compose'" "Compose $COMPOSE_MIN or newer" \
        "install the plugin: apt-get install docker-compose-plugin"
    at_least "${found#v}" "$COMPOSE_MIN" || refuse "Compose $found" "$COMPOSE_MIN or newer" \
        "upgrade the plugin: apt-get install docker-compose-plugin"
}

check_disk() {
    local place free_kb
    place=$(docker info --format '{{.DockerRootDir}}')
    [ -d "$place" ] || place=.      # not visible for this user, or in a virtual machine
    free_kb=$(df -Pk "$place" | awk 'NR == 2 {print $4}')
    [ "$free_kb" -ge $((DISK_MIN_GB * 1024 * 1024)) ] || [ -n "$(docker compose ps -q 2>/dev/null)" ] ||
        refuse "$((free_kb / 1024 / 1024)) GB free in $place" "$DISK_MIN_GB GB" \
            "free disk space (docker system prune), or move Docker's data to a larger disk (data-root in /etc/docker/daemon.json)"
}

check_port() {
    local port
    port=$(from_env WEBUI_PORT)
    port=${port:-3000}
    [ -z "$(docker compose ps -q open-webui 2>/dev/null)" ] || return 0
    ! { exec 3<>"/dev/tcp/127.0.0.1/$port"; } 2>/dev/null ||
        refuse "another program on port $port" "a free port for the web page" "stop that program, or write another port into $ENV_FILE: WEBUI_PORT=3001"
}

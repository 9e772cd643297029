# shellcheck shell=bash
# Writes memory limits that fit this machine. They are limits, not reservations: unused memory stays free.

MEMORY_MIN_MB=3500      # Open WebUI, SearXNG and a model of 0.6 billion parameters

step_memory() {
    local total
    total=$(awk '/^MemTotal:/ {print int($2 / 1024)}' "$ROOT/proc/meminfo")
    [ "$total" -ge $MEMORY_MIN_MB ] || refuse "$total MB of memory" "$MEMORY_MIN_MB MB" \
        "use a board with 4 GB or more, or run the API server alone (docs/install.md)"
    # The API server gets what the other containers and the system leave.
    if [ "$total" -lt 6000 ]; then
        limits 2g 768m 256m
    elif [ "$total" -lt 12000 ]; then
        limits 5g 1g 512m
    else
        limits "$((total * 3 / 4096))g" 2g 512m
    fi
}

limits() {
    keep_env API_MEMORY "$1"
    keep_env OPEN_WEBUI_MEMORY "$2"
    keep_env SEARXNG_MEMORY "$3"
}

#!/usr/bin/env bash
# Sets up the stack and starts it. Checks everything before it changes anything. You can run it again at any time: it
# continues where it stopped and does not change what is already right.
#
#   scripts/bootstrap.sh [OPTION...]
#     --dry-run            show what the script would do, change nothing
#     --unattended         ask no questions; accept the licence of Rockchip's runtime library
#     --offline            download nothing; the images and the runtime library must be there
#     --cpu                do not use the NPU, even if there is one
#     --runtime FILE       take Rockchip's runtime library from FILE instead of its public release
#     --runtime-version V  the release of that library (default 1.2.3; also 1.3.0, 1.2.2)
#     --publish-api        let other programs of this computer use the API; for the network, set API_BIND_ADDRESS in .env
#     --doctor             only check everything, and show what is wrong
#     --uninstall          stop and remove the containers; keep chats and models
#     --uninstall --purge  also remove chats, accounts, secrets and the downloaded runtime library; keep models
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source-path=SCRIPTDIR
. scripts/lib.sh

STEPS=(requirements memory board runtime settings models start verify)
CHECKS=(requirements memory board)

parse() {
    while [ $# -gt 0 ]; do
        case $1 in
            --dry-run) DRY_RUN=1 ;;
            --unattended) UNATTENDED=1 ;;
            --offline) OFFLINE=1 ;;
            --cpu) WANT_CPU=1 ;;
            --runtime) RUNTIME_FILE=${2:-}; [ -n "$RUNTIME_FILE" ] || misuse "--runtime without a file"; shift ;;
            --runtime-version) RUNTIME_VERSION=${2:-}; [ -n "$RUNTIME_VERSION" ] || misuse "--runtime-version without a version"; shift ;;
            --publish-api) PUBLISH_API=1 ;;
            --doctor) ACTION=doctor ;;
            --uninstall) ACTION=uninstall ;;
            --purge) PURGE=1 ;;
            -h | --help) usage; exit 0 ;;
            *) misuse "the argument $1" ;;
        esac
        shift
    done
}

load() {
    local name
    for name in "$@"; do
        # shellcheck source=/dev/null
        . "scripts/steps/$name.sh"
    done
}

setup() {
    local name
    load "${STEPS[@]}"
    for name in "${STEPS[@]}"; do "step_$name"; done
}

# Run every check in its own shell, so that one failure does not hide the next.
doctor() {
    local failed=0 name
    load "${CHECKS[@]}" doctor
    READ_ONLY=1     # the checks also compute settings; do not write them here
    for name in "${CHECKS[@]}" doctor; do ("step_$name") || failed=1; done
    [ "$failed" = 0 ] && say "All checks passed."
    return "$failed"
}

uninstall() {
    local volumes=()
    [ -z "$PURGE" ] || volumes=(--volumes)
    change docker compose --profile '*' down --remove-orphans "${volumes[@]}"
    [ -z "$PURGE" ] || change rm -rf "$RUNTIME_DIR" "$ENV_FILE"
    say "Removed. The models in ${MODELS_DIR} stay$([ -n "$PURGE" ] || echo ', and chats and accounts too (--purge removes them)')."
}

parse "$@"
"${ACTION:-setup}"

#!/usr/bin/env bash
# Sets up the box and starts it. Checks first, then changes; run it again at any time: it goes on where it stopped, and
# changes nothing that is as it should be.
#
#   scripts/bootstrap.sh [OPTION...]
#     --dry-run            say what would be done, change nothing
#     --unattended         ask nothing; agrees to the licence of Rockchip's runtime library
#     --offline            fetch nothing; images and the runtime library must be there
#     --cpu                do not use the NPU, even where there is one
#     --runtime FILE       take Rockchip's runtime library from FILE instead of its public release
#     --runtime-version V  which release (default 1.2.3; also 1.3.0, 1.2.2)
#     --publish-api        let other programs of this computer reach the API (API_BIND_ADDRESS in .env: of the network)
#     --doctor             only check, everything, and say what is wrong
#     --uninstall          stop and remove the containers; chats and models stay
#     --uninstall --purge  remove chats, accounts, secrets and the fetched runtime library too; models stay
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source-path=SCRIPTDIR
. scripts/lib.sh

STEPS=(requirements memory board runtime settings models start verify)
CHECKS=(requirements memory board)

usage() { sed -n '5,/^set /{/^#/s/^# \{0,1\}//p}' scripts/bootstrap.sh; }

parse() {
    while [ $# -gt 0 ]; do
        case $1 in
            --dry-run) DRY_RUN=1 ;;
            --unattended) UNATTENDED=1 ;;
            --offline) OFFLINE=1 ;;
            --cpu) WANT_CPU=1 ;;
            --runtime) RUNTIME_FILE=${2:?--runtime needs a file}; shift ;;
            --runtime-version) RUNTIME_VERSION=${2:?--runtime-version needs a version}; shift ;;
            --publish-api) PUBLISH_API=1 ;;
            --doctor) ACTION=doctor ;;
            --uninstall) ACTION=uninstall ;;
            --purge) PURGE=1 ;;
            -h | --help) usage; exit 0 ;;
            *) usage >&2; refuse "the option $1" "one of the above" "leave it out" ;;
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

# Every check runs, in a shell of its own, so that one failure does not hide the next.
doctor() {
    local failed=0 name
    load "${CHECKS[@]}" doctor
    READ_ONLY=1     # the checks work out settings; here those stay what they are
    for name in "${CHECKS[@]}" doctor; do ("step_$name") || failed=1; done
    [ "$failed" = 0 ] && say "Nothing is wrong."
    return "$failed"
}

uninstall() {
    local volumes=()
    [ -z "$PURGE" ] || volumes=(--volumes)
    change docker compose --profile '*' down --remove-orphans "${volumes[@]}"
    [ -z "$PURGE" ] || change rm -rf "$RUNTIME_DIR" "$ENV_FILE"
    say "Removed. Models in ${MODELS_DIR} stay$([ -n "$PURGE" ] || echo ', and so do chats and accounts (--purge removes them)')."
}

parse "$@"
"${ACTION:-setup}"

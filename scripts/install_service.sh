#!/usr/bin/env bash
# Installs the API server as a systemd service, for computers without Docker. Run `make setup` first, then run this as root.
# Run it again after you move this folder.
#
#   sudo scripts/install_service.sh [--uninstall]
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source-path=SCRIPTDIR
. scripts/lib.sh
check_arguments "--uninstall" 0 "$@"

ROOT_DIR=${INSTALL_ROOT:-}      # the tests install into a folder
UNIT=$ROOT_DIR/etc/systemd/system/rkllm-api.service

systemctl_() { [ -n "$ROOT_DIR" ] || systemctl "$@"; }

uninstall() {
    systemctl_ disable --now rkllm-api || true
    rm -f "$UNIT"
    systemctl_ daemon-reload
    say "Removed the service. The settings in /etc/rkllm and the models in /var/lib/rkllm stay."
}

# Print the groups of the NPU's device nodes that exist on this machine.
groups() {
    local found=() name
    for name in render video; do ! getent group "$name" >/dev/null || found+=("$name"); done
    echo "${found[*]}"
}

install_unit() {
    [ -x .venv/bin/python ] || refuse "no .venv in $PWD" "the server's packages" "run make setup"
    [ -n "$ROOT_DIR" ] || id rkllm >/dev/null 2>&1 ||
        useradd --system --home-dir /var/lib/rkllm --shell /usr/sbin/nologin rkllm
    mkdir -p "$(dirname "$UNIT")" "$ROOT_DIR/etc/rkllm" "$ROOT_DIR/var/lib/rkllm/models"
    sed -e "s|@FOLDER@|$PWD|g" -e "s|@GROUPS@|$(groups)|" scripts/rkllm-api.service >"$UNIT"
    systemctl_ daemon-reload
    systemctl_ enable --now rkllm-api
    say "Installed. Settings: /etc/rkllm/api.env. Models: /var/lib/rkllm/models. Log: journalctl -u rkllm-api -f"
}

[ -n "$ROOT_DIR" ] || [ "$(id -u)" = 0 ] || refuse "user $(id -un)" "root" "sudo scripts/install_service.sh"
if [ "${1:-}" = --uninstall ]; then uninstall; else install_unit; fi

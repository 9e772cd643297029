#!/usr/bin/env bash
# `make test-webui`: Open WebUI installed where it is not yet, and its tests.
#
#   tests/webui/run.sh [ARGUMENT...]      the arguments go to pytest
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/lib.sh
. tests/pytest.sh
help_if_first "$@"
check_pytest_arguments tests/webui "$@"

[ -n "${OPEN_WEBUI_VENV:-}" ] || tests/webui/install.sh || { [ $? -eq 3 ] && echo "test-webui: skipped" && exit 0; }
.venv/bin/python -m pytest tests/webui -m webui "$@"

#!/usr/bin/env bash
# `make test-appliance`: an engine, the tests, and nothing of it left running.
#
#   tests/stack/run.sh [ARGUMENT...]      the arguments go to pytest
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/lib.sh
. tests/pytest.sh
help_if_first "$@"
check_pytest_arguments tests/stack "$@"

trap 'tests/stack/daemon.sh stop' EXIT
tests/stack/daemon.sh || { [ $? -eq 3 ] && echo "test-appliance: skipped" && exit 0; }
. tests/stack/docker.env
.venv/bin/python -m pytest tests/stack -m stack "$@"

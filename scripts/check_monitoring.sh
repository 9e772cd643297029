#!/usr/bin/env bash
# Checks the monitoring folder: Prometheus' configuration, its rules, their tests, and the metric names of the API.
#
#   scripts/check_monitoring.sh       with the packages of .venv, or of PYTHON=/path/of/python
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source-path=SCRIPTDIR
. scripts/lib.sh
check_arguments "" 0 "$@"

PYTHON="${PYTHON:-.venv/bin/python}"

command -v promtool >/dev/null || refuse "no promtool" "it, from Debian's or Ubuntu's package prometheus" \
    "apt-get install --no-install-recommends prometheus"

promtool check config monitoring/prometheus.yml
promtool test rules monitoring/tests/*.yml
"$PYTHON" -m scripts.print_metrics | promtool check metrics
echo "Monitoring: the configuration, the rules, their tests and the metric names are correct."

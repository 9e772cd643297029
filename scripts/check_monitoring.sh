#!/usr/bin/env bash
# Checks the monitoring folder: Prometheus' configuration, its rules, their tests, and the metric names of the API.
set -euo pipefail
cd "$(dirname "$0")/.."

PYTHON="${PYTHON:-.venv/bin/python}"

if ! command -v promtool > /dev/null; then
    echo "error: promtool is not installed. Install Debian's or Ubuntu's package prometheus: apt-get install --no-install-recommends prometheus" >&2
    exit 1
fi

promtool check config monitoring/prometheus.yml
promtool test rules monitoring/tests/*.yml
"$PYTHON" -m scripts.print_metrics | promtool check metrics
echo "Monitoring: the configuration, the rules, their tests and the metric names are correct."

#!/usr/bin/env bash
# Keys for the API, for other programs than Open WebUI. No restart is needed. A key is printed once, when it is made.
#
#   scripts/keys.sh create NAME [--admin] [--background] [--max-waiting N] [--stdin] | list | revoke NAME
set -euo pipefail
cd "$(dirname "$0")/.."

exec docker compose run --rm --no-deps -T --entrypoint python3 secrets \
    -m services.keys --file /secrets/api/keys.yaml "${@:-list}"

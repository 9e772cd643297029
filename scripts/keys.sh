#!/usr/bin/env bash
# Creates, lists and revokes keys for programs that use the API. No restart is needed. It prints a new key once.
#
#   scripts/keys.sh create NAME [--admin] [--background] [--max-waiting N] [--stdin] | list | revoke NAME
#   scripts/keys.sh create --help        what each option means; needs the box
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source-path=SCRIPTDIR
. scripts/lib.sh
help_if_first "$@"

exec docker compose run --rm --no-deps -T --entrypoint python3 secrets \
    -m services.keys --file /secrets/api/keys.yaml "${@:-list}"

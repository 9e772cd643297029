# shellcheck shell=bash
# What the scripts that run pytest share. Sourced, never run.

# check_pytest_arguments FOLDER ARGUMENT...: exit code 2 when pytest does not take them, before anything is installed or
# started for the tests
check_pytest_arguments() {
    local code=0 said
    said=$(.venv/bin/python -m pytest --collect-only -q "$@" 2>&1 >/dev/null) || code=$?
    [ $code -ne 4 ] || { printf '%s\n' "$said" >&2; exit 2; }     # 4 is pytest's code for wrong arguments
}

#!/usr/bin/env bash
# A docker program for the bootstrap's tests: writes down its calls, and fails where FAKE_* says so.
echo "docker $*" >>"$FAKE_LOG"
case "$*" in
    "version --format"*)
        [ -z "${FAKE_NO_DAEMON:-}" ] || { echo "permission denied while trying to connect" >&2; exit 1; }
        echo "${FAKE_DOCKER_VERSION:-28.5.2}" ;;
    "compose version --short") echo "${FAKE_COMPOSE_VERSION:-5.6.1}" ;;
    "info --format"*) echo "$PWD" ;;
    "compose ps -q"*) ;;
    "compose ps --all -q") echo "${FAKE_STATE:-}" ;;
    "compose ps --all --format {{"*) echo "$FAKE_STATE" ;;
    "compose config --images") printf '%s\n' one:1 two:1 ;;
    "image inspect two:1") exit "${FAKE_MISSING_IMAGE:-0}" ;;
    "compose pull"*) exit "${FAKE_PULL:-0}" ;;
    "compose up"*) exit "${FAKE_UP:-0}" ;;
    *try_it.py\ chat) echo "chat: works"; exit "${FAKE_CHAT:-0}" ;;
    *try_it.py\ search) echo "search: works"; exit "${FAKE_SEARCH:-0}" ;;
esac

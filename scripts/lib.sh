# shellcheck shell=bash
# Functions and settings that all scripts share. Source this file, do not run it.

ROOT=${APPLIANCE_ROOT:-}        # prefix of /sys, /proc and /dev; the tests put a simulated machine there
ENV_FILE=.env
DRY_RUN='' UNATTENDED='' OFFLINE='' WANT_CPU='' RUNTIME_FILE='' PUBLISH_API='' PURGE='' ACTION='' READ_ONLY=''
RUNTIME_VERSION=${RUNTIME_VERSION:-1.2.3}

say() { printf '%s\n' "$*"; }
note() { printf 'note: %s\n' "$*" >&2; }

# refuse FOUND NEEDED REMEDY: print what was found, what is needed and what to do; exit 1
refuse() {
    printf 'error: found   %s\n       needed  %s\n       do this %s\n' "$1" "$2" "$3" >&2
    exit 1
}

# usage: the comment at the top of the script that runs; it was started in OLDPWD and changed to the project's folder
usage() {
    local script=$0
    [[ $script == /* ]] || script=$OLDPWD/$script
    sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$script"
}

# help_if_first ARGUMENT...: prints the usage for --help; for scripts whose arguments go to another program
help_if_first() {
    case ${1:-} in -h | --help) usage; exit 0 ;; esac
}

# misuse FOUND: an argument that the script does not take, or lacks; exit code 2
misuse() {
    printf 'error: found   %s\n       needed  what is described below\n       do this correct the command and run it again\n\n' "$1" >&2
    usage >&2
    exit 2
}

# check_arguments "OPTION..." COUNT ARGUMENT...: prints the usage for --help, refuses each option that is not in the list
# and each other argument after the first COUNT
check_arguments() {
    local options=" $1 " left=$2 argument
    shift 2
    for argument in "$@"; do
        case $argument in
            -h | --help) usage; exit 0 ;;
            -*) [[ $options == *" $argument "* ]] || misuse "the option $argument" ;;
            *) [ $((left--)) -gt 0 ] || misuse "the argument $argument" ;;
        esac
    done
}

# change COMMAND...: run a command that changes something; with --dry-run only print it
change() {
    if [ -n "$DRY_RUN" ]; then say "would run: $*"; else "$@"; fi
}

# from_env NAME: print the value of NAME in .env; the last one wins, as in Compose
from_env() {
    [ -f "$ENV_FILE" ] || return 0
    sed -n "s/^$1=//p" "$ENV_FILE" | tail -n 1
}

# put_env NAME VALUE: write a fact of this machine to .env; replaces an old value
put_env() {
    [ -z "$READ_ONLY" ] && [ "$(from_env "$1")" != "$2" ] || return 0
    say "$ENV_FILE: $1=$2"
    [ -z "$DRY_RUN" ] || return 0
    local part=$ENV_FILE.part
    { [ ! -f "$ENV_FILE" ] || grep -v "^$1=" "$ENV_FILE" || true; printf '%s=%s\n' "$1" "$2"; } >"$part"
    mv "$part" "$ENV_FILE"
}

# keep_env NAME VALUE: write a choice to .env, unless the owner wrote one
keep_env() { [ -n "$(from_env "$1")" ] || put_env "$1" "$2"; }

# at_least HAVE WANT: is version HAVE equal to WANT or newer?
at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

ask() {
    [ -z "$UNATTENDED$DRY_RUN" ] || return 0
    local answer
    read -r -p "$1 [y/N] " answer </dev/tty || return 1
    [[ $answer == [yY]* ]]
}

RUNTIME_DIR=$(from_env RUNTIME_DIR)
RUNTIME_DIR=${RUNTIME_DIR:-./runtime}
MODELS_DIR=$(from_env MODELS_DIR)
MODELS_DIR=${MODELS_DIR:-./models}

# The volumes in a backup.
VOLUMES=(webui-data webui-secrets searxng-secrets grafana-secrets api-secrets provision-state)

#!/usr/bin/env bash
# Checks the subjects of commits: "area: verb ...", in the imperative mood, at most 72 characters.
#
#   scripts/check_commits.sh RANGE               such as origin/main..HEAD; merges are left out
#   scripts/check_commits.sh --message FILE      a message that is not committed yet (for git's commit-msg hook)
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source-path=SCRIPTDIR
. scripts/lib.sh
check_arguments "--message" 1 "$@"

LONGEST=72      # characters; longer ones are cut by git log and by web pages
SHAPE='^[a-z0-9][a-z0-9 ,/._-]*: ([a-z]+)( |$)'     # the word after the area begins in lower case
NO_VERB='^(a|an|the|no|not|what|when|where|which|who|how|it|its|all|each|every|some)$|(ed|ing)$'
VERBS='^(embed|exceed|feed|need|proceed|seed|shed|speed|bring|ring|string)$'

# problem SUBJECT: what is wrong with it, and nothing when it is right
problem() {
    local word
    if [ ${#1} -gt $LONGEST ]; then
        echo "${#1} characters"
    elif [[ ! $1 =~ $SHAPE ]]; then
        echo "no 'area: verb'"
    else
        word=${BASH_REMATCH[1]}
        [[ ! $word =~ $NO_VERB || $word =~ $VERBS ]] || echo "'$word' is no verb in the imperative mood"
    fi
}

if [ "${1:-}" = --message ]; then
    [ -f "${2:-}" ] || misuse "no file '${2:-}'"
    subjects=$(sed -n '/^#/d;/./{p;q}' "$2")
else
    [ $# = 1 ] || misuse "no RANGE"
    subjects=$(git log --no-merges --format=%s "$1")
fi
[ -n "$subjects" ] || exit 0
wrong=0
while IFS= read -r subject; do
    found=$(problem "$subject")
    [ -z "$found" ] || { say "$found: $subject" >&2; wrong=1; }
done <<<"$subjects"
[ $wrong = 0 ] || refuse "the subjects above" "'area: verb ...', at most $LONGEST characters (tools: parse Qwen3-Coder calls)" \
    "git rebase -i, and reword them (CONTRIBUTING.md)"

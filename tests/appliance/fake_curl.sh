#!/usr/bin/env bash
# A curl for the bootstrap's tests: appends FAKE_BODY to the file of --output, as a resumed download does.
echo "curl $*" >>"$FAKE_LOG"
while [ $# -gt 0 ]; do [ "$1" = --output ] && output=$2; shift; done
printf '%s' "${FAKE_BODY:-}" >>"$output"
exit "${FAKE_CURL:-0}"

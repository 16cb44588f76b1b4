#!/bin/bash
# test.sh TOOL [ARGUMENT...]
#
# Runs the tests, or those that the arguments choose (`--filter NAME`), on the tool as it is shipped. Repeats the failures
# after everything else, at the end of the long log.
set -euo pipefail
cd "$(dirname "$0")/.."
log=.build/test.log
tool=$(realpath "$1")
shift
# What the library is used for, as a package of its own: the tests run its programs.
"${SWIFT:-swift}" build --package-path Examples
status=0
SIFTOOL=$tool "${SWIFT:-swift}" test "$@" 2>&1 | tee "$log" || status=$?
if [ "$status" -ne 0 ]; then
  printf '\nFailures (full log: %s):\n' "$log"
  # Lines are cut, because an expectation may hold a whole image.
  grep -aE -A 4 'Test .* recorded an issue|Fatal error|^error: ' "$log" | cut -c1-240 | sed -n 1,24p || true
fi
exit "$status"

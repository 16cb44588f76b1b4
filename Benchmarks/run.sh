#!/bin/bash
# run.sh SIFTOOL [SECTION...]   ratios against the peers, side by side in one run; fails when one is over its limit
set -uo pipefail
built=$1
shift
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# As installed: a file that a linker has just written lies in memory in smaller pieces, and starts more slowly.
siftool=$work/siftool
install -m 755 "$built" "$siftool"
status=0
# ratio RUNS LIMIT NAME OURS THEIRS
ratio() { "$here/ratio.py" "$@" || status=1; }
# peak MEBIBYTES NAME COMMAND...   a line with the most memory that a command holds
peak() {
  local limit=$1 name=$2
  shift 2
  command time -f %M -o peak "$@" > /dev/null
  awk -v name="$name" -v limit="$limit" '{ r = $1 / 1024 / limit
    printf "| %s | %.1f MiB | | %.2f | 1.00 | %s |\n", name, $1 / 1024, r, r <= 1 ? "ok" : "OVER"
    exit r > 1 }' peak || status=1
}
export siftool here work
sections=("$@")
[ ${#sections[@]} -gt 0 ] || for file in "$here"/sections/*.sh; do sections+=("$(basename "$file" .sh)"); done

echo "$(nproc) x $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(uname -sr)"
for section in "${sections[@]}"; do
  printf '\n| %s | ours | theirs | ratio | limit | |\n|---|---|---|---|---|---|\n' "$section"
  mkdir -p "$work/$section"
  cd "$work/$section" || exit 1
  # shellcheck source=/dev/null
  . "$here/sections/$section.sh"
  rm -rf "${work:?}/$section"
done
exit $status

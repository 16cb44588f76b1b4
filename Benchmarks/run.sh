#!/bin/bash
# run.sh SIFTOOL [SECTION...]   prints ratios against the peers, measured alternately in one run; fails when one is over its
# limit, and stops at the first step that fails
set -Eeuo pipefail
trap 'echo "run.sh: stopped, because this failed: $BASH_COMMAND" >&2' ERR
built=$(realpath "$1")
shift
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
memory=
# Unmount first; otherwise the files in the mounts would be removed as well.
cleanup() {
  for place in "$work" ${memory:+"$memory"}; do
    awk -v "place=$place/" 'index($2 "/", place) == 1 { print $2 }' /proc/mounts | sort -r | xargs -r umount -l
    rm -rf --one-file-system "${place:?}"
  done
}
trap cleanup EXIT
trap 'exit 1' INT TERM HUP

# Sections work in memory when a disk would dominate the times: in /dev/shm if it has 6 GiB of room, or in a tmpfs of ours.
if [ -w /dev/shm ] && [ "$(df --output=avail -B1G /dev/shm | tail -n 1)" -ge 6 ]; then
  memory=$(mktemp -d /dev/shm/bench-XXXXXX)
else
  mkdir "$work/memory"
  mount -t tmpfs -o size=6g bench "$work/memory" ||
    { echo "run.sh: /dev/shm has less than 6 GiB of writable room, and a tmpfs cannot be mounted" >&2; exit 1; }
  memory=$work/memory
fi

# Measure the tool as installed: a file that a linker has just written lies in memory in smaller pieces, and starts more
# slowly.
siftool=$work/siftool
install -m 755 "$built" "$siftool"
status=0
# ratio RUNS LIMIT NAME OURS THEIRS
ratio() {
  local result=0
  "$here/ratio.py" "$@" || result=$?
  case $result in 0) ;; 1) status=1 ;; *) exit 1 ;; esac
}
# peak MEBIBYTES NAME COMMAND...   prints a line with the peak memory of a command
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
  # The section's working directory on the disk, and its room in memory.
  room=$memory/$section
  mkdir "$work/$section" "$room"
  cd "$work/$section"
  # shellcheck source=/dev/null
  . "$here/sections/$section.sh"
  cd "$work"
  rm -rf --one-file-system "${work:?}/$section" "${room:?}"
done
exit $status

#!/bin/bash
# check-gpu.sh SIFTOOL [PROGRAM]
#
# Shows that programs in containers use the NVIDIA GPU of this machine. It makes an image of a shell, nvidia-smi's
# libraries and a program that computes through the driver (gpu/driver.c, compiled here unless PROGRAM is it already), and
# runs both in containers of every kind. It prints what it saw, and fails when one of them sees something else than the host.
set -euo pipefail
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd)
siftool=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
[ -e /dev/nvidiactl ] || { echo "check-gpu.sh: this machine has no /dev/nvidiactl" >&2; exit 1; }

mkdir -p "$work/tree/bin" "$work/tree/tmp" "$work/home"
if [ -n "${2:-}" ]; then cp "$2" "$work/tree/bin/driver"; else cc -O1 -o "$work/tree/bin/driver" "$here/gpu/driver.c" -ldl; fi
cp "$(command -v bash)" "$work/tree/bin/sh"
cp "$(command -v ls)" "$work/tree/bin/ls"
# The loader and the C library alone: everything of the driver has to come from --nv.
for file in "$work"/tree/bin/*; do ldd "$file"; done | sed -n 's,.* \(/[^ ]*\) (.*,\1,p; s,^[[:space:]]*\(/[^ ]*\) (.*,\1,p' | sort -u |
  while read -r library; do mkdir -p "$work/tree${library%/*}"; cp -L "$library" "$work/tree$library"; done
for name in libm.so.6 libdl.so.2 libpthread.so.0 librt.so.1 libc.so.6; do
  library=$(ldconfig -p | sed -n "s,.*$name (.*x86-64.*) => ,,p" | head -n 1)
  [ -z "$library" ] || { mkdir -p "$work/tree${library%/*}"; cp -L "$library" "$work/tree$library"; }
done
"$siftool" pack "$work/tree" "$work/gpu.sif" --quiet
echo "host: $(nvidia-smi -L)"
want=$(nvidia-smi -L)
status=0
# see NAME COMMAND...   runs both programs by a command
see() {
  local name=$1 got
  shift
  got=$("$@" nvidia-smi -L 2> "$work/errors") || got="$got $(cat "$work/errors")"
  if [ "$got" = "$want" ]; then echo "$name: nvidia-smi as on the host"; else echo "$name: nvidia-smi: $got"; status=1; fi
  got=$("$@" driver 2>&1) || { status=1; got="FAILED $got"; }
  echo "$name: ${got//$'\n'/; }"
}
for options in "" "--contain" "--containall" "--pid --ipc" "--writable-tmpfs" "--userns" "--userns --contain" "--fakeroot --contain"; do
  # The options are separate words.
  # shellcheck disable=SC2086
  see "exec --nv $options" "$siftool" exec --nv $options "$work/gpu.sif"
done
if got=$("$siftool" exec --contain "$work/gpu.sif" driver 2>&1); then
  echo "without --nv: it works, which is wrong"
  status=1
else
  echo "without --nv: $got"
fi
"$siftool" exec --nv --contain "$work/gpu.sif" ls /dev /.singularity.d/libs
time "$siftool" exec --nv "$work/gpu.sif" sh -c :
time "$siftool" exec "$work/gpu.sif" sh -c :
exit $status

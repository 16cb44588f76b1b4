#!/bin/bash
# order-startup.sh SIFTOOL   writes Scripts/startup-order.txt: the functions that short commands enter, in the order in
# which they first enter them. The linker puts these functions side by side, so that a start reads few pages. An outdated
# order only costs time.
set -euo pipefail
siftool=$(realpath "$1")
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export XDG_CONFIG_HOME=$work/none
gcc -O2 -o "$work/trace" "$here/trace-functions.c"
readelf -sW "$siftool" | awk '$4 == "FUNC" && $7 != "UND" { print $2, $8 }' > "$work/functions"
mkdir "$work/tree"
cp -r /usr/share/zoneinfo "$work/tree"
keys=$here/../testdata/keys
"$siftool" pack "$work/tree" "$work/zstd.sif" --arch amd64 --quiet
"$siftool" pack "$work/tree" "$work/gzip.sif" --compression gzip --arch amd64 --quiet
cp "$work/zstd.sif" "$work/ed25519.sif"
cp "$work/zstd.sif" "$work/rsa.sif"
"$siftool" sign --key "$keys/ed25519.sec.asc" "$work/ed25519.sif" > "$work/log"
"$siftool" sign --key "$keys/rsa2048.sec.asc" "$work/rsa.sif" > "$work/log"
trace() { "$work/trace" "$siftool" "$@" < "$work/functions"; }
{
  trace cat "$work/gzip.sif" zoneinfo/Europe/Paris
  trace cat "$work/zstd.sif" zoneinfo/Europe/Paris
  trace list "$work/zstd.sif"
  trace header "$work/zstd.sif"
  trace verify --key "$keys/rsa2048.pub.asc" "$work/rsa.sif"
  trace verify --key "$keys/ed25519.pub.asc" "$work/ed25519.sif"
  trace ls -R "$work/zstd.sif"
  trace inspect "$work/zstd.sif" --json
} | awk '!seen[$0]++' > "$work/order"
mv "$work/order" "$here/startup-order.txt"
wc -l < "$here/startup-order.txt"

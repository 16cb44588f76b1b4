#!/bin/bash
# demo.sh SIFTOOL   the main job on real input: a root file system becomes an image, and the image is inspected
set -euo pipefail
siftool=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
show() { printf '\n$ siftool %s\n' "$*"; "$siftool" "$@"; }

# A real root file system: this machine's busybox or its essential packages' files.
mkdir -p rootfs/bin rootfs/etc rootfs/usr/share
tar -C / -c bin/bash usr/bin/bash usr/bin/env usr/bin/ls etc/os-release usr/lib/os-release usr/share/doc 2> /dev/null \
  | tar -C rootfs -x || true
mksquashfs rootfs rootfs.squashfs -quiet -no-progress -all-root -noappend > /dev/null
printf 'Bootstrap: scratch\n\n%%runscript\n    exec /bin/bash "$@"\n' > recipe.def
printf '{"org.opencontainers.image.title":"demo","org.opencontainers.image.version":"1"}' > labels.json

show new --launch '#!/usr/bin/env run-singularity' demo.sif
show add demo.sif recipe.def --datatype definition-file --groupid 1
show add demo.sif labels.json --datatype labels --groupid 1
show add demo.sif rootfs.squashfs --datatype partition --parttype primary-system --partfs squashfs --partarch amd64 --groupid 1
show list demo.sif
show inspect demo.sif
show check demo.sif
printf '\nThe first megabyte of it, as a broken download leaves it:\n'
head -c 1000000 demo.sif > broken.sif
show check broken.sif || printf '(exit code %s)\n' $?

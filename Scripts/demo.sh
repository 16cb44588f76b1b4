#!/bin/bash
# demo.sh SIFTOOL   shows the main commands on real input: packs a root file system into an image, then inspects, signs,
# verifies, reads, encrypts, maps and damages the image
set -euo pipefail
siftool=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
show() { printf '\n$ siftool %s\n' "$*"; "$siftool" "$@"; }

# A real root file system: a shell, some tools, the libraries that they load, and documents.
programs="/bin/bash /usr/bin/env /bin/ls /bin/cat"
mkdir -p rootfs/etc
{
  echo "$programs" | tr ' ' '\n'
  ldd $programs | grep -o '/[^ ]*' | tr -d :
  echo /etc/os-release
  echo /usr/share/doc
} | sort -u > names
# Documents have links to what is not installed; tar then ends with 1, and everything else is in the archive.
{ tar -C / -ch --ignore-failed-read -T names 2> /dev/null || [ $? = 1 ]; } | tar -C rootfs -x
printf 'Bootstrap: scratch\n\n%%runscript\n    exec /bin/bash "$@"\n' > recipe.def
printf '{"org.opencontainers.image.title":"demo","org.opencontainers.image.version":"1"}' > labels.json

show pack rootfs demo.sif --deffile recipe.def --labels labels.json
show list demo.sif
show inspect demo.sif
openssl genpkey -algorithm ed25519 -out key.pem 2> /dev/null
openssl pkey -in key.pem -pubout -out public.pem
show sign demo.sif --key key.pem
show verify demo.sif --key public.pem
show ls -l demo.sif /etc
show cat demo.sif /etc/os-release | head -n 4
printf 'secret' > phrase
show encrypt demo.sif secret.sif --passphrase-file phrase
show ls -l secret.sif /etc --passphrase-file phrase
show map demo.sif
show check demo.sif
printf '\nThe first megabyte of the image, as after a broken download:\n'
head -c 1000000 demo.sif > broken.sif
show check broken.sif || printf '(exit code %s)\n' $?

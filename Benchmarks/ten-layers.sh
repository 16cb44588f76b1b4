#!/bin/bash
# ten-layers.sh   makes the layout `layout` with the image `big`: ten layers, about 700 MB in all, by umoci of the files of /usr
set -euo pipefail
umoci init --layout layout
umoci new --image layout:big
find /usr -xdev -type f -size -16M -printf '%s %p\n' | LC_ALL=C sort -k 2 |
  awk '{ sum += $1; part = int(sum / 72000000); if (part > 9) next; sub(/^[0-9]+ /, ""); print > "files." part }'
for part in 0 1 2 3 4 5 6 7 8 9; do
  # Each layer after the first also replaces some files of the one before it.
  [ "$part" = 0 ] || head -n 50 "files.$((part - 1))" >> "files.$part"
  tar -C / -cf layer --no-recursion -T <(sed 's,^/,,' "files.$part") 2> tar.log
  umoci raw add-layer --image layout:big layer > add.log
done
rm layer

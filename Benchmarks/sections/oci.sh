# An image of ten layers, about 700 MB in all, made by umoci of the files of /usr: a SIF of it without a tree on the disk,
# against unpacking it and packing the tree with the same compressor.
umoci init --layout layout
umoci new --image layout:big
find /usr -xdev -type f -size -16M -printf '%s %p\n' | LC_ALL=C sort -k 2 |
  awk '{ sum += $1; part = int(sum / 72000000); if (part > 9) exit; sub(/^[0-9]+ /, ""); print > "files." part }'
for part in 0 1 2 3 4 5 6 7 8 9; do
  # Each layer after the first also replaces some files of the one before it.
  [ "$part" = 0 ] || head -n 50 "files.$((part - 1))" >> "files.$part"
  tar -C / -cf "layer" --no-recursion -T <(sed 's,^/,,' "files.$part") 2> tar.log
  umoci raw add-layer --image layout:big layer > add.log
done
rm layer
# gzip is what the runtimes use. With zstd, the same library does nearly all of the work on both sides.
for compression in gzip zstd; do
  limit=0.4
  [ $compression = gzip ] || limit=0.9
  ratio 3 $limit "layout of 10 layers to SIF, $compression" \
    "'$siftool' pull -F -q --compression $compression '$room/ours.sif' oci:layout:big" \
    "rm -rf '$room/bundle' '$room/theirs'; umoci --log=error unpack --image layout:big '$room/bundle' && mksquashfs '$room/bundle/rootfs' '$room/theirs' -comp $compression -noappend -no-progress -quiet"
done
peak 64 "layout of 10 layers to SIF, memory" "$siftool" pull -F -q ours.sif oci:layout:big

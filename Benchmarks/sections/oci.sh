# An image of ten layers, about 700 MB in all, made by umoci of the files of /usr: a SIF of it without a tree on the disk,
# against unpacking it and packing the tree with the same compressor.
"$here/ten-layers.sh"
# gzip is what the runtimes use. With zstd, the same library does nearly all of the work on both sides.
for compression in gzip zstd; do
  limit=0.4
  [ $compression = gzip ] || limit=0.9
  ratio 3 $limit "layout of 10 layers to SIF, $compression" \
    "'$siftool' pull -F -q --compression $compression '$room/ours.sif' oci:layout:big" \
    "rm -rf '$room/bundle' '$room/theirs'; umoci --log=error unpack --image layout:big '$room/bundle' && mksquashfs '$room/bundle/rootfs' '$room/theirs' -comp $compression -noappend -no-progress -quiet"
done
peak 64 "layout of 10 layers to SIF, memory" "$siftool" pull -F -q ours.sif oci:layout:big

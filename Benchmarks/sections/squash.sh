# Against the squashfs tools, on this machine's /usr/share, in memory: a disk would dominate the times.
cp -a /usr/share "$room/tree"
echo "(the tree: $(du -sh --apparent-size "$room/tree" | cut -f1), $(find "$room/tree" | wc -l) entries)"
small=$(cd "$room/tree" && find . -type f -size -4k | sort | awk 'NR <= 20000 { last = $0 } END { print last }')
for compressor in gzip zstd; do
  mksquashfs "$room/tree" "$room/$compressor.squashfs" -comp "$compressor" -noappend -quiet -no-progress > /dev/null
  image=$room/$compressor.squashfs
  export PREPARE="rm -rf $room/out"
  ratio 3 0.60 "$compressor: extract, two cores" "$siftool extract $image -C $room/out --quiet" \
    "unsquashfs -q -n -p 2 -d $room/out $image"
  ratio 3 1.00 "$compressor: extract, one core" "taskset -c 0 $siftool extract $image -C $room/out --quiet" \
    "taskset -c 0 unsquashfs -q -n -p 1 -d $room/out $image"
  unset PREPARE
  rm -rf "$room/out"
  ratio 9 1.00 "$compressor: list all names" "$siftool ls -R $image" "unsquashfs -l $image"
  ratio 21 0.70 "$compressor: one small file, unsquashfs" "$siftool cat $image ${small#.}" "unsquashfs -cat $image ${small#./}"
  ratio 21 1.00 "$compressor: one small file, rdsquashfs" "$siftool cat $image ${small#.}" "rdsquashfs -c ${small#./} $image"
  export PREPARE="rm -f $room/new.sif $room/new.squashfs"
  ratio 1 0.75 "$compressor: make, two cores" "$siftool pack $room/tree $room/new.sif --arch amd64 --compression $compressor --quiet" \
    "mksquashfs $room/tree $room/new.squashfs -comp $compressor -processors 2 -noappend -quiet -no-progress"
  unset PREPARE
  "$siftool" pack "$room/tree" "$room/new.sif" --arch amd64 --compression "$compressor" --quiet 2> /dev/null
  echo "($compressor: made $(stat -c %s "$room/new.sif") bytes, mksquashfs $(stat -c %s "$image"))"
  rm -f "$room"/new.*
done

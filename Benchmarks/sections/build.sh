# Builds: an archive of layers against umoci and mksquashfs; a script that compiles against the same outside; a build that is done.
mkdir -p "$room/tree/usr/share" "$room/tree/bin"
cp -a /usr/share/. "$room/tree/usr/share"
while [ "$(du -sm "$room/tree" | cut -f1)" -lt 700 ]; do cp -a /usr/lib/x86_64-linux-gnu "$room/tree/usr/lib-$RANDOM"; done
cp /bin/busybox "$room/tree/bin/busybox"
ln -s busybox "$room/tree/bin/sh"
umoci init --layout "$room/layout" && umoci new --image "$room/layout:v1"
umoci unpack --image "$room/layout:v1" "$room/bundle" > /dev/null
cp -a "$room/tree/." "$room/bundle/rootfs"
umoci repack --image "$room/layout:v1" "$room/bundle" > /dev/null
tar -C "$room/layout" -cf "$room/archive.tar" .
rm -rf "$room/bundle" "$room/tree"
echo "(the archive: $(stat -c %s "$room/archive.tar") bytes)"
export TMPDIR=$room SINGULARITY_CACHEDIR=$room/cache
printf 'Bootstrap: oci-archive\nFrom: %s\n%%labels\n a b\n' "$room/archive.tar" > "$room/a.def"
export PREPARE="rm -rf $room/bundle $room/new.*"
ratio 3 0.40 "archive to image, without scripts" "$siftool build -q --no-cache $room/new.sif $room/a.def" \
  "umoci unpack --image $room/layout:v1 $room/bundle && mksquashfs $room/bundle/rootfs $room/new.squashfs -comp zstd -noappend -quiet -no-progress"
unset PREPARE
rm -rf "$room/bundle"
"$siftool" build -q "$room/done.sif" "$room/a.def"
export PREPARE="rm -f $room/done.sif"
ratio 3 1.00 "unchanged, against one second" "$siftool build -q $room/done.sif $room/a.def" "sleep 1"
unset PREPARE
# Root of this machine needs no recorded owners: the namespace of a user does.
printf 'int f(int a) { return a + 1; }\n' > "$room/a.c"
printf 'i=0; while [ $i -lt 400 ]; do cc -c -o /dev/null %s; i=$((i+1)); done\n' "$room/a.c" > "$room/compile.sh"
printf 'Bootstrap: scratch\n%%setup\n set +x; . %s\n' "$room/compile.sh" > "$room/compile.def"
export PREPARE="rm -f $room/c.sif"
ratio 3 1.10 "a script that compiles" "unshare -Ur $siftool build -q --no-cache $room/c.sif $room/compile.def" "sh $room/compile.sh"
unset PREPARE

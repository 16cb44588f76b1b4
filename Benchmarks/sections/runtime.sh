# Mounts and programs against squashfuse, and against sequences made by hand. As root; every peer does the same work.
room=$(mktemp -d /dev/shm/bench-XXXXXX)
trap 'umount -q "$room"/m* 2> /dev/null; rm -rf "$work" "$room"' EXIT
mkdir "$room/m"
for compressor in gzip zstd; do
  mksquashfs /usr/share "$room/$compressor.squashfs" -comp "$compressor" -noappend -quiet -no-progress > /dev/null
  read_tree="find $room/m -type f -print0 | xargs -0 cat > /dev/null; umount $room/m"
  ratio 3 1.00 "$compressor: FUSE, full tree" "$siftool mount --fuse $room/$compressor.squashfs $room/m; $read_tree" \
    "squashfuse_ll $room/$compressor.squashfs $room/m; $read_tree"
  first="head -c 1 $room/m/common-licenses/GPL-3; umount $room/m"
  ratio 11 1.20 "$compressor: kernel, mount to first byte" "$siftool mount $room/$compressor.squashfs $room/m; $first" \
    "loop=\$(losetup -f --show -r $room/$compressor.squashfs); mount -t squashfs \$loop $room/m; $first; losetup -d \$loop"
done
mkdir -p "$room/rootfs/bin" && cp /bin/busybox "$room/rootfs/bin/true"
(cd "$room/rootfs" && mkdir -p dev etc proc root sys tmp var/tmp && touch etc/hosts etc/resolv.conf etc/localtime etc/passwd etc/group)
"$siftool" pack "$room/rootfs" "$room/plain.sif" --plain --arch amd64 --quiet
mksquashfs "$room/rootfs" "$room/plain.squashfs" -noappend -quiet -no-progress > /dev/null
cat > "$room/by-hand" <<'END'
squashfuse_ll -f "$1.squashfs" "$2" & while ! mountpoint -q "$2"; do :; done
chroot "$2" /bin/true; status=$?; umount "$2"; wait; exit $status
END
ratio 21 1.20 "exec /bin/true, user namespace" "$siftool exec --userns $room/plain.sif /bin/true" \
  "unshare -Urm sh $room/by-hand $room/plain $room/m"
rm -rf "$room"

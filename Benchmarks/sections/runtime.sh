# Mounts and programs, against squashfuse and against sequences of commands by hand. Needs root; every peer does the same
# work.
mkdir "$room/m"
for compressor in gzip zstd; do
  mksquashfs /usr/share/doc /usr/lib/python3 /usr/include "$room/$compressor.squashfs" -comp "$compressor" -noappend -quiet -no-progress > /dev/null
  read_tree="find $room/m -type f -print0 | xargs -0 cat > /dev/null; umount $room/m"
  ratio 3 1.00 "$compressor: FUSE, full tree" "$siftool mount --fuse $room/$compressor.squashfs $room/m; $read_tree" \
    "squashfuse_ll $room/$compressor.squashfs $room/m; $read_tree"
  first="head -c 1 $room/m/doc/tar/copyright; umount $room/m"
  ratio 11 1.20 "$compressor: kernel, mount to first byte" "$siftool mount $room/$compressor.squashfs $room/m; $first" \
    "loop=\$(losetup -f --show -r $room/$compressor.squashfs); mount -t squashfs \$loop $room/m; $first; losetup -d \$loop"
done
mkdir -p "$room/rootfs/bin" && cp /bin/busybox "$room/rootfs/bin/true"
(cd "$room/rootfs" && mkdir -p dev etc proc root sys tmp var/tmp && touch etc/hosts etc/resolv.conf etc/localtime etc/passwd etc/group)
"$siftool" pack "$room/rootfs" "$room/plain.sif" --plain --arch amd64 --quiet
mksquashfs "$room/rootfs" "$room/plain.squashfs" -noappend -quiet -no-progress > /dev/null
cat > "$room/by-hand" <<'END'
set -u
squashfuse_ll -f "$1.squashfs" "$2" & while ! mountpoint -q "$2"; do :; done
chroot "$2" /bin/true; status=$?; umount "$2"; wait; exit $status
END
ratio 21 1.20 "exec /bin/true, user namespace" "$siftool exec --userns $room/plain.sif /bin/true" \
  "unshare -Urm sh $room/by-hand $room/plain $room/m"
# A file of an ext3 overlay, against the same server alone, read by the same program. It is so large that the starts do not
# matter.
(cd "$room" && "$siftool" overlay create --size 2560 --sparse layer.img && head -c 2G /dev/urandom > noise)
debugfs -w -R "write $room/noise upper/noise" "$room/layer.img" > /dev/null 2>&1
rm "$room/noise"
cp /bin/busybox "$room/rootfs/bin/cat" && "$siftool" pack "$room/rootfs" "$room/cat.sif" --plain --arch amd64 --quiet
ratio 5 1.05 "ext3 overlay, 2 GiB" "$siftool exec --overlay $room/layer.img:ro $room/cat.sif /bin/cat /noise > /dev/null" \
  "fuse2fs -o ro $room/layer.img $room/m; busybox cat $room/m/upper/noise > /dev/null; umount $room/m"
# Encrypted, on a kernel with dm-crypt: the processor is emulated, so only ratios mean anything.
machine=$PWD/machine
mkdir "$machine" "$machine/rootfs" && head -c 48M /dev/urandom > "$machine/rootfs/noise" && printf secret > "$machine/word"
"$siftool" pack "$machine/rootfs" "$machine/plain.sif" --plain --arch amd64 --quiet
"$siftool" encrypt "$machine/plain.sif" "$machine/secret.sif" --passphrase-file "$machine/word" --kdf pbkdf2 --kdf-time 1000 --quiet
extent=$("$siftool" list "$machine/secret.sif" | sed -n 's/.*|\([0-9]*\)-\([0-9]*\) .*FS (.*/\1 \2/p')
[ -n "$extent" ]
cat > "$machine/run" <<END
set -euo pipefail
cd $machine; mkdir -p /run/tmp/m; m=/run/tmp/m; set -- $extent; status=0
ratio() { local result=0; $here/ratio.py "\$@" || result=\$?; case \$result in 0) ;; 1) status=1 ;; *) exit 2 ;; esac; }
ours="$siftool mount --passphrase-file word secret.sif \$m"
theirs="loop=\\\$(losetup -f --show -r -o \$1 --sizelimit \$((\$2 - \$1)) secret.sif)
  cryptsetup open --batch-mode --readonly --type luks2 --key-file word \\\$loop hand; mount -t squashfs -o ro /dev/mapper/hand \$m"
clean="umount \$m; cryptsetup close hand; losetup -d \\\$loop"
first="head -c 1 \$m/noise"
ratio 7 1.20 "encrypted: mount to first byte" "\$ours && \$first; umount \$m" "\$theirs; \$first; \$clean"
ratio 3 1.05 "encrypted: 48 MiB through dm-crypt" "\$ours && cat \$m/noise; umount \$m" "\$theirs; cat \$m/noise; \$clean"
exit \$status
END
result=0
"$here/../Scripts/run-in-vm.sh" --share "$machine" --seconds 280 bash "$machine/run" || result=$?
case $result in 0) ;; 1) status=1 ;; *) exit 1 ;; esac

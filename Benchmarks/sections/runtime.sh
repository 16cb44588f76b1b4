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
# By a runtime's name, against our own.
ln -s "$siftool" "$room/singularity"
ratio 61 1.02 "exec by the name singularity, against siftool" "$room/singularity exec $room/plain.sif /bin/true" \
  "$siftool exec $room/plain.sif /bin/true"
# Twenty binds, against none.
mkdir "$room/shared"
binds=$(for i in $(seq 20); do printf -- '--bind %s:/tmp/bind-%d ' "$room/shared" "$i"; mkdir -p "/tmp/bind-$i"; done)
ratio 21 1.50 "exec /bin/true, 20 binds against none" "$siftool exec $binds$room/plain.sif /bin/true" \
  "$siftool exec $room/plain.sif /bin/true"
rmdir /tmp/bind-*
# Services: an instance until it answers, against its program alone; and a program in it, against one in a new container.
cp /bin/busybox "$room/rootfs/bin/busybox"
mkdir -p "$room/rootfs/.singularity.d" "$room/rootfs/www" && echo ready > "$room/rootfs/www/ready"
printf '#!/bin/busybox sh\nexec busybox httpd -f -p 127.0.0.1:18931 -h /www\n' > "$room/startscript"
install -m 755 "$room/startscript" "$room/rootfs/.singularity.d/startscript"
"$siftool" pack "$room/rootfs" "$room/service.sif" --plain --arch amd64 --quiet
export APPTAINER_CONFIGDIR=$room/configuration
# A service that never answers fails the step.
cat > "$room/answer" <<'END'
for i in $(seq 2000); do busybox wget -q -O- http://127.0.0.1:18931/ready 2> /dev/null && exit 0; done; exit 1
END
ratio 11 2.50 "instance start to the first answer, against exec" \
  "$siftool instance start $room/service.sif web 2> /dev/null; sh $room/answer; $siftool instance stop -F web 2> /dev/null" \
  "$siftool exec --pid $room/service.sif busybox sh /.singularity.d/startscript & server=\$!; sh $room/answer; kill -9 \$server; wait \$server || true"
"$siftool" instance start "$room/service.sif" web 2> /dev/null
ratio 21 0.70 "exec in an instance, against a new container" "$siftool exec instance://web /bin/true" \
  "$siftool exec --pid $room/service.sif /bin/true"
"$siftool" instance stop -F web 2> /dev/null
# Two ranks of Open MPI, against themselves without a container: the time between them, as they measure it.
mpicc -O2 -o "$room/ranks" "$here/../Tests/Scripts/ranks.c"
cat > "$room/ping" <<'END'
set -euo pipefail
pong() { mpirun --allow-run-as-root --oversubscribe -np 2 "$@" 1048576 2000 2> /dev/null | tail -n 1 | sed 's/$/ s/'; }
root=(--bind /usr:/usr:ro --bind /lib:/lib:ro --bind /lib64:/lib64:ro --bind /etc/openmpi:/etc/openmpi:ro --bind "$2/ranks:/ranks")
for _ in $(seq 5); do
  a=$(pong "$1" exec --userns --sharens "${root[@]}" "$2/plain.sif" /ranks | cut -d' ' -f1)
  b=$(pong "$2/ranks" | cut -d' ' -f1)
  echo "$a $b"
done | sort -n | awk '{ r[NR] = $1 / $2; a[NR] = $1; b[NR] = $2 } END { n = asort_(r); m = r[int((n + 1) / 2)]
  printf "| MPI ping-pong of 1 MiB, --sharens against no container | %.1f ms | %.1f ms | %.2f | 1.05 | %s |\n",
    a[3] * 1000, b[3] * 1000, m, m <= 1.05 ? "ok" : "OVER"; exit m > 1.05 }
  function asort_(r, i, j, t) { for (i = 1; i in r; i++) for (j = i; j > 1 && r[j] < r[j - 1]; j--) { t = r[j]; r[j] = r[j - 1]; r[j - 1] = t }
    return i - 1 }'
END
bash "$room/ping" "$siftool" "$room" || status=1
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

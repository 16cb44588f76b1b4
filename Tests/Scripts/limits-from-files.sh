#!/bin/bash
# limits-from-files.sh DIRECTORY   Run in the machine by LimitTests.
#
# Files of limits, also for block devices and rules about devices; and what cannot be set as it is asked for.
. "${0%/*}/limits.sh"

truncate -s 1M $TMPDIR/disk; loop=$(losetup -f --show $TMPDIR/disk); n=$(stat -c '%Hr %Lr' $loop); set -- $n
{ printf '[pids]\nlimit = 33\n[unified]\n"memory.high" = "134217728"\n'
  for k in ReadBps WriteBps ReadIOPS WriteIOPS; do
    printf '[[blockIO.throttle%sDevice]]\nmajor = %s\nminor = %s\nrate = 1048576\n' $k $1 $2; done; } | toml
t --apply-cgroups $TMPDIR/l.toml $i sh -c 'cd /sys/fs/cgroup; cat pids.max memory.high; cut -d" " -f2- io.max'
siftool exec --blkio-weight-device $loop:500 $i cat /sys/fs/cgroup/io.weight 2>&1 | grep -cE "default 100|for io.*weight"
deny() { printf '[[devices]]\nallow = %s\naccess = "%s"\n' $1 $2; [ -z "$3" ] || printf 'type = "c"\nmajor = 1\nminor = %s\n' $3; }
{ deny false rwm; deny true rw 3; deny true r 5; deny true rwm 8; deny false w 8; deny false rwm 9; deny true r 9; } | toml
try='cd /dev; for d in null zero random urandom full; do for m in "<" ">" "<>"; do eval "true $m $d" 2> /dev/null && printf y || printf n; done; printf " "; done; echo'
for o in "" --pid "--userns --fuse"; do t $o --apply-cgroups $TMPDIR/l.toml $i sh -c "$try"; done; t $i sh -c "$try"
make='for n in 3 8; do mknod /tmp/node$n c 1 $n 2> /dev/null && echo made; rm -f /tmp/node$n; done'
{ deny true rwm; deny false m 8; } | toml
t --add-caps MKNOD $i sh -c "$make"
t --add-caps MKNOD --apply-cgroups $TMPDIR/l.toml $i sh -c "$make"
left
t --cpuset-cpus 5 $i echo ran
t --cpuset-cpus 0-3 $i echo ran
t --cpuset-mems 3 $i echo ran
printf '[unified]\n"memory.max" = "much"\n' | toml
t --apply-cgroups $TMPDIR/l.toml $i echo ran
printf '[unified]\n"memory.nothing" = "1"\n' | toml
t --apply-cgroups $TMPDIR/l.toml $i echo ran
printf '[unified]\n"nothing.max" = "1"\n' | toml
t --apply-cgroups $TMPDIR/l.toml $i echo ran
printf '[[hugepageLimits]]\npageSize = "3MB"\nlimit = 1\n' | toml
t --apply-cgroups $TMPDIR/l.toml $i echo ran
printf '[[blockIO.throttleReadBpsDevice]]\nmajor = 200\nminor = 1\nrate = 1\n' | toml
t --apply-cgroups $TMPDIR/l.toml $i echo ran
left
t --pids-limit 1 $i nothing; t --pids-limit 1 --pid $i nothing
left

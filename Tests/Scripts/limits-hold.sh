#!/bin/bash
# limits-hold.sh DIRECTORY   Run in the machine by LimitTests.
#
# What limits hold, what the kernel is told of them, and what a program can do about them.
. "${0%/*}/limits.sh"

for o in "" "--pid --net" "--userns"; do
  t $o --memory 64m --memory-reservation 1.5M --memory-swap 96M --pids-limit 20 --cpus 0.5 --cpu-shares 1024 --cpuset-cpus 0 \
    --cpuset-mems 0 --blkio-weight 100 $i sh -c "cd /sys/fs/cgroup; cat memory.max memory.low memory.swap.max pids.max cpu.max cpu.weight \
      cpuset.cpus cpuset.mems io.weight | tr '\n' ' '; cat pids.current; ls -d */ 2>&1 | grep -c siftool
      echo 5 > pids.max; mkdir x; echo \$\$ > cgroup.procs; i=0; while [ \$i -lt 20000 ]; do i=\$((i + 1)); done
      grep -c 'nr_throttled [1-9]' cpu.stat" 2>&1 | sed "s/^! //"; left; done
t --memory 32m $i sh -c 'dd if=/dev/zero of=/dev/null bs=64M count=1; echo survived'
t --memory 32m $i sh -c 'exec dd if=/dev/zero of=/dev/null bs=64M count=1'
left
t --pids-limit 12 $i sh -c 'b() { b | b; }; b 2> /dev/null; grep -c "max [1-9]" /sys/fs/cgroup/pids.events'
left
t --pids-limit 3 $i sh -c 'sleep 60 & sleep 60 & sleep 60 & echo never'
left
t --pids-limit 9 $i sh -c '(trap "" TERM; sleep 60) & echo gone'
left
for n in 11 22; do
  siftool exec --pids-limit $n $i sh -c "touch /tmp/on$n; while [ ! -e /tmp/go ]; do sleep 0.1; done; cat /sys/fs/cgroup/pids.max" >> $TMPDIR/both & done
while [ ! -e /tmp/on11 ] || [ ! -e /tmp/on22 ]; do sleep 0.1; done; cat $top/siftool-*/pids.max | sort
touch /tmp/go; wait; sort $TMPDIR/both; left; cat $top/cgroup.subtree_control
# An instance without limits is counted all the same.
export APPTAINER_CONFIGDIR=$TMPDIR/c
siftool instance start $i counted 2> /dev/null
(siftool exec instance://counted sh -c 'touch /tmp/in; exec sleep 60'; :) 2> /dev/null &
while [ ! -e /tmp/in ]; do sleep 0.1; done
siftool instance stats --json counted | grep -c '"current": [1-9]'
siftool exec instance://counted cat /sys/fs/cgroup/pids.max
siftool instance stop counted 2> /dev/null
left

#!/bin/bash
# limits-of-users.sh DIRECTORY   Run in the machine by LimitTests.
#
# Limits without privilege: in a group of one's own, alone in it or not, and where there is none.
. "${0%/*}/limits.sh"

echo "+memory +pids" > $top/cgroup.subtree_control; mkdir -p $top/user/session $top/alone $top/apart/session
echo "+memory +pids" > $top/user/cgroup.subtree_control; echo "+memory +pids" > $top/apart/cgroup.subtree_control
chown -R 65534:65534 $top/user $top/alone $top/apart/session
as() { g=$1; shift; (echo $BASHPID > $top/$g/cgroup.procs; setpriv --reuid=65534 --regid=65534 --clear-groups "$@"); }
x="siftool exec --memory 64m --pids-limit 7"; see='cd /sys/fs/cgroup; cat memory.max pids.max; sed "s/-.*//" /proc/self/cgroup; touch memory.max'
for o in "" --pid; do
  as user/session sh -c "$x $o $i sh -c '$see'; $x $i true; echo \$?" 2>&1; left
  (echo $BASHPID > $top/alone/cgroup.procs; exec setpriv --reuid=65534 --regid=65534 --clear-groups $x $o $i sh -c "$see") 2>&1; left
  find $top/alone | grep -c siftool; cat $top/alone/cgroup.subtree_control; done
as apart/session sh -c "$x $i echo ran; echo \$?" 2>&1 | sed 's/(.*)/(…)/'; as alone sh -c "true; $x $i echo ran; echo \$?" 2>&1
mkdir $top/none; as none sh -c "$x $i echo ran; echo \$?" 2>&1 | sed 's/(.*)/(…)/'
printf '[[devices]]\nallow = false\naccess = "rwm"\n' | toml
as user/session siftool exec --apply-cgroups $TMPDIR/l.toml $i echo ran 2>&1 | sed 's/ (.*//'
for n in 0 1 2 3; do (echo $BASHPID > $top/alone/cgroup.procs; exec setpriv --reuid=65534 --regid=65534 --clear-groups $x $i sleep 99) 2> /dev/null &
  sleep 0.$((n * 2)); kill -9 $!; wait $! 2> /dev/null; left; done | sort | uniq -c | tr -s ' '

#!/bin/bash
# limits-leave-nothing.sh DIRECTORY   Run in the machine by LimitTests.
#
# Ends programs under limits in every way, and counts what is left.
. "${0%/*}/limits.sh"

for o in "" --pid --userns; do for n in 0 1 2 3 4 5; do
  siftool exec $o --memory 99m --pids-limit 9 $i sleep 99 2> /dev/null & sleep 0.${n}; kill -9 $!
  wait $! 2> /dev/null; left; done; done | sort | uniq -c | tr -s ' '
for s in TERM HUP; do siftool exec --pids-limit 9 $i sh -c "trap 'exit 42' $s; touch /tmp/on; while :; do sleep 0.1; done" &
  while [ ! -e /tmp/on ]; do sleep 0.1; done; rm /tmp/on; kill -$s $!; wait $!; echo $?; left; done
siftool exec --pids-limit 9 $i sh -c 'touch /tmp/on; sleep 99' & p=$!; while [ ! -e /tmp/on ]; do sleep 0.1; done
# The guardian has no parent of ours; then the program, and then siftool itself.
kill -9 $(pgrep -x -P 1 siftool); sleep 0.3; cat $top/siftool-*/pids.max; pkill -x sleep; wait $p; echo $?
left

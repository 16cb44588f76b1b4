#!/bin/bash
# encrypted-killed.sh DIRECTORY TOOL   Run in the machine by PrivilegedRuntimeTests.
#
# Kills siftool at any moment, and counts what is left.
. "${0%/*}/encrypted.sh"

mounted=0
for i in $(seq 0 11); do
  $tool mount $key secret.sif $a 2> /dev/null & sleep $(printf '0.%02d' $((i * 8))); kill -9 $!; wait $! 2> /dev/null
  sleep 0.3; t unmount $a 2> /dev/null && mounted=$((mounted + 1)); left
done | sort | uniq -c | tr -s ' '
for i in $(seq 0 5); do
  $tool exec $key secret.sif sleep 60 2> /dev/null & sleep $(printf '0.%02d' $((i * 16))); kill -9 $!; wait $! 2> /dev/null
  left
done | sort | uniq -c | tr -s ' '

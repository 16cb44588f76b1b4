#!/bin/bash
# encrypted-ended-at-steps.sh DIRECTORY TOOL   Run in the machine by PrivilegedRuntimeTests.
#
# Ends siftool at one call after the other to the drivers of loop devices and of device-mapper.
. "${0%/*}/encrypted.sh"

echo 1 > /proc/sys/kernel/sysrq; trace=$TMPDIR/trace; devices="-P /dev/loop-control -P /dev/loop0 -P /dev/mapper/control"
for verb in mount exec; do
  steps=0; what=$a; [ $verb = mount ] || what=true
  for one in $(seq -f KILL:%g 14) TERM:2 HUP:5; do
    strace -D -f -qq -o $trace $devices -e trace=ioctl -e inject=ioctl:signal=${one%:*}:when=${one#*:} $tool $verb $key secret.sif $what > /dev/null 2>&1
    # Signals that are held back while it mounts are never seen: then the mount is there.
    grep -qE -- "--- SIG${one%:*}|killed by SIG${one%:*}" $trace && steps=$((steps + 1))
    t unmount $a 2> /dev/null; left
  done > lefts; t unmount $a 2> /dev/null; left >> lefts; sort -u lefts; echo "$verb $((steps >= 10))"
  for call in mount clone exit_group; do for number in 1 2; do
    strace -D -f -qq -o $trace -e trace=$call -e inject=$call:signal=KILL:when=$number $tool $verb $key secret.sif $what > /dev/null 2>&1
    t unmount $a 2> /dev/null; left
  done; done | sort -u
done
openssl genpkey -algorithm ed25519 2> /dev/null | openssl pkey -pubout -out pub.pem 2> /dev/null; dmesg -C
for verb in mount exec; do
  strace -f -o $trace -e trace=mount,ioctl,clone,openat $tool $verb $key --verify --key pub.pem secret.sif $a > /dev/null 2>&1; echo $?
  grep -cE 'mount\(|LOOP_|DM_|clone|/dev/(loop|mapper)' $trace
done; dmesg | grep -ciE 'squashfs|loop|device-mapper'

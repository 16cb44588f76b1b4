#!/bin/bash
# encrypted-mounts.sh DIRECTORY TOOL   Run in the machine by PrivilegedRuntimeTests.
#
# What cryptsetup and mount show of an encrypted image, and what siftool does; and that all goes with the last user.
. "${0%/*}/encrypted.sh"

show() { (cd $1; find . -printf '%P %y %m %U %G %s %T@ %n %l\n' | sort; sha256sum bin/sh bin/data etc/*) > $2; }
loop=$(losetup -f --show -r $range secret.sif); printf secret > word
cryptsetup open --batch-mode --readonly --type luks2 --key-file word $loop ours
mount -t squashfs -o ro /dev/mapper/ours $a; show $a theirs; umount $a; cryptsetup close ours; losetup -d $loop
t mount $key secret.sif $a; echo $?; show $a mine; diff theirs mine && echo same
t mount --list | sed 's/\t/ /g; s/.*\(kernel\).*\(secret.sif\)$/\1 \2/'; grep $a /proc/self/mountinfo | cut -d' ' -f6
dmsetup table | grep -c ' crypt '; cat /sys/block/dm-0/ro
exec 5< $a/bin/sh; t unmount $a 2> /dev/null; echo $?; t unmount --lazy $a; echo $?; head -c 5 <&5 | wc -c; exec 5<&-; left
printf wrong > other; t mount --passphrase-file other secret.sif $a 2> /dev/null; echo $?; left
t exec $key secret.sif sh -c 'id -u; cat /bin/data; grep -c squashfs /proc/mounts; exit 9'; echo $?; left
t exec $key --pid secret.sif sh -c 'sleep 100 & echo started'; left
chmod 666 /dev/fuse; u="setpriv --reuid=65534 --regid=65534 --clear-groups $tool"
$u exec $key --containall --bind phrase:/new/place secret.sif sh -c 'id -u; cat /bin/data /new/place'; echo $?; left

# Sourced in a directory with hostile images: mounts them, walks and reads what is there, and counts what came of it.
# Without `set -e`: what fails is what the tests look at.
mkdir -p mnt
refused=0 mounted=0

# Some of the trees have more paths than anybody can walk: the first are enough.
look() {
  (
    cd mnt
    find . -printf '%y %p\0' | head -zn 3000 > ../names
    ls -lR . | head -n 3000
    sed -zn 's/^. //p' ../names | xargs -0 getfattr -hdm -
    for how in 'head -qc 70000' 'tail -qc 9'; do sed -zn 's/^f //p' ../names | xargs -0 $how; done
  ) > /dev/null 2>&1
}
export -f look

# each IMAGE...   counts those that are refused and those that can be mounted, and prints a line for all else
each() {
  for image in "$@"; do
    timeout -s KILL 600 siftool mount --fuse "$PWD/$image" mnt 2> errors
    case $? in
      0) ;;
      1 | 5 | 7) refused=$((refused + 1)); continue ;;
      *) echo "$image: $?"; cat errors; continue ;;
    esac
    timeout -s KILL 600 bash -c look
    [ $? != 137 ] || echo "$image hangs"
    # A server that died would have taken the mount along.
    timeout -s KILL 600 stat -f mnt > /dev/null || echo "$image: nobody answers"
    siftool unmount mnt && mounted=$((mounted + 1)) || siftool unmount --lazy mnt
  done
}

# Waits until no mount and no server is left, and prints how many of each are.
left() {
  for i in $(seq 1200); do
    n=$(grep -c "$PWD" /proc/self/mountinfo)$(pgrep -fc "^siftool .*$PWD")
    [ "$n" = 00 ] && break
    sleep 0.05
  done
  echo "left $n"
}

# Sourced as root in a mount namespace of its own, in a directory with plain.sif and the tool: how to end the tool at one
# step after the other, and to count what is left then. /dev/fuse is everybody's afterwards.
# Without `set -e`: what fails is what the tests look at.
mknod -m 666 fuse-device c 10 229
mount --bind fuse-device /dev/fuse
export PATH=$PWD:$PATH HOME=/nonexistent
m=$PWD/work
nobody="setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all"

count() {
  echo "$(grep -c " $m " /proc/self/mountinfo) mounts" "$(pgrep -fc "^[^ ]*siftool .*$PWD/plain.sif") processes" \
    "$(losetup -j plain.sif | wc -l) loop devices"
}

# left WHAT...   waits until nothing is left, and says what is
left() {
  for i in $(seq 1200); do
    now=$(count)
    [ "$now" = "$before" ] && return
    sleep 0.05
  done
  echo "left by $*: $now"
}

# step USER SIGNAL CALL NUMBER ARGUMENT...   runs the tool as nobody or root, ended by a signal at the n-th call of one kind
# in one of its processes; fails where there was none
step() {
  local user=$1 signal=$2 call=$3 number=$4
  shift 4
  rm -f trace
  timeout -s KILL 600 strace -D -u "$user" -f -qq -o trace -e "trace=$call" -e "inject=$call:signal=$signal:when=$number" \
    siftool "$@" > output 2>&1
  status=$?
  # The tracer may end a moment after the traced.
  for i in $(seq 60); do
    grep -qsE -- "--- SIG$signal|killed by SIG$signal" trace || ! pgrep -f "^strace .*$PWD/plain.sif" > /dev/null && break
    sleep 0.05
  done
  grep -qE -- "--- SIG$signal|killed by SIG$signal" trace || return 1
  steps=$((steps + 1))
}

steps=0 mounted=0
before=$(count)

# Sourced in the machine: DIRECTORY ($1) has the tool and plain.sif, and the kernel's control groups become usable.
# Without `set -e`: what fails is what the tests look at.
cd "$1"
export TMPDIR=/run/tmp PATH=$PWD:$PATH
top=/sys/fs/cgroup i=$PWD/plain.sif
mount -t cgroup2 none $top
chmod 666 /dev/fuse
touch $TMPDIR/none
chmod 777 $TMPDIR

# t ARGUMENT...   runs a program; prints its status where that is not 0, and what it said with a mark before each line
t() {
  siftool exec "$@" 2> $TMPDIR/errors
  s=$?
  [ $s = 0 ] || echo "status $s"
  sed 's/^/! /' $TMPDIR/errors
}

# Waits until no group and no process is left, and prints how many of each are.
left() {
  for n in $(seq 100); do
    n=$(find $top -name 'siftool-*' | wc -l).$(pgrep -x "siftool|sleep" | wc -l)
    [ $n = 0.0 ] && break
    sleep 0.1
  done
  echo "left $n"
}

# Standard input becomes the file of limits.
toml() { cat > $TMPDIR/l.toml; }

# Sourced in the machine: DIRECTORY ($1) has secret.sif, encrypted, and its passphrase in the file phrase; TOOL ($2) is the tool.
# Without `set -e`: what fails is what the tests look at.
cd "$1"
tool=$2
export TMPDIR=/run/tmp
a=$TMPDIR/a b=$TMPDIR/b
mkdir -p $a $b
t() { "$tool" "$@"; }
key="--passphrase-file phrase"
# Where the volume lies in the image, as losetup takes it.
read -r start end < <(t list secret.sif | sed -n 's/.*|\([0-9]*\)-\([0-9]*\) .*FS (.*/\1 \2/p')
range="-o $start --sizelimit $((end - start))"

# Waits until no loop device, mapping, mount and process is left, and prints how many there are.
left() {
  for i in $(seq 50); do
    n=$(($(losetup -a | wc -l) + $(ls /sys/block | grep -c '^dm-') + $(ls /dev/mapper | grep -c siftool) \
      + $(grep -cE "$a|$b" /proc/self/mountinfo) + $(pgrep -x siftool | wc -l)))
    [ $n = 0 ] && break
    sleep 0.1
  done
  echo "left $n"
}

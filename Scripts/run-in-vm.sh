#!/bin/bash
# run-in-vm.sh [--share DIR] [--disk FILE] [--seconds N] COMMAND [ARGUMENT...]
#
# Runs a command as root under a kernel of its own, with dm-crypt, loop devices and squashfs, whatever this
# machine's kernel allows: Debian's stock kernel on an emulated processor. The command sees this machine's files.
# Everything that it writes is lost, except in DIR, which is shared, and on the disk /dev/vda, whose bytes are FILE's. This
# script prints the command's output after it has ended, and exits with its status, with 125 if the machine did not come
# up, or with 124 if it took longer than N seconds.
#
# Needs root, and the packages of the set "test". The kernel is downloaded once, into VM_CACHE.
set -euo pipefail
cache=${VM_CACHE:-/var/cache/swift-sif-vm}
share='' disk='' seconds=300
while [[ ${1-} == --* ]]; do
  case $1 in
    --share) share=$(realpath "$2") ;;
    --disk) disk=$(realpath "$2") ;;
    --seconds) seconds=$2 ;;
    *) echo "run-in-vm.sh: unknown option $1" >&2; exit 125 ;;
  esac
  shift 2
done
[ $# -gt 0 ] || { echo "run-in-vm.sh: no command" >&2; exit 125; }

# number OFFSET BYTES FILE   prints an unsigned number of a file
number() { od -An -v -t "u$2" -j "$1" -N "$2" "$3" | tr -d ' '; }

# Downloads the kernel and its modules. The kernel in the package is compressed twice; unpacked, it starts seconds earlier
# on an emulated processor. The boot protocol's header says where the payload is.
fetch_kernel() {
  local work package image start
  work=$(mktemp -d "$cache/new-XXXXXX")
  package=$(apt-cache depends linux-image-amd64 | awk '/Depends: linux-image-[0-9]/ { print $2; exit }')
  (cd "$work" && apt-get -q -o APT::Sandbox::User=root download "$package" > /dev/null)
  dpkg-deb --fsys-tarfile "$work"/linux-image-*.deb | tar -xf - -C "$work" --wildcards './boot/vmlinuz-*' './lib/modules/*'
  image=$(echo "$work"/boot/vmlinuz-*)
  start=$((($(number 497 1 "$image") + 1) * 512 + $(number 584 4 "$image")))
  dd if="$image" iflag=skip_bytes,count_bytes skip="$start" count="$(($(number 588 4 "$image") - 4))" bs=1M status=none |
    xz -dc > "$work/kernel"
  busybox depmod -b "$work" "$(ls "$work/lib/modules")"
  rm -f "$work"/*.deb
  mv "$work" "$cache/kernel"
}

# Makes the first file system that the kernel starts: a shell, and the modules that it needs to see this machine's files.
make_start() {
  local work modules
  work=$(mktemp -d "$cache/new-XXXXXX")
  modules=$(echo "$cache"/kernel/lib/modules/*)
  mkdir "$work"/{bin,sbin,proc,sys,dev,base,control,layer,root,early}
  cp /bin/busybox "$work/bin/"
  # The kernel calls this by itself for every other module.
  ln -s /bin/busybox "$work/sbin/modprobe"
  ln -s "/base$cache/kernel/lib" "$work/lib"
  local index=100 name file
  for name in virtio_pci 9pnet_virtio 9p overlay; do
    # A line of modules.dep names the module, then the modules that it needs, in reverse order of loading.
    for file in $(sed -n "s|^\(.*/$name\.ko\):|\1|p" "$modules/modules.dep" | tr ' ' '\n' | tac); do
      ls "$work"/early/*"-${file##*/}" > /dev/null 2>&1 && continue
      cp "$modules/$file" "$work/early/$((index++))-${file##*/}"
    done
  done
  cat > "$work/init" << 'INIT'
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin:/sbin
mount -t proc none /proc
mount -t sysfs none /sys
mount -t devtmpfs none /dev
for module in /early/*; do insmod "$module"; done
see() { mount -t 9p -o "trans=virtio,version=9p2000.L,msize=262144,$3" "$1" "$2"; }
see control /control rw
see base /base ro,cache=loose
mount -t tmpfs -o size=60% none /layer
mkdir /layer/upper /layer/work
mount -t overlay -o lowerdir=/base,upperdir=/layer/upper,workdir=/layer/work none /root
modprobe -a loop dm_mod dm_crypt squashfs fuse virtio_blk
for name in proc sys dev; do mount --bind /$name /root/$name; done
ln -s /proc/self/fd /dev/fd
mount -t tmpfs none /root/run
mkdir -m 1777 /dev/shm /root/run/tmp
mount -t tmpfs none /dev/shm
shared=$(cat /control/share)
if [ -n "$shared" ]; then
  mkdir -p "/root$shared"
  see share "/root$shared" rw
fi
mkdir /root/run/control
mount --bind /control /root/run/control
# Make it the root of the whole system before entering it: in a plain chroot(2), the kernel allows no user namespaces.
(cd /root && mount --move . / && exec chroot . /bin/bash /run/control/command) \
  > /control/output 2> /control/errors < /dev/null
echo $? > /control/status
sync
poweroff -f
INIT
  chmod +x "$work/init"
  (cd "$work" && find . | busybox cpio -o -H newc 2> /dev/null) > "$cache/start-$$"
  mv "$cache/start-$$" "$start"
  rm -rf "$work"
}

mkdir -p "$cache"
# The name depends on this script, because another checkout may have another version of it.
start=$cache/start-$(sha256sum < "$0" | cut -c1-16)
(
  flock 9
  trap 'rm -rf "$cache"/new-*' EXIT
  [ -e "$cache/kernel" ] || fetch_kernel
  [ -e "$start" ] || make_start
) 9> "$cache/lock" >&2

control=$(mktemp -d)
trap 'rm -rf "$control"' EXIT
echo "$share" > "$control/share"
{
  export -p
  printf 'export TMPDIR=/run/tmp DM_DISABLE_UDEV=1\ncd %q\nexec' "$PWD"
  printf ' %q' "$@"
  echo
} > "$control/command"
# Emulation (tcg) on purpose: hardware support may exist and still not work within a container. On a busy host the
# emulated timer is late; no_timer_check keeps the kernel from testing whether it works at all.
machine=(qemu-system-x86_64 -M pc -accel tcg -cpu max -smp 1 -m 1024 -nodefaults -display none -no-reboot
  -kernel "$cache/kernel/kernel" -initrd "$start" -serial "file:$control/console"
  -append "console=ttyS0 quiet panic=-1 oops=panic acpi=noirq no_timer_check mitigations=off cryptomgr.notests=1")
see() {
  machine+=(-fsdev "local,id=$1,path=${2//,/,,},security_model=passthrough,multidevs=remap$3"
    -device "virtio-9p-pci,fsdev=$1,mount_tag=$1")
}
see base / ,readonly=on
see control "$control" ''
[ -z "$share" ] || see share "$share" ''
[ -z "$disk" ] || machine+=(-drive "file=${disk//,/,,},format=raw,if=virtio")
for attempt in 1 2; do
  status=0
  timeout --foreground "$seconds" "${machine[@]}" < /dev/null || status=$?
  # Try once more if the kernel gave up before it started anything.
  [ $attempt = 1 ] && [ ! -s "$control/status" ] &&
    grep -qF "IO-APIC + timer doesn't work" "$control/console" 2> /dev/null || break
  echo "run-in-vm.sh: the machine's timer was too late; trying again" >&2
done
cat "$control/output" 2> /dev/null || true
cat "$control/errors" >&2 2> /dev/null || true
[ "$status" != 124 ] || exit 124
[ -s "$control/status" ] || { tail -n 30 "$control/console" >&2; exit 125; }
exit "$(cat "$control/status")"

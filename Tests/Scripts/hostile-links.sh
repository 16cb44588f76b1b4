#!/bin/bash
# hostile-links.sh TOOL DIRECTORY CANARY USER
#
# Starts programs of images that have a link in place of everything that a runtime looks at, in every mode, as the user
# USER (a number). CANARY is a directory of the host that no mode shows to a container; every link leads there by another
# way. Prints a line for each run that read or changed it, and at last how many runs there were.
set -euo pipefail
tool=$1 directory=$2 canary=$3 user=$4
# The working directory has two names, and the image has links at both.
ln -sfn "$directory" "$directory/alias"
cd "$directory/alias"
become=()
[ "$user" = 0 ] || become=(setpriv --reuid="$user" --regid="$user" --clear-groups --inh-caps=-all)
as() { "${become[@]}" "$@"; }

# The canary: whoever gets there can read and write it. Overlays lie beside it, so that the parent of one shows the word.
word=$(od -An -N8 -tx8 /dev/urandom | tr -d ' ')
overlays=$canary/overlays
mkdir -p "$overlays"
chmod 777 "$canary" "$overlays"
echo "$word:x:4711:4711::/:/bin/sh" > "$canary/passwd"
cp "$canary/passwd" "$canary/group"
printf '#!/bin/busybox sh\necho %s\n' "$word" > "$canary/program"
cp "$canary/program" "$canary/runscript"
echo "export CANARY=$word" > "$canary/10-canary.sh"
chmod 777 "$canary"/*
cp -p "$canary/passwd" "$overlays"
state() { ls "$canary" "$overlays" | grep -v overlay-; cat "$canary"/*[a-z] 2> /dev/null || true; }
before=$(state)

# A process of the same user whose root and working directory a link can name, until this script ends.
(cd "$canary" && exec "${become[@]}" sleep infinity) &
other=$!
trap 'kill $other' EXIT
until [ "$(cat /proc/$other/comm)" = sleep ]; do sleep 0.01; done

# What the first program does: it looks at where it is, at what was mounted for it, and at what the image has.
probe='for place in . .. $PLACES; do echo x > $place/written; cat $place/passwd; done; cat $FILES; echo "$CANARY"'

make_image() { # NAME LINK PATH...: an image in which each PATH leads to LINK
  local name=$1 link=$2 path
  shift 2
  rm -rf rootfs "$name.sif"
  mkdir -p rootfs/bin rootfs/etc rootfs/.singularity.d
  cp /bin/busybox rootfs/bin/busybox
  for program in sh ls cat grep head id; do ln -s busybox rootfs/bin/$program; done
  for path in "$@"; do
    mkdir -p "$(dirname "rootfs$path")"
    rm -rf "rootfs$path"
    case $path in
      /etc/passwd | /etc/group) ln -s "$link/passwd" "rootfs$path" ;;
      /bin/program) ln -s "$link/program" "rootfs$path" ;;
      /.singularity.d/runscript) ln -s "$link/runscript" "rootfs$path" ;;
      *) ln -s "$link" "rootfs$path" ;;
    esac
  done
  "$tool" pack rootfs "$name.sif" --plain --arch amd64 --quiet
  chmod 644 "$name.sif"
  # The same tree as a sandbox, and as a layer over an image without links.
  rm -rf "$name.dir"
  mv rootfs "$name.dir"
}

runs=0
try() { # WHAT, then the arguments of the tool
  local what=$1 answer
  shift
  runs=$((runs + 1))
  # Whether it could be started at all is no matter here.
  answer=$(as timeout 600 "$tool" "$@" 9< "$canary" 2>&1) || true
  case $answer in *"$word"*) echo "$what: read by: ${*%%"$probe"}" ;; esac
  if [ "$(state)" != "$before" ]; then
    echo "$what: changed by: ${*%%"$probe"}"
    rm -f "$canary/written" "$overlays/written"
    before=$(state)
  fi
}

make_image bare /nowhere /opt

links=(
  "$canary" "../../../../../../..$canary" "/proc/$other/root$canary" "/proc/$other/cwd" "/proc/self/fd/9" "/dev/fd/9"
  "/proc/1/root$canary" "/proc/$other/task/$other/cwd" "/proc/$$/fd/9"
)
home=$directory/home
mkdir -p "$home"
chmod 777 "$home"
exec 9< "$canary"

options=("--pid" "--fuse" "--no-home" "--contain --no-home")
for isolation in "" "--contain" "--containall"; do
  for identity in "" "--userns" "--fakeroot"; do
    for layer in "" "--underlay" "--writable-tmpfs" "--overlay OVERLAY"; do
      options+=("$isolation $identity $layer")
    done
  done
done
[ "$user" != 0 ] || options+=("--add-caps chown")
count=0
for link in "${links[@]}"; do
  # The places one by one would be too many images: those that do not keep a program from starting, all at once.
  make_image all "$link" /opt "$directory" /nonexistent /home /tmp /var/tmp /run /srv /etc/passwd /etc/group /etc/hosts \
    /etc/resolv.conf /etc/localtime /bin/program /.singularity.d/runscript /.singularity.d/env /mnt /media
  make_image system "$link" /opt /dev /sys /root /var /etc
  for option in "${options[@]}"; do
    words=()
    for part in $option; do
      if [ "$part" = OVERLAY ]; then
        part=$overlays/overlay-$((count += 1))
        as mkdir "$part"
      fi
      words+=("$part")
    done
    # A program has the caller's own descriptor, so it may follow such a link itself.
    export SINGULARITYENV_PLACES="/run /srv /media /opt /tmp /dev /sys" SINGULARITYENV_FILES="/etc/passwd /etc/group"
    is_given=false
    case $link in */fd/9) is_given=true SINGULARITYENV_PLACES= ;; esac
    for image in all system; do
      try "$link" exec "${words[@]}" --pwd /opt $image.sif /bin/busybox sh -c "$probe"
      try "$link" exec "${words[@]}" $image.sif /bin/busybox sh -c "$probe"
    done
    # A directory that others can change has no other rights than an image, and neither has a layer.
    try "$link" exec "${words[@]}" --pwd /opt all.dir /bin/busybox sh -c "$probe"
    case "${words[*]}" in
      "" | --containall | --userns | --fakeroot | --underlay | --writable-tmpfs)
        try "$link" exec "${words[@]}" system.dir /bin/busybox sh -c "$probe" ;;
    esac
    case "${words[*]}" in
      "" | --containall | --fakeroot | --writable-tmpfs)
        try "$link" exec "${words[@]}" --overlay all.dir:ro --pwd /opt bare.sif /bin/busybox sh -c "$probe"
        try "$link" exec "${words[@]}" --overlay system.dir:ro bare.sif /bin/busybox sh -c "$probe" ;;
    esac
    [ "${#words[@]}" -gt 0 ] || try "$link" exec --writable all.dir /bin/busybox sh -c "$probe"
    try "$link" exec "${words[@]}" --bind "$home:/srv/x" all.sif /bin/busybox sh -c "$probe"
    ! $is_given || continue
    try "$link" exec "${words[@]}" all.sif /bin/program
    try "$link" run "${words[@]}" all.sif
  done
done

# With all descriptors of ours that there may be, by number.
for descriptor in $(seq 3 24); do
  make_image one "/proc/self/fd/$descriptor" /opt
  for option in "" "--containall" "--pid"; do
    overlay=$overlays/overlay-$((count += 1))
    as mkdir "$overlay"
    try "descriptor $descriptor" exec $option --overlay "$overlay" --pwd /opt one.sif /bin/busybox sh -c "$probe"
  done
done
# The probe finds a canary where there is one.
answer=$(as "$tool" exec --bind "$canary:/srv" --pwd /srv all.sif /bin/busybox sh -c "$probe" 2>&1) || true
case $answer in *"$word"*) ;; *) echo "the probe is blind: $answer" ;; esac
echo "$runs runs"

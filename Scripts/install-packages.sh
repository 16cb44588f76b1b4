#!/bin/bash
# install-packages.sh SET...   installs the missing Debian packages of each set
#   build  packages for building
#   demo   packages for the demonstration
#   test   packages that the tests and benchmarks compare with
set -euo pipefail
declare -A sets=(
  [build]="build-essential pkg-config libgcrypt20-dev libsodium-dev libsquashfs-dev libdeflate-dev zlib1g-dev libzstd-dev
    liblzma-dev liblz4-dev libgpg-error-dev libcryptsetup-dev libtomlplusplus-dev
    libseccomp-dev libyaml-dev libcurl4-openssl-dev"
  [demo]="openssl"
  [test]="siftool cryptsetup-bin gocryptfs golang-go golang-github-sylabs-sif-dev golang-github-cloudflare-circl-dev squashfs-tools squashfs-tools-ng libarchive-tools gnupg rnp sq openssh-client openssl
    python3 python3-cryptography python3-jsonschema attr zstd bzip2 e2fsprogs time util-linux chromium
    strace qemu-system-x86 busybox-static xz-utils sleuthkit munge slurmctld slurmd slurm-client
    fuse3 fuse2fs fuse-overlayfs squashfuse uidmap libcap2-bin keyutils procps iproute2 golang-github-containers-common
    passt slirp4netns containernetworking-plugins iptables socat openmpi-bin libopenmpi-dev xvfb x11-utils
    docker-registry debootstrap skopeo umoci buildah tinyproxy-bin apache2-utils
    sks dirmngr python3-yaml"
)
missing=()
for set in "$@"; do
  for package in ${sets[$set]}; do
    dpkg-query -W -f '${Status}' "$package" 2> /dev/null | grep -q 'ok installed' || missing+=("$package")
  done
done
[ ${#missing[@]} -gt 0 ] || exit 0
sudo=
[ "$(id -u)" = 0 ] || sudo=sudo
export DEBIAN_FRONTEND=noninteractive
# Another installation may hold the lock: wait for it.
$sudo apt-get -q -o DPkg::Lock::Timeout=300 update
$sudo apt-get -q -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "${missing[@]}"

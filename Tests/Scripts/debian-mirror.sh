#!/bin/sh -e
# Makes a mirror of Debian in a directory, with the packages that a minimal system and the other arguments need. The packages are
# those that apt of this machine can download.
#
# debian-mirror.sh DIRECTORY PACKAGE...
directory=$1; shift
. /etc/os-release
architecture=$(dpkg --print-architecture)
pool=$directory/pool; lists=$directory/dists/$VERSION_CODENAME
mkdir -p "$pool/partial" "$lists/main/binary-$architecture"
# A machine that installed nothing lately may have no lists.
[ -n "$(apt-cache dumpavail | head -n 1)" ] || apt-get -qq -o DPkg::Lock::Timeout=300 update
required=$(apt-cache dumpavail | awk '/^Package:/ { name = $2 } /^Priority: required/ { print name }' | sort -u)
: > "$directory/status"
# Nothing is installed for apt, so it takes all that is needed.
apt-get -qq -y --download-only -o Dir::State::status="$directory/status" -o Dir::Cache::archives="$pool" -o Debug::NoLocking=1 \
  -o APT::Install-Recommends=0 -o APT::Sandbox::User=root install $required apt "$@"
# debootstrap wants this one, where apt takes the other of two.
(cd "$pool" && apt-get -qq download -o APT::Sandbox::User=root usr-is-merged)
rm -rf "$pool/partial" "$pool/lock" "$directory/status"
cd "$directory"
packages=$lists/main/binary-$architecture/Packages
for file in pool/*%3a*; do
  # A server would take the name for an escape.
  mv "$file" "$(echo "$file" | sed 's/_[0-9]*%3a/_/')"
done
for file in pool/*.deb; do
  dpkg-deb -f "$file" | sed '/^\(Filename\|Size\|MD5sum\|SHA256\):/d'
  echo "Filename: $file"
  echo "Size: $(stat -c %s "$file")"
  echo "MD5sum: $(md5sum < "$file" | cut -d' ' -f1)"
  echo "SHA256: $(sha256sum < "$file" | cut -d' ' -f1)"
  echo
done > "$packages"
gzip -kn "$packages"
{
  echo "Origin: test"
  echo "Label: test"
  echo "Suite: stable"
  echo "Codename: $VERSION_CODENAME"
  echo "Date: $(date -Ru)"
  echo "Architectures: $architecture"
  echo "Components: main"
  echo "SHA256:"
  for file in "main/binary-$architecture/Packages" "main/binary-$architecture/Packages.gz"; do
    echo " $(sha256sum < "$lists/$file" | cut -d' ' -f1) $(stat -c %s "$lists/$file") $file"
  done
} > "$lists/Release"

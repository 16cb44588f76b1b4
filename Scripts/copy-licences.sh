#!/bin/bash
# copy-licences.sh DIRECTORY   copies the licences of everything that `make release` links into siftool (see NOTICE)
set -euo pipefail
target=$(realpath -m "$1")
cd "$(dirname "$0")/.."
install -d "$target"
# The Debian packages of the archives in .build/static, and below that of the one header-only library.
for archive in .build/static/*.a; do
  package=$(dpkg-query -S "$(realpath "$archive")") || { echo "$archive: add its licence to $target yourself" >&2; continue; }
  echo "${package%%:*}"
done | sort -u | while read -r package; do
  install -m 644 "/usr/share/doc/$package/copyright" "$target/$package"
done
install -m 644 /usr/share/doc/libtomlplusplus-dev/copyright "$target/libtomlplusplus-dev"
for licence in GPL-3 LGPL-2.1 LGPL-3; do install -m 644 "/usr/share/common-licenses/$licence" "$target/$licence"; done
for package in swift-argument-parser swift-system; do
  install -m 644 ".build/checkouts/$package/LICENSE.txt" "$target/$package"
done
swift=$(dirname "$(realpath "$(command -v "${SWIFT:-swift}")")")
install -m 644 "$swift/../share/swift/LICENSE.txt" "$target/swift"

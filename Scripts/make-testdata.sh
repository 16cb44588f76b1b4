#!/bin/bash
# Makes testdata/images with Debian's SIF library for Go, with the same bytes each time.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p testdata/images
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Outside of module mode, import paths with a major version resolve only for packages that have a go.mod.
mkdir -p "$work/src/images"
cp Scripts/testdata/main.go "$work/src/images/"
echo "module images" > "$work/src/images/go.mod"
(cd "$work/src/images" && GO111MODULE=off GOPATH="$work:/usr/share/gocode" GOCACHE="${GOCACHE:-$work/cache}" \
  go build -o "$work/make" .)
rm -f testdata/images/*.sif
"$work/make" testdata/images

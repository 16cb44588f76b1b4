#!/bin/bash
# check-floors.sh
#
# Package.swift lists the modules by floor, lowest first, after comments that begin with "// Floor N". A module may import
# modules of lower floors, and of its own floor those that are listed before it; only the tools may import the network
# (floor 5). This script reads the imports of all sources, and fails on one that breaks these rules, and on a module
# without a floor.
set -euo pipefail
cd "$(dirname "$0")/.."

declare -A floor place
current= previous= position=0
while IFS= read -r line; do
  if [[ $line =~ ^[[:space:]]*//\ Floor\ ([0-9]) ]]; then
    current=${BASH_REMATCH[1]}
  elif [[ $line =~ ^[[:space:]]*//\ Beside\ the\ floors ]]; then
    break
  elif [[ -n $current && $line =~ (module\(|name:\ )\"([A-Za-z0-9]+)\" ]]; then
    name=${BASH_REMATCH[2]}
    # A product of another package is also introduced by "name:".
    [[ $line == *.product\(* ]] && continue
    floor[$name]=$current
    place[$name]=$((position += 1))
  elif [[ -n $current && $previous =~ module\($ && $line =~ \"([A-Za-z0-9]+)\", ]]; then
    # The formatter has put the name on a line of its own.
    name=${BASH_REMATCH[1]}
    floor[$name]=$current
    place[$name]=$((position += 1))
  fi
  previous=$line
done < Package.swift

failures=0 imports=0
fail() {
  printf '%s\n' "$1" >&2
  failures=$((failures + 1))
}

for directory in Sources/*/; do
  module=$(basename "$directory")
  [ -n "${floor[$module]:-}" ] || fail "Package.swift: $module is on no floor"
done

# Modules that must not know the image format in which they are used.
declare -A strangers=([Squash]=SIF [LUKS]=SIF [Gocryptfs]=SIF [PEMKeys]=SIF [OpenPGP]=SIF [DSSE]=SIF)

while IFS=: read -r file number text; do
  module=${file#Sources/}
  module=${module%%/*}
  imported=${text##* }
  imported=${imported%%.*}
  [ -n "${floor[$imported]:-}" ] && [ -n "${floor[$module]:-}" ] || continue
  imports=$((imports + 1))
  if [ "${place[$imported]}" -ge "${place[$module]}" ]; then
    fail "$file:$number: $module (floor ${floor[$module]}) imports $imported (floor ${floor[$imported]}), which comes later in Package.swift"
  elif [ "${floor[$imported]}" = 5 ] && [ "${floor[$module]}" -lt 5 ]; then
    fail "$file:$number: $module imports $imported: the network is for the tools alone"
  elif [ "${strangers[$module]:-}" = "$imported" ]; then
    fail "$file:$number: $module imports $imported, but must know nothing of it"
  fi
done < <(grep -rnE '^((public|package|internal|private|fileprivate|@[A-Za-z_]+) +)*import +' --include='*.swift' Sources)

# No import at all would mean that the pattern above no longer matches.
[ "$imports" -gt 0 ] || fail "no import was found"
[ "$failures" -eq 0 ] || exit 1
echo "check-floors: ${#floor[@]} modules, $imports imports"

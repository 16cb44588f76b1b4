#!/bin/bash
# run.sh SECONDS [TARGET...]   fuzzes each target for a time; new inputs go into Fuzz/.build/corpus
#
# A failure ends the run; its input is in Fuzz/crashes/. After the fix, rename the input so that it says what
# it is, and keep it there: the tests replay it.
set -euo pipefail
cd "$(dirname "$0")"
seconds=$1
shift
SWIFT_SIF_FUZZ=1 swift build --package-path .. --scratch-path .build -c release --product fuzz -Xswiftc -sanitize=fuzzer,address \
  -Xswiftc -use-ld=lld 2>&1 | grep -E "error|Build" | tail -n 3
binary=.build/release/fuzz
targets=("$@")
[ ${#targets[@]} -gt 0 ] || read -ra targets <<< "$("$binary")"
for target in "${targets[@]}"; do
  mkdir -p ".build/corpus/$target" crashes "corpus/$target"
  echo "== $target: $seconds seconds"
  # No leak check: it does not understand the tag bits that Swift keeps in the pointers of an enumeration's cases.
  SWIFT_BACKTRACE=enable=no ASAN_OPTIONS=detect_leaks=0 FUZZ_TARGET=$target "$binary" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
    -max_len=131072 -artifact_prefix="crashes/$target-" -print_final_stats=1 ".build/corpus/$target" "corpus/$target" \
    2> ".build/$target.log" || { tail -n 30 ".build/$target.log"; exit 1; }
  grep -E "number_of_executed_units|new_units_added|DONE" ".build/$target.log"
done

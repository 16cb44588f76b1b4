#!/bin/bash
# Fails when code cites a section of spec/ that does not exist, or a page names a file that is not there.
set -euo pipefail
cd "$(dirname "$0")/.."
status=0
while IFS=: read -r file line text; do
  page=$(sed -E 's/.*(spec\/[a-z]+\.md), "([^"]+)".*/\1/' <<< "$text")
  section=$(sed -E 's/.*(spec\/[a-z]+\.md), "([^"]+)".*/\2/' <<< "$text")
  grep -q "^#* $section\$" "$page" 2> /dev/null || { echo "$file:$line: $page has no section \"$section\""; status=1; }
done < <(grep -rnE 'spec/[a-z]+\.md, "[^"]+"' Sources Tests)
while IFS=: read -r file path; do
  [ -e "$path" ] || { echo "$file: $path does not exist"; status=1; }
done < <(grep -rnoE '(spec|docs/decisions)/[A-Za-z0-9_./-]+\.(md|json)' Sources README.md CONTRIBUTING.md | sed -E 's/:[0-9]+:/:/')
exit $status

#!/usr/bin/env bash
# site.sh HTML: docs/make_site.sh, skipped (77) where what it needs is not installed.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
for program in doxygen dot python3; do
  command -v "$program" >/dev/null || { echo "skipped: there is no $program here"; exit 77; }
done
mathjax=${SHARD_MATHJAX:-/usr/share/javascript/mathjax}
[[ -f $mathjax/MathJax.js ]] || { echo "skipped: there is no MathJax in $mathjax"; exit 77; }
rm -rf "$1"
"$root/docs/make_site.sh" "$1"
echo "$(find "$1" -name '*.html' | wc -l) pages"

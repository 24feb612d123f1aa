#!/usr/bin/env bash
# make_site.sh HTML: builds the site in the folder HTML from the sources, and from what the programs
# of the build folder SHARD_BUILD (build) draw. Needs Doxygen, Graphviz, MathJax and Python.
# ./learn docs and the tests of the site call it.
set -euo pipefail
export LC_ALL=C.UTF-8
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$(cd "${SHARD_BUILD:-$root/build}" && pwd)
work=$build/docs   # pictures and pages, between the sources and the site
mathjax=${SHARD_MATHJAX:-/usr/share/javascript/mathjax}

fail() { printf 'docs: %s\n' "$*" >&2; exit 1; }

make_pages() {
  python3 "$root/docs/make_pages.py" "$work"
  local folder headers=()
  while read -r folder; do
    headers+=("$root/common/$folder"/[a-z0-9]*.h)   # not the folder: it may hold dangling links
  done < <(sed -n 's/^@defgroup \([a-z]*\) .*/\1/p' "$root/docs/pages/api.md")
  SHARD_ROOT=$root SHARD_HEADERS=${headers[*]} SHARD_PAGES=$work SHARD_SITE=$work \
    doxygen "$root/docs/Doxyfile"
  # Links within the page, some of them to nowhere:
  sed -i '/<div class="summary">/,/<\/div>/d' "$work"/html/*.html
  python3 "$root/docs/make_search.py" "$work/html"
  mkdir "$work/html/pictures"
  cp "$work/pictures"/*.svg "$work/html/pictures"
}

# Of MathJax what typesets our formulas: TeX in, SVG out. The whole of it is 54 MB.
copy_mathjax() {
  local part svg=jax/output/SVG
  for part in MathJax.js extensions jax/element jax/input/TeX \
    $svg/{config.js,jax.js,autoload,fonts/TeX}; do
    mkdir -p "$work/html/mathjax/$(dirname "$part")"
    cp -rL "$mathjax/$part" "$work/html/mathjax/$part"
  done
}

(($# == 1)) || fail 'usage: make_site.sh HTML'
for program in doxygen dot python3; do
  command -v "$program" >/dev/null || fail "there is no $program here; ./learn docs installs it"
done
[[ -f $mathjax/MathJax.js ]] || fail "there is no MathJax in $mathjax; ./learn docs installs it"
mkdir -p "$work" "$(dirname "$1")"
exec {lock}>"$work/.lock"
flock "$lock"   # two builds in one folder would spoil each other
rm -rf "$work/html" "$work/pictures"
"$root/docs/pictures.sh" "$work/pictures"
cp "$root"/docs/*.svg "$work/pictures"
make_pages
copy_mathjax
rm -rf "$1"
mv "$work/html" "$1"

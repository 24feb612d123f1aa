#!/usr/bin/env bash
# make_site.sh HTML: builds the site in the folder HTML from the sources, and from what the programs of the build folder
# SHARD_BUILD (build) draw. Needs Doxygen, Graphviz, MathJax and Python. ./learn docs and the tests of the site call it.
set -euo pipefail
export LC_ALL=C.UTF-8
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$(cd "${SHARD_BUILD:-$root/build}" && pwd)
work=$build/docs   # pictures and pages, between the sources and the site
mathjax=${SHARD_MATHJAX:-/usr/share/javascript/mathjax}

fail() { printf 'docs: %s\n' "$*" >&2; exit 1; }

# ---- Pictures: every <!-- picture: NAME --> in a README is drawn here -------------------------------------------------

draw_pictures() {
  rm -rf "$work/pictures"
  mkdir -p "$work/pictures"
  picture 01 1 01_gemm
  picture 02 3 02_collectives
  picture 03 2 03_row_parallel_gemm
  picture 04 2 04_column_parallel_gemm
  picture 05 2 05_parallel_mlp
  picture 06 3 06_parallel_attention
  timeline 07_timeline 2 07_transformer_block
  picture 08 3 08_vocab_parallel
  picture 09 2 09_data_parallel
  picture 10 6 10_tensor_and_data_parallel --tp 3 --dp 2 --heads 6 --width 120 "${short_run[@]}"
  picture 10_losses 4 10_tensor_and_data_parallel --layouts --layers 2 --steps 16
  timeline 10_timeline 2 10_tensor_and_data_parallel --tp 2 "${short_run[@]}"
}
short_run=(--layers 2 --steps 4 --check-steps 0 --sample 0)

# picture NAME RANKS PROGRAM ARGS…: the program draws what its run is about.
picture() { draw --picture "$@"; }
# timeline NAME RANKS PROGRAM ARGS…: the program draws who computed and who communicated when.
timeline() { draw --trace "$@"; }

draw() {
  local option=$1 name=$2 ranks=$3 program=$4
  shift 4
  [[ -x $build/bin/$program ]] || fail "there is no program $build/bin/$program"
  (cd "$work" && timeout 300 "$root/tests/mpirun.sh" "$ranks" "$build/bin/$program" "$@" \
    "$option" "$work/pictures/$name.svg") >"$work/output" 2>&1 ||
    fail "$program drew no picture: $(tail -n 3 "$work/output")"
  echo "mpirun -n $ranks build/bin/$program${*:+ $*} $option $name.svg" >"$work/pictures/$name.command"
}

# ---- Pages ------------------------------------------------------------------------------------------------------------

make_pages() {
  python3 "$root/docs/make_pages.py" "$work"
  SHARD_ROOT=$root SHARD_PAGES=$work SHARD_SITE=$work doxygen "$root/docs/Doxyfile"
  sed -i '/<div class="summary">/,/<\/div>/d' "$work"/html/*.html   # links within the page, some of them to nowhere
  python3 "$root/docs/make_search.py" "$work/html"
  mkdir "$work/html/pictures"
  cp "$work/pictures"/*.svg "$work/html/pictures"
}

# Of MathJax what typesets our formulas: TeX in, SVG out. The whole of it is 54 MB.
copy_mathjax() {
  local part
  for part in MathJax.js extensions jax/element jax/input/TeX jax/output/SVG/{config.js,jax.js,autoload,fonts/TeX}; do
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
rm -rf "$work/html"
draw_pictures
make_pages
copy_mathjax
rm -rf "$1"
mv "$work/html" "$1"

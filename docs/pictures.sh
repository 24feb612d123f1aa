#!/usr/bin/env bash
# pictures.sh OUT [NN…]: draws the pictures that the READMEs of all chapters, or of chapters NN,
# show:
#     <!-- picture: PROGRAM --ranks N ARGS --picture NAME.svg -->      (or --trace NAME.svg)
# The picture becomes OUT/NAME.svg, the command OUT/NAME.command. SHARD_BUILD names the build folder
# (build).
set -euo pipefail
export LC_ALL=C.UTF-8 SHARD_DEVICE=cpu
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$(cd "${SHARD_BUILD:-$root/build}" && pwd)

fail() { printf 'pictures: %s\n' "$*" >&2; exit 1; }

# draw PROGRAM RANKS ARGS… NAME.svg, in the folder of the pictures
draw() {
  local name=${*: -1} program=$1 ranks=$2
  shift 2
  [[ -x $build/bin/$program ]] || fail "there is no program $build/bin/$program"
  timeout 300 "$root/tests/mpirun.sh" "$ranks" "$build/bin/$program" "$@" >"$name.output" 2>&1 ||
    fail "$program drew no picture: $(tail -n 3 "$name.output")"
  rm "$name.output"
  echo "mpirun -n $ranks build/bin/$program $*" >"${name%.svg}.command"
}

(($#)) || fail 'usage: pictures.sh OUT [NN…]'
mkdir -p "$1"
readmes=()
for number in "${@:2}"; do readmes+=("$root"/chapters/"$number"_*/README.md); done
(($# > 1)) || readmes=("$root"/chapters/*/README.md)
cd "$1"
start="^<!-- picture: ([a-z0-9_]+) --ranks ([0-9]+) (.* )?"
while IFS= read -r marker; do
  [[ $marker =~ $start(--picture|--trace)' '([a-z0-9_]+\.svg)' -->'$ ]] || fail "what is $marker?"
  read -ra arguments <<<"${BASH_REMATCH[3]} ${BASH_REMATCH[4]} ${BASH_REMATCH[5]}"
  draw "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}" "${arguments[@]}"
done < <(grep -h '^<!-- picture:' "${readmes[@]}")

#!/usr/bin/env bash
# readmes.sh update|check [NN…]: the outputs that the READMEs show (of all chapters, the front page
# and docs/predictions.md, or of chapters NN only) are those of the programs. A README says where
# one belongs:
#     <!-- run: PROGRAM --ranks N ARGS -->
#     ```text
#     ```
# update runs PROGRAM and pastes its output between the fences. check runs it and compares: what
# depends on the machine or the moment (see normalised) may differ. SHARD_BUILD names the build
# folder (build).
# In the same way a picture and its alternative text follow <!-- picture: … -->, which
# docs/pictures.sh explains.
set -euo pipefail
export LC_ALL=C.UTF-8 SHARD_DEVICE=cpu
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
bin=${SHARD_BUILD:-$root/build}/bin
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() { printf 'readmes: %s\n' "$*" >&2; exit 1; }

# run RANKS PROGRAM ARGS…: its output.
run() {
  local status=0
  [[ -x $bin/$2 ]] || fail "there is no program $bin/$2"
  (cd "$work" && timeout 300 "$here/mpirun.sh" "$1" "$bin/$2" "${@:3}" 2>"$work/errors") ||
    status=$?
  ((status == 0)) || fail "$2 ${*:3} on $1 ranks ended with exit status $status: $(<"$work/errors")"
}

# What may differ from run to run: times, rates, percentages, errors and losses (all that has a
# decimal point or an exponent, but sizes in KB and MB), the device, the name of the check nearest
# its limit, the points of a curve, which of several was the fastest or had the largest error, the
# bars of a timeline (such lines in a row count as one), the text that a model writes, and what
# depends on the length of the repository's own text. Counts, shapes, bytes, whole-number matrices
# and words must be the same, runs of spaces aside.
normalised() {
  awk '/^ *([0-9.]*|rank [0-9]+ [a-z]+( [0-9]+)?) *[|+]/ { if (!drawn) print "|"; drawn = 1; next }
       { drawn = 0 }
       /^What the model writes/ { writes = 1; print; next }
       writes && !/checks hold|^no checks were made/ { next }
       /^ *all_reduce +dp / { sub(/[0-9.]+ (µs|ms|s)$/, "#") }
       /^  (grid|data): |^ *all_reduce +dp |^  (the library|peak: )/ { gsub(/[0-9]+/, "#") }
       /^ *(1 rank|[tcpd]p [0-9])/ {
         gsub(/(h\.[0-9]+|ln_f)\.[a-z_0-9.]*(weight|bias)|w[tp]e\.weight/, "#") }
       /^ *([0-9]+ +)?(gather|scatter|model) .* (µs|ms|s) / { sub(/[^ ]+$/, "#") }
       { writes = 0; print }' |
    sed -E -e 's/^([0-9]{2}_[a-z_]+: [0-9]+ ranks?) on .*/\1 on …/' -e 's/( allowed) \(.*\)$/\1/' \
      -e 's/-?[0-9]+(\.[0-9]+)?e[-+]?[0-9]+/#/g' -e 's/[0-9.]+ (MB resident|tokens\/s|%)/# \1/g' \
      -e 's/[0-9#]+(\.[0-9#]+)? (µs|ms|s)([^A-Za-z]|$)/#\3/g' \
      -e 's/([0-9])\.([0-9]+ [KM]B)/\1,\2/g' \
      -e 's/-?[0-9]+\.[0-9]+/#/g' -e 's/ +/ /g' -e 's/ $//'
}

# What a picture shows. Of measured times and errors, and of losses, only the words and the rows
# count, without their numbers.
drawing() {
  if grep -qE '<desc>A timeline|<polyline|<desc>A dot for each of [0-9]+ combinations' "$1"; then
    awk '/^<g / { print; inside = 1 } /^<\/g>/ { inside = 0 } /^<(title|desc|text)/ && !inside' \
      "$1" |
      sed -E 's/^<text[^>]*>//; s/-?[0-9]+(\.[0-9]+)?( [nµm]?s\>)?/#/g' | uniq
  else
    cat "$1"
  fi
}

# picture_block MARKER FOLDER: the lines below a picture's marker, which show it and say in words
# what it shows.
picture_block() {
  local name=${1% -->} program fresh committed line
  read -r _ _ program _ <<<"$1"
  name=${name##* }
  fresh=$work/pictures/$name committed=$root/chapters/$program/$name
  [[ -f $fresh ]] || fail "no chapter's README has $1"
  echo "== $name" | tee -a "$work/old" >>"$work/new"
  if diff -U 1 --label "${committed#"$root/"}" --label 'drawn anew' \
    <(drawing "$committed" 2>/dev/null) <(drawing "$fresh") \
    >>"$work/other_pictures"; then
    fresh=$committed
  elif [[ $command == update ]]; then
    cp "$fresh" "$committed"
  fi
  while IFS= read -r line && [[ -n $line ]]; do printf '%s\n' "$line"; done >>"$work/old"
  line=$(sed -nE '2,3 s|^<(title\|desc)>(.*[^.])\.?</.*|\2.|p' "$fresh" | paste -sd ' ')
  printf '![%s](%s)\n' "${line%.}" "$(realpath --relative-to "$2" "$committed")" |
    fold -sw 100 | sed 's/ $//' | tee -a "$work/new"
  echo
}

# blocks README: copies it to standard output with the blocks replaced by fresh output; keeps each
# block as it was and as it would be in $work/old and $work/new, with a line that names it.
blocks() {
  local line program ranks args folder=${1%/*}
  while IFS= read -r line; do
    printf '%s\n' "$line"
    [[ $line != '<!-- picture:'* ]] || picture_block "$line" "$folder"
    [[ $line == '<!-- run:'* ]] || continue
    [[ $line =~ ^'<!-- run: '([a-z0-9_]+)' --ranks '([0-9]+)(.*)' -->'$ ]] ||
      fail "$1: what is $line?"
    program=${BASH_REMATCH[1]} ranks=${BASH_REMATCH[2]}
    read -ra args <<<"${BASH_REMATCH[3]}"
    IFS= read -r line || true
    [[ $line == '```text' ]] || fail "$1: \`\`\`text must follow $program's marker"
    echo "== $program --ranks $ranks ${args[*]}" | tee -a "$work/old" >>"$work/new"
    while IFS= read -r line && [[ $line != '```' ]]; do printf '%s\n' "$line"; done >>"$work/old"
    [[ $line == '```' ]] || fail "$1: the block of $program does not end"
    run "$ranks" "$program" "${args[@]}" >"$work/fresh"
    cat "$work/fresh" >>"$work/new"
    printf '%s\n' '```text' "$(<"$work/fresh")" '```'
  done <"$1"
}

command=${1:-}
[[ $command == update || $command == check ]] || fail 'usage: readmes.sh update|check [NN…]'
shift
readmes=()
for number; do readmes+=("$root"/chapters/"$number"_*/README.md); done
(($#)) || readmes=("$root"/{README,docs/predictions}.md "$root"/chapters/*/README.md)

"$root/docs/pictures.sh" "$work/pictures" "$@"
shown=0 stale=0
for readme in "${readmes[@]}"; do
  [[ -f $readme ]] || fail "there is no $readme"
  : >"$work/old"
  : >"$work/new"
  : >"$work/other_pictures"
  blocks "$readme" >"$work/updated"
  shown=$((shown + $(grep -c '^== ' "$work/new" || true)))
  if [[ $command == update ]]; then
    cmp -s "$work/updated" "$readme" || cp "$work/updated" "$readme"
  elif ! diff -U 2 --label "${readme#"$root/"}" --label 'a fresh run' \
    <(normalised <"$work/old") <(normalised <"$work/new") || [[ -s $work/other_pictures ]]; then
    cat "$work/other_pictures"
    stale=$((stale + 1))
  fi
done
echo "$shown outputs and pictures in ${#readmes[@]} READMEs, $stale READMEs differ"
((shown > 0 && stale == 0)) || fail \
  "the READMEs are not what the programs show: tests/readmes.sh update mends them"

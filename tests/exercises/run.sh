#!/usr/bin/env bash
# How the tests of exercises run answers, and what must come out. FOLDER holds the answers, ID is
# NN_K:
#   run.sh FOLDER all ID MISTAKES RANKS…
#       runs the solution and all wrong answers, those of a number of ranks in one start of mpirun,
#       and keeps what came out for the following
#   run.sh FOLDER right ID RANKS…
#       the solution passes on each of these numbers of ranks
#   run.sh FOLDER wrong ID FILE
#       the wrong answer FILE fails, with the diagnosis of its line "// expect: …", on 3 ranks or
#       those of a line "// ranks: N"; within 10 seconds. With a line "// first: why" no other
#       fault is shown before it, and the text of a line "// without: …" is nowhere. One with a line
#       "// right: …" is an unusual answer that passes
#   run.sh FOLDER stubs
#       builds and runs the learner's files, and keeps what came out
#   run.sh FOLDER open ID FILE
#       fails with "not written yet"; skipped (77) when FILE was edited: a learner is at work. With
#       CI=true nothing is skipped
# What was not run together in this run of ctest is run on its own.
set -uo pipefail

export OMP_NUM_THREADS=1
mpirun=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/mpirun.sh
limit=${SHARD_EXERCISE_LIMIT:-10}  # seconds
folder=$(cd "$1" && pwd) kind=$2
shift 2
results=$folder/results

# shellcheck source-path=SCRIPTDIR source=../together.sh
source "$(dirname "${BASH_SOURCE[0]}")/../together.sh"

ranks_of() {
  local ranks
  ranks=$(sed -n 's|^// ranks: \([0-9]*\)$|\1|p' "$1")
  echo "${ranks:-3}"
}

start() { timeout "$((limit * $#))" "$mpirun" "$1" "$folder/examine" --each "${@:2}"; }

run_alone() {   # RANKS ANSWER
  output=$(timeout "$limit" "$mpirun" "$1" "$folder/examine" "$2" 2>&1)
  status=$?
}

# result RANKS ANSWER: sets output and status.
result() { outcome "$1" "$folder/$2.so" || run_alone "$1" "$folder/$2.so"; }

is_right() { [[ $status == 0 ]] || fail "the right answer fails (status $status):" "$output"; }
is_diagnosed() {
  [[ $status != 0 ]] || fail "the mistake passes:" "$output"
  [[ $status != 124 ]] || fail "the check took longer than $limit s:" "$output"
  [[ $status != 3 ]] || fail "the mistake counts as not written:" "$output"
  [[ $output == *"$expected"* ]] ||
    fail "the diagnosis is another one; expected: $expected" "$output"
  [[ $first == false || $(grep -m 1 WRONG <<<"$output") == *"$expected"* ]] ||
    fail "another fault is shown before: $expected" "$output"
  [[ -z $without || $output != *"$without"* ]] || fail "it says: $without" "$output"
}
is_open() {
  [[ $status == 3 ]] || fail "the stub ends with status $status, not 3:" "$output"
  [[ $output == *'not written yet'* ]] ||
    fail "the stub does not say that it is not written:" "$output"
}

case $kind in
  all)
    id=$1 mistakes=$2
    shift 2
    results=$folder/results/$id
    begin_together
    for ranks in $(printf '%s\n' "$@" 3 4 | sort -u); do
      answers=()
      [[ " $* " != *" $ranks "* ]] || answers+=("$folder/solution_$id.so")
      for file in "$mistakes"/[a-z0-9]*.c[pu]*; do
        [[ $(ranks_of "$file") != "$ranks" ]] ||
          answers+=("$folder/mistake_${id}_$(item "$file").so")
      done
      together "$ranks" "${answers[@]}"
    done
    ;;
  right)
    id=$1
    shift
    results=$folder/results/$id
    for ranks in "$@"; do
      result "$ranks" "solution_$id"  # the first that its program runs: nothing can have spoilt it
      is_right
    done
    ;;
  wrong)
    results=$folder/results/$1
    ranks=$(ranks_of "$2") answer=mistake_$1_$(item "$2")
    result "$ranks" "$answer"
    if grep -q '^// right: ' "$2"; then is_right; exit; fi
    expected=$(sed -n 's|^// expect: ||p' "$2")
    [[ -n $expected ]] || fail "$2 has no line '// expect: …'"
    without=$(sed -n 's|^// without: ||p' "$2") first=false
    ! grep -q '^// first: ' "$2" || first=true
    # Other wrong answers may have spoilt the memory of the program before: then it is run alone.
    (is_diagnosed >/dev/null) || run_alone "$ranks" "$folder/$answer.so"
    is_diagnosed
    ;;
  stubs)
    results=$folder/results/stubs
    begin_together
    # Each is built on its own, then.
    cmake --build "$folder/.." --target exercises >"$results/log" 2>&1 || exit 0
    together 1 "$folder"/exercise_*.so
    ;;
  open)
    results=$folder/results/stubs
    edited=0
    git -C "$(dirname "$2")" diff --quiet HEAD -- "$2" 2>/dev/null || edited=$?
    [[ $edited -le 1 ]] || grep -qF 'todo("' "$2" || edited=1  # there is no git
    if [[ $edited == 1 && ${CI:-} != true ]]; then echo "$2 has been edited"; exit 77; fi
    if ! outcome 1 "exercise_$1"; then
      cmake --build "$folder/.." --target "exercise_$1" >"$folder/exercise_$1.log" 2>&1 ||
        fail "the stub does not compile:" "$(<"$folder/exercise_$1.log")"
    fi
    result 1 "exercise_$1"
    is_open
    ;;
  *) fail "run.sh FOLDER all|right|wrong|stubs|open …" ;;
esac

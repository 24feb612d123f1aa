#!/usr/bin/env bash
# How the tests of exercises run one program, and what must come out:
#   run.sh right PROGRAM RANKS…   passes on each of these numbers of ranks
#   run.sh wrong PROGRAM FILE     fails, with the diagnosis of the line "// expect: …" in FILE, on 3 ranks or those of
#                                 a line "// ranks: N"; within 10 seconds
#   run.sh open PROGRAM FILE      fails with "not written yet"; skipped (77) when FILE was edited: a learner is at work.
#                                 With CI=true nothing is skipped
set -uo pipefail

export OMP_NUM_THREADS=1
mpirun=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/mpirun.sh
limit=${SHARD_EXERCISE_LIMIT:-10}  # seconds

run() { timeout "$limit" "$mpirun" "$1" "$2" 2>&1; }
fail() { printf '%s\n' "$@"; exit 1; }

kind=$1 program=$2
case $kind in
  right)
    shift 2
    for ranks in "$@"; do
      output=$(run "$ranks" "$program") || fail "on $ranks ranks the solution fails (status $?):" "$output"
    done
    ;;
  wrong)
    expected=$(sed -n 's|^// expect: ||p' "$3")
    [ -n "$expected" ] || fail "$3 has no line '// expect: …'"
    ranks=$(sed -n 's|^// ranks: ||p' "$3")
    output=$(run "${ranks:-3}" "$program")
    status=$?
    [ "$status" -ne 0 ] || fail "the mistake passes:" "$output"
    [ "$status" -ne 124 ] || fail "the check took longer than $limit s:" "$output"
    [ "$status" -ne 3 ] || fail "the mistake counts as not written:" "$output"
    [[ $output == *"$expected"* ]] || fail "the diagnosis is another one; expected: $expected" "$output"
    ;;
  open)
    root=$(dirname "$3")
    edited=0
    git -C "$root" diff --quiet HEAD -- "$3" 2>/dev/null || edited=$?
    [ "$edited" -le 1 ] || grep -qF 'todo("' "$3" || edited=1  # there is no git
    if [ "$edited" -eq 1 ] && [ "${CI:-}" != true ]; then echo "$3 has been edited"; exit 77; fi
    cmake --build "$(dirname "$program")/.." --target "$(basename "$program")" > "$program.log" 2>&1 ||
      fail "the stub does not compile:" "$(cat "$program.log")"
    output=$(run 1 "$program")
    status=$?
    [ "$status" -eq 3 ] || fail "the stub ends with status $status, not 3:" "$output"
    [[ $output == *"not written yet"* ]] || fail "the stub does not say that it is not written:" "$output"
    ;;
  *) fail "run.sh right|wrong|open PROGRAM …" ;;
esac

# What the tests of ./learn share: a copy of the checkout that holds one exercise and links the
# library of BUILD, the first argument.
# shellcheck shell=bash
set -euo pipefail

source=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
folder=$(mktemp -d)
# Paths may contain all this; where one has an & or a ', ninja compiles all again at each build.
copy=$folder/${name:-"a checkout, 100 % naïve & \$HOME (it's)"}
exercise=03_row_parallel_gemm/1_bias_once
answer="$copy/exercises/$exercise.cpp"
export SHARD_BUILD=$1 SHARD_SKIP_PACKAGES=1 GIT_CEILING_DIRECTORIES=$folder
unset NO_COLOR SHARD_EXERCISE_LIMIT
trap 'rm -rf "$folder"' EXIT

make_copy() {
  local part
  mkdir -p "$copy/exercises"
  for part in learn scripts common chapters tests/exercises solutions CMakePresets.json \
    exercises/CMakeLists.txt exercises/todo.h exercises/{,hints/}"${exercise%/*}"; do
    mkdir -p "$copy/$(dirname "$part")"
    cp -r "$source/$part" "$copy/$part"
  done
  cp "$source/tests/learn/small_project.cmake" "$copy/CMakeLists.txt"
  find "$copy/exercises" -type f -name '[0-9]_*' ! -name '1_bias_once*' -delete
  echo "add_exercise(${exercise/\// } RANKS 1 2 3 4)" \
    >"$copy/exercises/${exercise%/*}/exercises.cmake"
}

# write LINE…: the exercise with these lines; their first are a stub's, whatever the learner's own
# file holds by now.
write() {
  {
    printf '// Exercise 03.1: the test of learn.\n#include "exercises/%s.h"\n' $exercise
    printf '#include "common/tensor/ops.h"\n#include "exercises/todo.h"\n\nnamespace shard {\n\n'
    echo 'Tensor row_parallel_scattered(Communicator& group, const Tensor& x, const Tensor& a,'
    echo '                              const Tensor& bias) {'
    printf '  %s\n' "$@"
    printf '}\n\n}  // namespace shard\n'
  } >"$answer"
}

output=''
failed() { printf 'FAILED: %s\n%s\n' "$1" "$output"; exit 1; }

# learn STATUS ARGUMENTS…: ./learn with these arguments ends with this status.
learn() {
  local wanted=$1 status=0
  shift
  output=$(cd "$copy" && timeout 120 ./learn "$@" 2>&1 </dev/null) || status=$?
  [[ $status == "$wanted" ]] || failed "./learn $* ended with $status, not $wanted"
  [[ $output != *$'\e'* ]] || failed "./learn $* coloured what is no terminal"
  printf 'ok  ./learn %s\n' "$*"
}

says() {
  local text
  for text in "$@"; do [[ $output == *"$text"* ]] || failed "it does not say: $text"; done
}

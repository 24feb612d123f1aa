#!/usr/bin/env bash
# terminal.sh BIN: on a terminal of any width progress is one line that moves, with mpirun, without
# it and through ./learn; also when the terminal becomes narrower meanwhile.
# shellcheck source-path=SCRIPTDIR source=trust.sh
here=$(dirname "$0")
source "$here/trust.sh"
command -v python3 >/dev/null || skip 'there is no python3'
unset TERM
trains=$bin/10_tensor_and_data_parallel
tiny=(--layers 1 --heads 2 --width 16 --context 16 --batch 2 --steps 300 --eval-every 50
  "${quick[@]}" --data "$data")

# one_line NAME COLUMNS COMMAND…: what is on the screen has one line of progress.
one_line() {
  last=$1
  timeout 100 python3 "$here/terminal.py" "${@:2}" >"$work/$1.out" 2>"$work/$1.err" </dev/null ||
    failed "$1: exit status $?"
  [[ $(grep -c 'step *[0-9]*/300' "$work/$1.out") == 1 ]] ||
    failed "$1: one line of progress was expected"
  says "$1" 'step 300/300'
}
for columns in 14 40 80 200; do
  one_line "ranks-$columns" $columns "${mpirun[@]}" 2 "$trains" --tp 2 "${tiny[@]}"
  one_line "alone-$columns" $columns "$trains" "${tiny[@]}"
  says "alone-$columns" 'step 300/300'
  ((columns < 40)) || says "alone-$columns" 'step 300/300  loss '
  ((columns < 80)) || grep -q 'step 300/300  loss .*  validation .* tokens/s' \
    "$work/alone-$columns.out" ||
    failed 'validation and speed were expected'
  ((columns < 200)) || says "alone-$columns" '[########################] step 300/300'
  passed "$columns columns"
done
one_line narrower 150,45 "${mpirun[@]}" 2 "$trains" --tp 2 "${tiny[@]}"
passed 'a terminal that becomes narrower'

one_line saving 80 "$program" "${tiny[@]}" --save "$work/saving" --save-every 100
for step in 100 200 300; do
  grep -qx "  step $step: saved in .*" "$work/saving.out" ||
    failed "a line of its own was expected for step $step"
done
passed 'what is said meanwhile gets lines of its own'

copy_learn
SHARD_SKIP_PACKAGES=1 PATH=$work/tools:$PATH one_line learn 60 "$checkout/learn" run 10 --ranks 2 \
  -- "${tiny[@]}"
passed './learn run'
finish

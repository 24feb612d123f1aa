#!/usr/bin/env bash
# pictures_test.sh BIN: every chapter that offers --picture writes it on 1 to 4 ranks, and what is
# drawn is what the ranks hold (check_picture). Then the timelines of --trace FILE.svg.
# shellcheck source-path=SCRIPTDIR source=../faults/expect.sh
source "$(dirname "$0")/../faults/expect.sh"

# draws CHECK OPTION RANKS PROGRAM ARGS…: the program draws into the file of this option, and
# check_picture likes it.
draws() {
  local picture=$work/$1.svg
  rm -f "$picture"
  attempt "$3" "$4" "${@:5}" "$2" "$picture"
  if [[ $status != 0 ]]; then
    wrong "${*:4} on $3 ranks does not draw"
  elif ! "$bin/check_picture" "$picture" "$1" "$3" >"$work/out" 2>&1; then
    wrong "the picture of ${*:4} on $3 ranks"
  fi
}

gpt=(10_tensor_and_data_parallel --layers 1 --heads 12 --width 48 --context 16 --steps 3
  --check-steps 0 --sample 0
  --curve "$work/loss.svg")
for ranks in 1 2 3 4; do
  draws 01 --picture $ranks 01_gemm --size 16
  draws 02 --picture $ranks 02_collectives --max-bytes 16384
  draws 03 --picture $ranks 03_row_parallel_gemm
  draws 04 --picture $ranks 04_column_parallel_gemm --timing-tokens 8 --timing-width 8 --repeat 1
  draws 05 --picture $ranks 05_parallel_mlp --tokens 8 --width 8 --repeat 1
  draws 06 --picture $ranks 06_parallel_attention
  draws 08 --picture $ranks 08_vocab_parallel
  draws 09 --picture $ranks 09_data_parallel --steps 2
  tp=$((ranks % 2 == 0 ? 2 : 1))
  draws 10 --picture $ranks "${gpt[@]}" --tp $tp --dp $((ranks / tp))
  draws 10_layouts --picture $ranks "${gpt[@]}" --layouts
done
draws 06_tiles --picture 1 06_parallel_attention --tiles
draws trace --trace 2 05_parallel_mlp --tokens 64 --width 64 --repeat 1
draws trace --trace 4 "${gpt[@]}" --tp 2 --dp 2
draws trace --trace 2 07_transformer_block

# The rest of the output does not change because a picture is drawn; what is drawn says so.
attempt 2 03_row_parallel_gemm
cp "$work/out" "$work/without"
attempt 2 03_row_parallel_gemm --picture "$work/03.svg"
untimed() { grep -v '^$' "$1" | sed -E 's/ +/ /g; s/ [0-9.]+ (µs|ms|s)$//'; }
diff <(untimed "$work/without") <(untimed "$work/out") >"$work/difference" || true
[[ $(grep -c '^[<>]' "$work/difference") == 1 &&
  $(<"$work/difference") == *"the picture: $work/03.svg" ]] ||
  wrong 'with --picture, one line more was expected'
finish

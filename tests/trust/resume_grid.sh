#!/usr/bin/env bash
# resume_grid.sh BIN: chapter 22 goes on from a checkpoint of a grid with stages, cut sequences or
# experts: bit by bit on the same grid, within 1e-5 on another.
# shellcheck source-path=SCRIPTDIR source=trust.sh
source "$(dirname "$0")/trust.sh"
wait_for_no_rank

# grid NAME RANKS ARGS…: a run of chapter 22, of the checkpoint's model where it goes on.
grid() {
  local size=("${model[@]}")
  [[ " ${*:3} " != *' --resume '* ]] || size=(--data "$data")
  run "$1" "$2" "$bin/22_the_whole_grid" "${size[@]}" "${quick[@]}" "${@:3}"
}
# saves NAME RANKS GRID…: 10 steps with a checkpoint after 4, which goes on as it was.
saves() {
  grid "$1" "$2" "${@:3}" --steps 10 --save "$work/$1" --save-every 4 --keep 9
  ends_with "$1" 0
  grid "$1-on" "$2" "${@:3}" --resume "$work/$1/step-00000004"
  ends_with "$1-on" 0
  same_losses "$1-on" 4 "$1"
  passed "${*:3} goes on: bit by bit"
}
# goes_on_as NAME RANKS GRID…: what `saves NAME` has saved, on another grid.
goes_on_as() {
  grid other "$2" "${@:3}" --resume "$work/$1/step-00000004"
  ends_with other 0
  near_losses other 4 "$1"
  passed "$1 goes on as ${*:3}: within 1e-5"
}

saves stages 4 --tp 2 --pp 2 --schedule interleaved --chunks 2 --sequence-parallel
goes_on_as stages 3 --pp 3 --schedule zb-h1
goes_on_as stages 4 --cp 2 --dp 2 --shard-optimizer 3 --recompute full
saves sequences 4 --cp 2 --pp 2 --shard-optimizer 2
goes_on_as sequences 2 --tp 2
saves experts 2 --experts 5 --ep 2 --dp 2 --shard-optimizer 1
goes_on_as experts 4 --experts 5 --ep 2 --cp 2 --pp 2
goes_on_as experts 1 --experts 5

grid dense 1 --resume "$work/experts/step-00000004"
refuses "$work/experts/step-00000004" dense
grid fewer 1 --experts 4 --resume "$work/experts/step-00000004"
refuses "$work/experts/step-00000004" fewer
finish

#!/usr/bin/env bash
# interrupted.sh BIN: a run that is asked to stop finishes its step, saves, says where, and ends with exit status 0; the
# run that goes on takes the steps that it would have taken, bit by bit.
# shellcheck source-path=SCRIPTDIR source=trust.sh
source "$(dirname "$0")/trust.sh"
steps=60
grid=(--tp 2 --dp 2 --steps "$steps")
train whole 4 "${grid[@]}"
train alone 1 --steps $steps
model_alone=("${model[@]}" "${quick[@]}" --steps "$steps")

# went_on NAME RANKS OTHER: what NAME has saved is where it stopped, and both parts together are OTHER.
went_on() {
  local step
  step=$(losses "$1" | wc -l)
  says "$1" "step $step: saved in $work/$1/$(printf 'step-%08d' "$step")"
  ((step < steps)) || failed "$1: it was not interrupted"
  cmp -s <(losses "$1") <(losses "$3" | head -n "$step") || failed "$1: other losses before it stopped"
  train "$1-on" "$2" --resume latest --save "$work/$1" --tp $(($2 == 4 ? 2 : 1))
  ends_with "$1-on" 0
  same_losses "$1-on" "$step" "$3"
}
begun() { waits_for 60 has_said "$1" " 1/$steps" || failed "$1 does not start"; }

# interrupt NAME SIGNAL COMMAND…: COMMAND prints the process of the run of 4 ranks that gets the signal.
interrupt() {
  local name=$1
  start "$name" 4 "${grid[@]}" --save "$work/$name"
  begun "$name"
  kill -"$2" "$("${@:3}")"
  ended "$name"
}

interrupt term TERM process_of 2
ends_with term 0
went_on term 4 whole
passed 'SIGTERM to a rank'
interrupt int INT process_of 0
ends_with int 0
went_on int 4 whole
passed 'SIGINT to a rank'
interrupt usr1 USR1 mpirun_of_test
ends_with usr1 0
went_on usr1 4 whole
passed 'SIGUSR1 to mpirun, which hands it on'

for signal in INT TERM; do   # without mpirun, as on one GPU
  name=alone-$signal
  "$program" "${model_alone[@]}" --save "$work/$name" --json "$work/$name.json" >"$work/$name.out" 2>"$work/$name.err" &
  begun "$name"
  kill -$signal $!
  status=0
  wait $! || status=$?
  ends_with "$name" 0
  went_on "$name" 1 alone
  passed "SIG$signal to a program without mpirun"
done

# mpirun itself gives its ranks a second, and then kills them: what they have saved by then is there.
for signal in INT TERM; do
  start "mpirun-$signal" 4 "${grid[@]}" --save "$work/mpirun-$signal" --save-every 4
  waits_for 60 has_said "mpirun-$signal" ': saved in' || failed "mpirun-$signal does not start"
  kill -$signal "$(mpirun_of_test)"
  ended "mpirun-$signal"
  [[ $status != 0 ]] || failed "mpirun-$signal: exit status 0"
  none_left || failed "mpirun-$signal: a rank goes on"
  train "on-$signal" 4 --resume latest --save "$work/mpirun-$signal" --tp 2
  same_losses "on-$signal" $((steps - $(losses "on-$signal" | wc -l))) whole
  passed "SIG$signal to mpirun, which kills its ranks after a second: the last checkpoint is whole"
done
finish

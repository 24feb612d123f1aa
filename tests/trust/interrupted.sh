#!/usr/bin/env bash
# interrupted.sh BIN: a run that is asked to stop finishes its step, saves, says where, and ends
# with exit status 0; the run that goes on takes the steps that it would have taken, bit by bit.
# shellcheck source-path=SCRIPTDIR source=trust.sh
here=$(dirname "$0")
source "$here/trust.sh"
grid=(--tp 2 --dp 2)
model_alone=("${model[@]}" "${quick[@]}" "${endless[@]}")

# went_on NAME RANKS GRID…: what NAME has saved is where it stopped, and both parts together are a
# run without a break.
went_on() {
  local step
  ends_with "$1" 0
  step=$(losses "$1" | wc -l)
  says "$1" "step $step: saved in $work/$1/$(printf 'step-%08d' "$step")"
  goes_on "$@"
  cmp -s <(losses "$1") <(losses unbroken | head -n "$step") ||
    failed "$1: other losses before it stopped"
}
begun() { waits_for 60 has_said "$1" ' 1/1000000' || failed "$1 does not start"; }

# interrupt NAME SIGNAL COMMAND…: COMMAND prints the process of the run of 4 ranks that gets the
# signal.
interrupt() {
  local name=$1
  start_endless "$name" 4 "${grid[@]}" --save "$work/$name"
  begun "$name"
  kill -"$2" "$("${@:3}")"
  ended "$name"
  went_on "$name" 4 "${grid[@]}"
}

interrupt term TERM process_of 2
passed 'SIGTERM to a rank'
interrupt int INT process_of 0
passed 'SIGINT to a rank'
interrupt usr1 USR1 mpirun_of_test
passed 'SIGUSR1 to mpirun, which hands it on'

for signal in INT TERM; do   # without mpirun, as on one GPU
  name=alone-$signal last=alone-$signal
  : >"$work/$name.out"
  "$program" "${model_alone[@]}" --save "$work/$name" --json "$work/$name.json" >"$work/$name.out" \
    2>"$work/$name.err" &
  begun "$name"
  kill -$signal $!
  status=0
  wait $! || status=$?
  went_on "$name" 1
  passed "SIG$signal to a program without mpirun"
done

# Ctrl-C in a terminal, and its end, go to ./learn run and everything below it.
copy_learn
nothing_runs() { ! pgrep -f -- "$checkout/build/bin" >/dev/null; }
for signal in INT HUP TERM; do
  name=learn-$signal last=learn-$signal
  : >"$work/$name.out"
  SHARD_SKIP_PACKAGES=1 PATH=$work/tools:$PATH setsid env \
    --default-signal=INT,HUP "$checkout/learn" run 11 --ranks 4 -- \
    "${model_alone[@]}" "${grid[@]}" --save "$work/$name" --json "$work/$name.json" \
    >"$work/$name.out" 2>"$work/$name.err" &
  begun "$name"
  kill -$signal -- -$!
  status=0
  wait $! || status=$?
  [[ $signal == INT ]] || status=0   # learn itself has ended at once
  for ((tries = 0; tries < 300; ++tries)); do if nothing_runs; then break; else sleep 0.1; fi; done
  nothing_runs || failed "$name: a rank goes on"
  went_on "$name" 4 "${grid[@]}"
  passed "SIG$signal to ./learn run and all below it, as from a terminal"
done

# The command that a stopped run prints goes on, from a shell: what it was started with, quoted.
odd="$work/it's \$HOME \"here\""
mkdir "$odd"
start_endless command 2 --tp 2 --save "$odd/saved" --weight-decay 0.2
begun command
kill -TERM "$(process_of 1)"
ended command
command=$(sed -n '/stopped on request; continue with/{n;p}' "$work/command.out")
[[ $command == *mpirun*' -n 2 '*'--data '*' --resume latest' ]] ||
  failed 'the command that goes on was expected'
grep -q -- '--resume latest.*--resume' <<<"$command" && failed 'one --resume was expected'
cd "$work"
: >command-on.out
OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 bash -c "$command" >command-on.out \
  2>command-on.err </dev/null &
waits_for 60 has_said command-on ', after ' || failed 'the command does not go on'
kill -TERM "$(process_of 1)"
wait $! || failed 'the command does not end well'
last='command-on'
! has_said command-on 'changed: ' || failed 'nothing was changed'
[[ $(sed -n '/continue with/{n;p}' command-on.out) == "$command" ]] ||
  failed 'the same command was expected again'
cd - >/dev/null
grep -q '/checkout/learn run 11 --ranks 4 -- ' \
  < <(sed -n '/continue with/{n;p}' "$work/learn-INT.out") ||
  failed 'the command of ./learn was expected'
! grep -q 'mpirun' < <(sed -n '/continue with/{n;p}' "$work/alone-TERM.out") ||
  failed 'no mpirun was expected'
passed 'the command that goes on is printed'

# Asked to stop in its last step, a run ends as usual.
quick=(--sample 0 --check-steps 100 --curve "$work/loss.svg")
start end 1 --steps 1 --save "$work/end"
waits_for 60 has_said end 'grid:' || failed 'end does not start'
kill -TERM "$(process_of 0)"
ended end
ends_with end 0
says end 'step 1: saved in'
! grep -q 'stopped on request' "$work/end.out" || failed 'there was nothing left to stop'
passed 'SIGTERM before the last step: the run ends as usual'
quick=(--sample 0 --check-steps 0 --curve "$work/loss.svg")

# mpirun itself gives its ranks a second, and then kills them: what they have saved by then is
# there.
for signal in INT TERM; do
  name=mpirun-$signal
  start_endless "$name" 4 "${grid[@]}" --save "$work/$name" --save-every 4
  waits_for 60 has_said "$name" ': saved in' || failed "$name does not start"
  kill -$signal "$(mpirun_of_test)"
  ended "$name"
  [[ $status != 0 ]] || failed "$name: exit status 0"
  none_left || failed "$name: a rank goes on"
  goes_on "$name" 4 "${grid[@]}"
  passed "SIG$signal to mpirun, which kills its ranks after a second: the last checkpoint is whole"
done
finish

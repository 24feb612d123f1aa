#!/usr/bin/env bash
# stopped.sh BIN: a rank that is stopped with SIGSTOP does not hang the others for longer than
# --timeout, and they say which rank it is and what they wait in. More ranks than cores are no
# fault.
# shellcheck source-path=SCRIPTDIR source=trust.sh
source "$(dirname "$0")/trust.sh"

for victim in 0 3; do
  start stopped 4 --tp 2 --dp 2 --steps 100000 --timeout 3
  waits_for 60 has_said stopped ' 1/100000' || failed 'it does not start'
  kill -STOP "$(process_of $victim)"
  stopped_at=$SECONDS
  ended stopped
  seconds=$((SECONDS - stopped_at))
  ends_with stopped 1
  ((seconds >= 2 && seconds <= 9)) || failed "it ended after $seconds s"
  says stopped 'timed out after 3 s (--timeout): '
  says stopped "rank $victim is stopped by a signal"
  says stopped ' is waiting in all_reduce of '
  none_left || failed 'a rank goes on'
  passed "rank $victim stopped: told after $seconds s, with --timeout 3"
done

# All ranks at once, as a container is paused: nobody has waited in vain.
start paused 4 --tp 2 --dp 2 --steps 100000 --timeout 3 --save "$work/paused"
waits_for 60 has_said paused ' 1/100000' || failed 'it does not start'
mapfile -t ranks < <(processes)
kill -STOP "${ranks[@]}"
sleep 5
kill -CONT "${ranks[@]}"
sleep 1
kill -TERM "$(process_of 1)"
ended paused
ends_with paused 0
passed 'all ranks stopped for 5 s, with --timeout 3: they go on'

limit=240
train crowded 8 --tp 4 --dp 2 --steps 4   # on one core
ends_with crowded 0
mpirun=(taskset -c "$(taskset -cp $$ | sed -E 's/.*: ([0-9]+).*/\1/')" "${mpirun[@]}")
train one-core 8 --tp 4 --dp 2 --steps 4
ends_with one-core 0
same_losses one-core 0 crowded
passed '8 ranks on one core'
finish

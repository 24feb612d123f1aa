#!/usr/bin/env bash
# killed.sh BIN [RUNS]: any rank is killed at any moment, with SIGKILL, also while it saves. The
# others end within 5 s, not with 0, and one line says which rank died; the run that goes on takes
# the same steps, bit by bit.
# shellcheck source-path=SCRIPTDIR source=trust.sh
source "$(dirname "$0")/trust.sh"
runs=${2:-4}
RANDOM=${3:-$$}   # a seed, to see the same kills again
grid=(--tp 2 --dp 2)
name=run longest=0

for ((run = 1; run <= runs; ++run)); do
  rm -rf "${work:?}/$name"
  victim=$((RANDOM % 4)) every=$((RANDOM % 5 ? 1 : 7))   # mostly saving, or mostly training
  start_endless $name 4 "${grid[@]}" --save "$work/$name" --save-every $every
  after=$((RANDOM % 6 * 7))
  waits_for 60 has_said $name "$( ((after)) && echo "step $after: saved" || echo ' 1/1000000')" ||
    failed 'it does not start'
  sleep "0.0$((RANDOM % 10))"
  process=$(process_of $victim) || failed "run $run: there is no rank $victim"
  killed_at=${EPOCHREALTIME/./}
  kill -KILL "$process"
  ended $name
  milliseconds=$(((${EPOCHREALTIME/./} - killed_at) / 1000))
  [[ $status != 0 ]] || failed "run $run: exit status 0"
  ((milliseconds <= longest)) || longest=$milliseconds
  ((milliseconds <= 5000)) || failed "run $run: the others ended after $milliseconds ms"
  none_left || failed "run $run: a rank goes on"
  [[ $(cat "$work/$name.out" "$work/$name.err" | grep -c "rank $victim has died") == 1 ]] ||
    failed "run $run: one line was expected that says that rank $victim has died"
  goes_on $name 4 "${grid[@]}"
done
passed "$runs runs killed; the others ended within $longest ms at most"
finish

#!/usr/bin/env bash
# killed.sh BIN [RUNS]: any rank is killed at any moment, with SIGKILL, also while it saves. The others end within 5 s,
# not with 0, and one line says which rank died; the run that goes on takes the same steps, bit by bit.
# shellcheck source-path=SCRIPTDIR source=trust.sh
source "$(dirname "$0")/trust.sh"
runs=${2:-4}
RANDOM=${3:-$$}   # a seed, to see the same kills again
steps=40
grid=(--tp 2 --dp 2 --steps "$steps")
train whole 4 "${grid[@]}"
ends_with whole 0
longest=0 lost=0

for ((run = 1; run <= runs; ++run)); do
  name=run
  rm -rf "${work:?}/saved"
  victim=$((RANDOM % 4)) every=$((RANDOM % 5 ? 1 : 7))   # mostly saving, or mostly training
  start $name 4 "${grid[@]}" --save "$work/saved" --save-every $every
  waits_for 60 has_said $name " $((RANDOM % 9 * 4 + 4))/$steps" || failed 'it does not start'
  sleep "0.0$((RANDOM % 10))"
  process=$(process_of $victim) || { ended $name; lost=$((lost + 1)); continue; }   # it was faster
  killed_at=${EPOCHREALTIME/./}
  kill -KILL "$process" 2>/dev/null || true
  ended $name
  milliseconds=$(((${EPOCHREALTIME/./} - killed_at) / 1000))
  [[ $status != 0 ]] || { lost=$((lost + 1)); continue; }
  ((milliseconds <= longest)) || longest=$milliseconds
  ((milliseconds <= 5000)) || failed "run $run: the others ended after $milliseconds ms"
  none_left || failed "run $run: a rank goes on"
  [[ $(cat "$work/$name.out" "$work/$name.err" | grep -c "rank $victim has died") == 1 ]] ||
    failed "run $run: one line was expected that says that rank $victim has died"
  from=(--save "$work/saved")
  [[ ! -e $work/saved/latest ]] || from+=(--resume latest)
  train on 4 "${grid[@]}" "${from[@]}"
  ends_with on 0
  same_losses on $((steps - $(losses on | wc -l))) whole
done
((lost * 2 < runs)) || failed "in $lost of $runs runs the rank had ended before it could be killed"
passed "$((runs - lost)) of $runs runs killed, $lost were faster; the others ended within $longest ms at most"
finish

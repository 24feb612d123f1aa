#!/usr/bin/env bash
# resume.sh BIN: a run that goes on from a checkpoint takes the steps that it would have taken: bit
# by bit in the same layout, within 1e-5 in another. The same command twice gives the same numbers
# and the same files.
# shellcheck source-path=SCRIPTDIR source=trust.sh
source "$(dirname "$0")/trust.sh"
wait_for_no_rank

grid=(--tp 2 --dp 2 --steps 16)
train whole 4 "${grid[@]}" --save "$work/first" --save-every 4 --keep 9
ends_with whole 0
says whole "step 4: saved in $work/first/step-00000004"
train again 4 "${grid[@]}" --save "$work/second" --save-every 4 --keep 9
same_losses again 0 whole
diff -r -x metrics.csv "$work/first" "$work/second" ||
  failed 'the same command has saved other files'
# metrics NAME: what $work/NAME/metrics.csv says, without the speed.
metrics() { cut -d, -f1-4,6 "$work/$1/metrics.csv"; }
cmp <(metrics first/step-00000016) <(metrics second/step-00000016) ||
  failed 'the same command has other metrics'
cmp -s <(metrics first/step-00000016 | tail -n +2 | cut -d, -f2) <(losses whole) ||
  failed 'other losses in the metrics'
[[ $(metrics first/step-00000016 | tail -n 1 | cut -d, -f5) =~ ^[0-9.]+$ ]] ||
  failed 'a validation loss was expected'
passed 'the same command twice: the same losses and the same checkpoints, bit by bit'
# curve_from NAME FIRST LAST: the steps at the ends of its curve.
curve_from() {
  grep -qE "^ {10}$2 +$3\$" "$work/$1.out" ||
    { last=$1; failed "a curve from step $2 to step $3 was expected"; }
}

from=$work/first/step-00000004
train same 4 --tp 2 --dp 2 --resume "$from"
says same "resumes from $from, after 4 steps"
same_losses same 4 whole
curve_from same 1 16
says same '] step  5/16  loss '
says same '] step 16/16  loss '
passed '2 × 2 goes on as 2 × 2: bit by bit'
for layout in 1,1 4,1 1,3; do
  tp=${layout%,*} dp=${layout#*,}
  train "$layout" $((tp * dp)) --tp "$tp" --dp "$dp" --resume "$from"
  ends_with "$layout" 0
  near_losses "$layout" 4 whole
  curve_from "$layout" 1 16
  passed "2 × 2 goes on as $tp × $dp: within 1e-5"
done

# A chain: each run saves for the next, in another layout; its last files are those of a run that
# was never broken, nearly.
train one 1 --tp 1 --dp 1 --resume "$from" --save "$work/third" --save-every 4
cp -r "$work/third/step-00000012" "$work/copy"
train two 3 --tp 3 --dp 1 --resume "$work/copy"
near_losses two 12 whole
curve_from two 1 16
cmp -s <(metrics third/step-00000016 | cut -d, -f1) <(echo step; seq 16) ||
  failed 'the metrics of 16 steps were expected'
passed 'the checkpoint of 1 × 1 goes on as 3 × 1, and so do its metrics'
cut -c 2- "$work/copy/metrics.csv" >"$work/damaged.csv"
head -n 9 "$work/copy/metrics.csv" >"$work/short.csv"
for metrics in damaged:'line 1 is not one of a metrics file' \
  short:'ends with step 8, the checkpoint was saved after step 12' \
  none:'there is no such file'; do
  rm "$work/copy/metrics.csv"
  [[ $metrics == none:* ]] || cp "$work/${metrics%%:*}.csv" "$work/copy/metrics.csv"
  train metrics 3 --tp 3 --dp 1 --resume "$work/copy"
  ends_with metrics 0
  grep -q "^  warning: the loss curve begins at step 13: .*metrics.csv.*${metrics#*:}" \
    "$work/metrics.out" || failed 'a warning was expected'
  near_losses metrics 12 whole
  curve_from metrics 13 16
  : >"$work/copy/metrics.csv"
done
passed 'metrics that are damaged or missing: a warning, and the curve of the rest'
# As a run leaves it that is killed while it saves this step again.
mv "$work/third/step-00000016"{,-replaced}
train replaced 1 --resume latest --save "$work/third" --steps 18
ends_with replaced 0
passed 'a checkpoint that was about to give way to a new one'
train longer 4 --tp 2 --dp 2 --resume latest --save "$work/second" --steps 20 --keep 2
ends_with longer 0
says longer '  changed: --steps 20, it was 16'
says longer '  so the learning rate goes on at '
says longer ') and reaches its end at step 20'
curve_from longer 1 20
[[ $(<"$work/second/latest") == step-00000020 &&
  $(find "$work/second" -name 'step-*' | wc -l) == 2 ]] ||
  failed 'two checkpoints were expected, and step 20 as the latest'
passed '--resume latest goes on from the last, and --keep removes the others'

# The same command in a job script: it starts, goes on where it was stopped, and is done.
job=(--save "$work/job" --resume auto --tp 2 "${small[@]}")
train auto-start 2 "${job[@]}" --steps 6
ends_with auto-start 0
[[ $(losses auto-start | wc -l) == 6 ]] || failed 'six steps were expected'
printf 'step-00000006\r\n' >"$work/job/latest"
train auto-on 2 "${job[@]}" --steps 16
ends_with auto-on 0
says auto-on "resumes from $work/job/step-00000006, after 6 steps"
train auto-done 2 "${job[@]}" --steps 16
ends_with auto-done 0
says auto-done "nothing is left to do: $work/job/step-00000016 has taken 16 of 16 steps"
[[ -z $(losses auto-done) ]] || failed 'no step was expected'
passed '--resume auto starts, goes on, and is done'

train steps 1 --resume "$from" --steps 4
refuses '--steps 4: the checkpoint has taken 4 already' steps
train layers 1 --resume "$from" --layers 3
refuses '--layers 3: the checkpoint has 2' layers
train seed 1 --resume "$from" --seed 99
refuses '--seed 99: the checkpoint has 1234' seed
train none 1 --resume "$work"
refuses "there is no checkpoint in $work" none
train latest 1 --resume latest
refuses '--resume latest needs --save' latest
train auto 1 --resume auto
refuses '--resume auto needs --save' auto
train empty 1 --resume "" --save "$work/second";             refuses '--resume is empty' empty
train octal 1 --steps 010;                                   refuses '"010" begins with a 0' octal
train every 1 --save-every 5
refuses '--save-every 5 needs --save' every
text_of 400 8 >"$data"
train changed 2 --resume "$from" --tp 2
refuses "--data $data differs from the text of the checkpoint $from" changed
text_of 400 7 >"$data"
last=own
! timeout 60 "$program" --resume "$from" >"$work/own.out" 2>"$work/own.err" </dev/null ||
  failed 'another text was taken'
says own "the default text differs from the text of the checkpoint $from: --data must" \
  'name the one that it was trained on'
! grep -q 'changed: ' "$work/same.out" || failed 'nothing was changed'

# The same command again would replace what it has saved.
train twice 4 "${grid[@]}" --save "$work/first" --save-every 4
refuses \
  'there are checkpoints of another run, of up to 16 steps; --resume latest continues from there' \
  twice
train inside 4 "${grid[@]}" --save "$from";                  refuses 'this is a checkpoint' inside
train other 4 --tp 2 --dp 2 --resume "$from" --save "$work/first" --save-every 4 --keep 9 \
  --learning-rate 0.002
[[ $(find "$work/first" -name 'step-*' | wc -l) == 4 ]] ||
  failed 'the same steps give way to the new ones'
train after 4 --tp 2 --dp 2 --resume "$work/first/step-00000012"
same_losses after 8 other
says other '  changed: --learning-rate 0.002, it was 0.001'
passed 'a checkpoint of the same step gives way to a new one'
finish

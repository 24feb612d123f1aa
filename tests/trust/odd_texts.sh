#!/usr/bin/env bash
# odd_texts.sh BIN: texts and settings at the edge: one character only, no validation text, a
# warm-up longer than the run. What cannot be said is left out: no nan, no check that is not due.
# And what is said is so: characters, ledger, checks.
# shellcheck source-path=SCRIPTDIR source=trust.sh
source "$(dirname "$0")/trust.sh"
wait_for_no_rank
text_of_ones=$work/ones.txt
printf 'a%.0s' {1..3000} >"$text_of_ones"

# holds NAME: it ended well, and nothing is undefined or called wrong.
holds() {
  ends_with "$1" 0
  ! grep -niE '\b-?(nan|inf)\b|WRONG' "$work/$1.out" "$work/$1.err" ||
    failed "$1: something is undefined or wrong"
  ! grep -q '\bnull\b' "$work/$1.json" || failed "$1: a result is undefined"
}
says_not() { ! grep -qF -- "$2" "$work/$1.out" || failed "$1: it says \"$2\""; }

model=("${small[@]}" --data "$text_of_ones")
quick=(--sample 20 --check-steps 3 --curve "$work/loss.svg")
for grid in 1,1 2,1 1,2 2,2; do
  train "ones-$grid" $((${grid%,*} * ${grid#*,})) --tp "${grid%,*}" --dp "${grid#*,}" --steps 24 \
    --warmup 2 --eval-every 7 --save "$work/ones-$grid"
  holds "ones-$grid"
  says "ones-$grid" 'loss 0.0000 → 0.0000, validation 0.0000'
  says_not "ones-$grid" 'the loss fell'
  says "ones-$grid" $'\naaaaaaaaaaaaaaaaaaaa'
done
train ones-layouts 4 --layouts --steps 3
holds ones-layouts
model=()
write ones-write 2 --weights "$work/ones-2,1/step-00000024/model.safetensors" --prompt aa \
  --generate 5
ends_with ones-write 0
passed 'a text of one character'

model=(--layers 1 --heads 2 --width 16 --data "$data")
train no-validation 2 --tp 2 --context 16 --steps 24 --warmup 2 --learning-rate 0.01 \
  --validation-fraction 0 --eval-every 5
holds no-validation
says_not no-validation validation
says no-validation '  ok    the loss fell'
passed 'no validation text'

# Its validation's last batch is not full.
train uneven 2 --tp 2 --context 16 --batch 2 --steps 60 --eval-every 25
holds uneven
says uneven '  ok    no memory was allocated after step 10'
passed 'a validation between the steps'

train warming 1 --context 16 --steps 24 --warmup 2000 --learning-rate 1e-6
holds warming
says_not warming 'the loss fell'
train still 1 --context 16 --steps 24 --warmup 0 --learning-rate 0 --min-learning-rate 0
holds still
says_not still 'the loss fell'
passed 'whether the loss fell is checked only where it must have fallen'

quick=(--sample 20 --check-steps 0 --curve "$work/loss.svg")
train bare 2 --tp 2 --steps 6 --sample-every 2
holds bare
says bare 'no checks were made'
for step in 2 4 6; do
  says bare "What the model writes after step $step (20 characters)"
done
# the lines of a sample, up to the next output: 20 characters and the line feed of the last
for step in 2 4; do
  count=$(sed -n "/after step $step (20/,/^  \[/{/after step\|^  \[/d;p}" "$work/bare.out" | wc -m)
  ((count == 21)) || failed "a sample of 20 characters was expected, not of $((count - 1))"
done
[[ $(grep -cE '^  all_reduce +dp ' "$work/bare.out") == 0 &&
  $(grep -cE '^  all_reduce +tp ' "$work/bare.out") == 1 ]] ||
  failed 'the ledger is to show what was sent, and nothing else'
train bare-alone 1 --steps 3
says bare-alone '  no communication'
quick=(--check-steps 0 --sample 0 --curve "$work/loss.svg")
train no-sample 1 --steps 3 --sample-every 2
refuses '--sample-every 2 needs --sample above 0' no-sample
passed 'samples, ledger and checks are what they say'
finish

#!/usr/bin/env bash
# start_from.sh BIN: training begins with the weights of another model, on any grid: the validation
# loss of that model is the first one. What contradicts the model is refused. hugging_face.sh does
# the same with models of transformers.
# shellcheck source-path=SCRIPTDIR source=trust.sh
source "$(dirname "$0")/trust.sh"
wait_for_no_rank
# still: a training that changes nothing.
still=(--steps 1 --learning-rate 0 --min-learning-rate 0 --warmup 0)
validation_loss() {
  grep -oE '"validation_loss": [0-9.e+-]+' "$work/$1.json" | grep -oE '[0-9.e+-]+$'
}
# same_validation NAME OTHER: within 1e-5, relative.
same_validation() {
  awk -v here="$(validation_loss "$1")" -v there="$(validation_loss "$2")" 'BEGIN {
    error = here / there - 1; exit !(here > 0 && error < 1e-5 && error > -1e-5) }' ||
    failed \
      "$1: the validation loss $(validation_loss "$1") is not the $(validation_loss "$2") of $2"
}

train made 2 --tp 2 --steps 8 --save "$work/made"
ends_with made 0
trained=$work/made/step-00000008
model=(--data "$data")
train new 1 "${small[@]}" "${still[@]}"
ends_with new 0
if (same_validation new made) 2>/dev/null; then
  failed 'a new model was expected to have another loss'
fi
for grid in '1 1' '2 1' '1 2' '2 2'; do
  read -r tp dp <<<"$grid"
  train "start-$tp-$dp" $((tp * dp)) --tp "$tp" --dp "$dp" --start-from "$trained" "${still[@]}"
  ends_with "start-$tp-$dp" 0
  says "start-$tp-$dp" "starts from $trained/model.safetensors, with its tokenizer of "
  same_validation "start-$tp-$dp" made
done
passed 'the validation loss at the start is that of the model, on 1 × 1, 2 × 1, 1 × 2 and 2 × 2'

train shorter 2 --tp 2 --start-from "$trained" --context 20 --steps 4 --save "$work/shorter" \
  --learning-rate 1e-4
ends_with shorter 0
train again 1 --start-from "$work/shorter/step-00000004/model.safetensors" "${still[@]}"
ends_with again 0
same_validation again shorter
train on 2 --dp 2 --resume "$work/shorter" --steps 6
ends_with on 0
says on 'context 20'
passed 'with a smaller context: trained, saved, started from again and resumed'

auto=(--tp 2 --start-from "$trained" --save "$work/auto" --resume auto "${steady[@]}")
train first 2 "${auto[@]}" --steps 2
ends_with first 0
says first 'starts from'
train second 2 "${auto[@]}" --steps 4
ends_with second 0
says second 'resumes from'
if has_said second 'starts from'; then failed 'a run that goes on does not start again'; fi
passed 'with --resume auto the first run starts from the model, and the next goes on'

refuses_start() { train start 1 --start-from "$trained" "${@:2}"; refuses "$1" start; }
refuses_start '--context 33: the model of --start-from has 32' --context 33
refuses_start '--layers 3: the model of --start-from has 2' --layers 3
refuses_start '--heads 6: the model of --start-from has 12' --heads 6
refuses_start '--width 24: the model of --start-from has 48' --width 24
refuses_start '--vocabulary 300: the tokenizer in' --vocabulary 300
refuses_start '--start-from begins a run and --resume continues one' --resume "$trained"
refuses_start 'unknown option --weights' --weights "$trained" --prompt the
refuses_start 'unknown option --layouts' --layouts
echo 'the river Ж' >"$work/other.txt"
model=(--data "$work/other.txt")
refuses_start 'does not know the character U+416'
model=(--data "$data")
train start 1 --start-from "$work"
refuses 'there is no model.safetensors in' start
finish

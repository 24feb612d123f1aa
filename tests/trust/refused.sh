#!/usr/bin/env bash
# refused.sh BIN: files that are not what they should be, and numbers that are none, get one
# sentence. Weights from a file write the same text on every number of ranks.
# shellcheck source-path=SCRIPTDIR source=trust.sh
source "$(dirname "$0")/trust.sh"
wait_for_no_rank
train made 2 --tp 2 --steps 4 --save "$work/saved"
ends_with made 0
checkpoint=$work/saved/step-00000004
text=(--weights "$checkpoint/model.safetensors" --prompt 'the river' --generate 60)

# text_of_ranks RANKS ARGS…: what is written, without the line of the speed.
text_of_ranks() {
  write "write-$1" "$@"
  ends_with "write-$1" 0
  sed -e 1,2d -e '/tokens\/s$/,$d' "$work/write-$1.out"
}
for temperature in 0 0.8; do
  text_of_ranks 1 "${text[@]}" --temperature $temperature >"$work/expected"
  [[ $(wc -m <"$work/expected") -ge 69 ]] || failed 'a text was expected'
  for ranks in 2 3 4; do
    cmp -s <(text_of_ranks $ranks "${text[@]}" --temperature $temperature) "$work/expected" ||
      failed "$ranks ranks write something else"
  done
done
passed '1, 2, 3 and 4 ranks write the same text'

# broken NAME: a copy of the checkpoint, to be broken.
broken() {
  rm -rf "$work/broken"; cp -r "$checkpoint" "$work/broken"; file=$work/broken/model.safetensors
}
# refuses_both PHRASE: it neither goes on from the broken checkpoint nor writes with its weights.
refuses_both() {
  train on 2 --tp 2 --resume "$work/broken" --steps 9; refuses "$1" on
  write out 2 --weights "$file" --prompt 'the' --generate 3; refuses "$1" out
}
broken; truncate -s -1 "$file";                        refuses_both 'model.safetensors: '
broken; truncate -s 100 "$file";                       refuses_both '(truncated?)'
broken; truncate -s 5 "$file"
refuses_both 'too few for the length of a header'
broken; printf '\377\377\377\377\377' | dd of="$file" conv=notrunc status=none
refuses_both 'are not the length of a header, at most 100000000'
broken; sed -i 's/"F32"/"F31"/' "$file";               refuses_both 'its dtype "F31" is unknown'
broken; sed -i 's/"ln_f.bias"/"ln_f.bios"/' "$file";   refuses_both 'there is no tensor "ln_f.bias"'
broken; sed -i 's/"wpe.weight"/"wpe.height"/' "$file"; refuses_both 'model.safetensors'
broken; printf '\0\0\300\177' |
  dd of="$file" bs=1 seek=$(($(stat -c %s "$file") - 4)) conv=notrunc status=none
refuses_both 'is nan (--allow-nan accepts it)'
train allowed 2 --tp 2 --resume "$work/broken" --steps 9 --allow-nan
ends_with allowed 1
says allowed 'step 5 has loss nan'
says allowed 'the first that is not finite is the weight '
passed 'a NaN that is allowed: the step and the weight are named'
broken; sed -i 's/"characters": "./"characters": "/' "$work/broken/training.json"
train on 1 --resume "$work/broken" --steps 9
refuses ' tokens, but a tokenizer of ' on
write out 1 --weights "$file" --prompt the --generate 3
refuses ', the tokenizer beside it ' out
broken; sed -i 's/"layers": 2/"layers": 900/' "$work/broken/training.json"
train on 1 --resume "$work/broken" --steps 9
refuses 'training.json says layers 900' on
broken; rm "$work/broken/optimizer.safetensors"
train on 1 --resume "$work/broken" --steps 9
refuses 'optimizer.safetensors: No such file' on
deep=$(printf '[%.0s' {1..200000})$(printf ']%.0s' {1..200000})
broken; echo "{\"step\": $deep}" >"$work/broken/training.json"
train on 1 --resume "$work/broken" --steps 9
refuses 'training.json is nested too deeply' on
broken; echo "{\"n_head\": $deep}" >"$work/broken/config.json"
write out 1 --weights "$file" --prompt the --generate 3
refuses 'config.json is nested too deeply' out
broken; echo "{\"step\": \"${deep:0:100000}" >"$work/broken/training.json"
train on 1 --resume "$work/broken" --steps 9
refuses 'training.json is not valid JSON' on
(($(wc -c <"$work/on.err") < 500)) || failed 'a short sentence was expected'
broken; rm "$work/broken/training.json"; mkfifo "$work/broken/training.json"
limit=10 train on 1 --resume "$work/broken" --steps 9
refuses 'this is not a regular file' on
broken; rm "$work/broken/config.json"; mkfifo "$work/broken/config.json"
limit=10 write out 1 --weights "$file" --prompt the --generate 3
refuses 'this is not a regular file' out
broken; sed -i 's/"n_layer": 2/"n_layer": 1/' "$work/broken/config.json"
write out 1 --weights "$file" --prompt the --generate 3
refuses 'n_layer is 1, but this model has 2' out
broken; sed -i 's/"n_head": 12/"n_head": 7/' "$work/broken/config.json"
write out 1 --weights "$file" --prompt the --generate 3
refuses 'cannot be divided into 7 heads' out
broken; sed -i 's/gelu_new/relu/' "$work/broken/config.json"
write out 1 --weights "$file" --prompt the --generate 3
refuses 'activation_function is "relu"' out
broken; rm "$work/broken/config.json"
write out 1 --weights "$file" --prompt the --generate 3
refuses 'which gives the number of heads' out
write out 1 --weights "$checkpoint/model.safetensors" --generate 3
refuses '--prompt is empty' out
write out 1 --weights "$checkpoint/model.safetensors" --generate 3 --steps 3
refuses 'it takes no --steps' out
write out 1 --weights "$checkpoint/model.safetensors" --prompt 'Ж' --generate 3
refuses 'does not know the character U+' out
write out 5 --weights "$checkpoint/model.safetensors" --prompt the --generate 3
refuses "the model's 12 heads cannot be divided among 5 ranks" out

printf 'a text that ends in half of a character: \342\202' >"$work/half.txt"
model=("${small[@]}" --data "$work/half.txt")
train half 2 --tp 2
refuses "half.txt: the character at byte 41 of 43 is not valid UTF-8" half
model=("${small[@]}" --data "$data")

train nan 4 --tp 2 --dp 2 --steps 30 --learning-rate 1e30 --warmup 0 --clip 0
ends_with nan 1
where='(the weight|the output of|the gradient of) .* \(tp rank [0-9], dp rank [0-9]\)'
grep -qE "step [0-9]+ has loss .* the first that is not finite is $where" \
  "$work/nan.err" || failed 'step, tensor and rank were expected'
passed 'a loss that is no number: step, layer and tensor are named'
finish

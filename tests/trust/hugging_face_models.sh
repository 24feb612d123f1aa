#!/usr/bin/env bash
# hugging_face_models.sh BIN: a checkpoint is a GPT-2 for Hugging Face's transformers, and a GPT-2
# that transformers has saved writes here what it writes there. PYTHON names a python3 with
# transformers and torch; skipped where there is none.
# shellcheck source-path=SCRIPTDIR source=trust.sh
source "$(dirname "$0")/trust.sh"
python=${PYTHON:-python3}
HF_HUB_OFFLINE=1 timeout 120 "$python" -c 'import transformers, torch, tokenizers' 2>/dev/null ||
  skip "$python has no transformers with torch: pip install transformers torch"
script=$(dirname "$0")/hugging_face.py
export HF_HUB_OFFLINE=1 TRANSFORMERS_VERBOSITY=error

# transformers TASK ARGS…: what hugging_face.py prints.
transformers() {
  timeout 120 "$python" "$script" "$@" 2>"$work/transformers.err" ||
    { tail -n 5 "$work/transformers.err" >&2; failed "transformers: $*"; }
}
# written NAME RANKS ARGS…: runs and prints the tokens, prompt and all.
written() {
  write "$@"
  ends_with "$1" 0
  sed -n '/"tokens": \[/,/\]/p' "$work/$1.json" | grep -oE '[0-9]+\.' | tr -d . | paste -sd ' '
}

# writes_the_same FOLDER PROMPT LENGTH RANKS…: 20 tokens at temperature 0, on each number of ranks
# what transformers writes after the first LENGTH tokens, which are the prompt's. All are left in
# $tokens.
writes_the_same() {
  local folder=$1 prompt=$2 length=$3 name=${1##*/} expected='' ranks
  shift 3
  for ranks; do
    tokens=$(written "$name-$ranks" "$ranks" --weights "$folder" --prompt "$prompt" --generate 20 \
      --temperature 0)
    # shellcheck disable=SC2046
    [[ $expected ]] ||
      expected=$(transformers generate "$folder" 20 $(cut -d ' ' -f "-$length" <<<"$tokens"))
    [[ $tokens == "$expected" ]] ||
      failed "$name on $ranks ranks: transformers writes $expected, not $tokens"
  done
}

train made 4 --tp 2 --dp 2 --steps 100 --save "$work/saved"
ends_with made 0
writes_the_same "$work/saved/step-00000100" "over it's 12" 12 1 2
[[ $tokens == *' 0 '* ]] || failed 'a line feed, token 0, was expected in the text'
passed 'transformers loads a checkpoint of 2 × 2 and writes the same tokens, line feeds and all'

theirs=$work/theirs
transformers make "$theirs"
prompt="It's naïve 日本, isn't it?  12 the  then"
read -ra prompt_tokens < <(transformers tokens "$theirs" "$prompt")
length=${#prompt_tokens[@]}
writes_the_same "$theirs" "$prompt" "$length" 1 2 3 4
[[ $tokens == "${prompt_tokens[*]} "* ]] ||
  failed 'the tokens of the prompt are not those of transformers'
read -ra written <<<"$tokens"
passed 'a model and a tokenizer of transformers on 1, 2, 3 and 4 ranks: the same tokens as there'

transformers make-variants "$work/variants"
for variant in several bf16 f16 padded equal; do
  writes_the_same "$work/variants/$variant" "$prompt" "$length" 2
done
says padded-2 'are padding and never written'
passed \
  'in several files, as BF16 and F16, padded, and with an output projection equal to the' \
  'embedding: the same tokens'
write untied 2 --weights "$work/variants/untied" --prompt the --generate 3
refuses 'untied/model.safetensors: lm_head.weight differs from transformer.wte.weight' untied

ends_where() {   # FILE TOKENS…: of these, the text ends behind the first that is written
  transformers set-end "$theirs" "$@"
  writes_the_same "$theirs" "$prompt" "$length" 2
  says theirs-2 'is the end of text'
}
ends_where generation_config.json "${written[length + 9]}"
ends_where generation_config.json 99999 "${written[length + 14]}" "${written[length + 5]}"
rm "$theirs/generation_config.json"
ends_where config.json "${written[length + 2]}"
passed 'the text ends where it ends in transformers'

# has_loss NAME FOLDER TEXT FRACTION PART: what a run says of this part of the text, its last
# FRACTION (validation) or what is before that (training), is what transformers computes with the
# model in FOLDER, within 1e-5, relative.
has_loss() {
  local name here there
  [[ $5 == validation ]] && name=validation_loss || name=first_loss
  here=$(grep -oE "\"$name\": [0-9.e+-]+" "$work/$1.json" | grep -oE '[0-9.e+-]+$')
  there=$(transformers loss "$2" "$3" 32 "$4" "$5")
  awk -v here="$here" -v there="$there" \
    'BEGIN { error = here / there - 1; exit !(here > 0 && error < 1e-5 && error > -1e-5) }' ||
    failed "$1: $name is $here, in transformers $there"
}

# Of 132 tokens 33 are learnt: every sequence of every batch is the same 32 and their targets. 99
# validate.
transformers excerpt "$theirs" "$data" 132 >"$work/short.txt"
model=(--data "$work/short.txt" --validation-fraction 0.75 --context 32)
still=(--steps 1 --learning-rate 0 --min-learning-rate 0 --warmup 0)
for start in '1 1 padded' '2 1 several' '1 2 bf16' '2 2 padded'; do
  read -r tp dp variant <<<"$start"
  train "start-$tp-$dp" $((tp * dp)) --tp "$tp" --dp "$dp" --start-from "$work/variants/$variant" \
    "${still[@]}"
  ends_with "start-$tp-$dp" 0
  has_loss "start-$tp-$dp" "$work/variants/$variant" "$work/short.txt" 0.75 training
  has_loss "start-$tp-$dp" "$work/variants/$variant" "$work/short.txt" 0.75 validation
done
passed \
  'the losses at the start of a fine-tuning are those of transformers, on 1 × 1, 2 × 1, 1 × 2 and' \
  '2 × 2'

transformers set-end "$work/variants/padded" generation_config.json 99999 5
model=(--data "$data" --validation-fraction 0.25)
tuning=("${steady[@]}" --steps 12 --save-every 8 --save "$work/tuned")
train tuned 4 --tp 2 --dp 2 --start-from "$work/variants/padded" --context 32 "${tuning[@]}"
ends_with tuned 0
tuned=$work/tuned/step-00000012
has_loss tuned "$tuned" "$data" 0.25 validation
writes_the_same "$tuned" 'over it' "$(transformers tokens "$tuned" 'over it' | wc -w)" 2
grep -q '"eos_token_id":\[99999,5\]' < <(tr -d ' \n' <"$tuned/config.json") ||
  failed "the end of text is not the model's any more"
train tuned-on 2 --tp 2 --resume "$work/tuned/step-00000008" "${steady[@]}" --steps 12
ends_with tuned-on 0
near_losses tuned-on 8 tuned
passed \
  'transformers reads what was fine-tuned at 2 × 2 with the same loss and tokens; it is resumed' \
  'at 2 × 1'
finish

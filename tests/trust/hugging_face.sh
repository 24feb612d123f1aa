#!/usr/bin/env bash
# hugging_face.sh BIN: a checkpoint is a GPT-2 for Hugging Face's transformers, and a GPT-2 that transformers has saved
# writes here what it writes there. PYTHON names a python3 with transformers and torch; skipped where there is none.
# shellcheck source-path=SCRIPTDIR source=trust.sh
source "$(dirname "$0")/trust.sh"
python=${PYTHON:-python3}
has() { HF_HUB_OFFLINE=1 timeout 120 "$python" -c "import $1" 2>/dev/null; }
has 'transformers, tokenizers' || skip "$python has no transformers: pip install transformers torch"
script=$(dirname "$0")/hugging_face.py
export HF_HUB_OFFLINE=1 TRANSFORMERS_VERBOSITY=error

# written NAME RANKS ARGS…: runs and prints the tokens, prompt and all.
written() { train "$@"; ends_with "$1" 0; sed -n '/"tokens": \[/,/\]/p' "$work/$1.json" | grep -oE '[0-9]+\.' | tr -d . | paste -sd ' '; }

# byte_pairs FOLDER [TEXT VOCABULARY]: the same tokens as transformers', for some 100,000 texts
byte_pairs() { timeout 500 "$python" "${script%/*}/byte_pairs.py" "${program%/*}/tokenize" "$@" >"$work/byte_pairs" 2>&1 || { tail -n 3 "$work/byte_pairs" | cut -c -2000 >&2; return 1; }; }
byte_pairs "$work/tokenizers" || failed 'the tokens are not those of transformers'
passed 'tokenizers of transformers in all forms: the same tokens and the same text, for every character and 100,000 texts'
train learnt 2 --tp 2 --vocabulary 300 --steps 2 --save "$work/learnt"
ends_with learnt 0
byte_pairs "$work/learnt/step-00000002" "$data" 300 || failed 'transformers reads another tokenizer from the checkpoint'
passed 'byte pairs that were learnt here are those that tokenizers learns, and transformers reads them'
has torch || skip "$python has no torch: the models were not compared"

train made 4 --tp 2 --dp 2 --steps 60 --save "$work/saved"
ends_with made 0
checkpoint=$work/saved/step-00000060
tokens=$(written ours 2 --weights "$checkpoint/model.safetensors" --prompt 'the river' --generate 20 --temperature 0)
timeout 120 "$python" "$script" continues "$checkpoint" 9 "$tokens" || failed 'transformers reads another model from the checkpoint'
passed 'transformers loads a checkpoint of 2 × 2 and writes the same tokens'

timeout 120 "$python" "$script" make "$work/theirs" >/dev/null || failed 'transformers could not make a model'
prompt="It's naïve 日本, isn't it?  12 the  then"
first=''
for ranks in 1 2 3 4; do
  tokens=$(written "theirs-$ranks" "$ranks" --weights "$work/theirs/model.safetensors" --prompt "$prompt" --generate 20 \
    --temperature 0)
  [[ ${first:=$tokens} == "$tokens" ]] || failed "$ranks ranks write something else than one"
done
timeout 120 "$python" "$script" tokens "$work/theirs" "$prompt" >"$work/prompt" || failed 'transformers has no tokens'
[[ "$first " == "$(<"$work/prompt") "* ]] || failed 'the tokens of the prompt are not those of transformers'
timeout 120 "$python" "$script" continues "$work/theirs" "$(wc -w <"$work/prompt")" "$first" ||
  failed 'transformers goes on with something else'
passed 'a model and a tokenizer of transformers on 1, 2, 3 and 4 ranks: the same tokens as there'
finish

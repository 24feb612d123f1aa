#!/usr/bin/env bash
# hugging_face.sh BIN: texts have the tokens that they have with Hugging Face's tokenizers and
# transformers, and those read a tokenizer that was learnt here. PYTHON names a python3 with
# transformers; skipped where there is none.
# shellcheck source-path=SCRIPTDIR source=trust.sh
source "$(dirname "$0")/trust.sh"
python=${PYTHON:-python3}
has() { HF_HUB_OFFLINE=1 timeout 120 "$python" -c "import $1" 2>/dev/null; }
has 'transformers, tokenizers' || skip "$python has no transformers: pip install transformers torch"
export HF_HUB_OFFLINE=1 TRANSFORMERS_VERBOSITY=error

# byte_pairs FOLDER [TEXT VOCABULARY]: the same tokens as transformers', for some 100,000 texts
byte_pairs() {
  timeout 500 "$python" "$(dirname "$0")/byte_pairs.py" "$bin/tokenize" "$@" >"$work/byte_pairs" \
    2>&1 || { tail -n 3 "$work/byte_pairs" | cut -c -2000 >&2; return 1; }
}
byte_pairs "$work/tokenizers" || failed 'the tokens are not those of transformers'
passed \
  'tokenizers of transformers in all forms: the same tokens and the same text, for every' \
  'character and 100,000 texts'
train learnt 2 --tp 2 --vocabulary 300 --steps 2 --save "$work/learnt"
ends_with learnt 0
byte_pairs "$work/learnt/step-00000002" "$data" 300 ||
  failed 'transformers reads another tokenizer from the checkpoint'
passed \
  'byte pairs that were learnt here are those that tokenizers learns, and transformers reads them'
finish

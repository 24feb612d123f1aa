#!/usr/bin/env bash
# byte_pairs.sh BIN: byte pairs that are learnt from the text stand in the checkpoint, which goes on
# and writes with them.
# shellcheck source-path=SCRIPTDIR source=trust.sh
source "$(dirname "$0")/trust.sh"

train pairs 4 --tp 2 --dp 2 --steps 16 --vocabulary 280 --save "$work/pairs" --save-every 4 --keep 9
ends_with pairs 0
says pairs 'vocabulary 280,'
says pairs ' bytes to learn from'
train pairs-on 4 --tp 2 --dp 2 --resume "$work/pairs/step-00000004"
ends_with pairs-on 0
same_losses pairs-on 4 pairs
train pairs-3 3 --tp 3 --dp 1 --resume "$work/pairs/step-00000004" --vocabulary 280
ends_with pairs-3 0
near_losses pairs-3 4 pairs
write pairs-write 1 --weights "$work/pairs/step-00000016/model.safetensors" --prompt 'naïve 日 ' \
  --generate 8
ends_with pairs-write 0
says pairs-write 'naïve 日 '
grep -q '"eos_token_id": 279' "$work/pairs/step-00000016/config.json" ||
  failed 'config.json names another end of text'
passed \
  'byte pairs: learnt, saved, resumed as 2 × 2 bit by bit and as 3 × 1 within 1e-5, and written' \
  'with'
train other 1 --resume "$work/pairs/step-00000004" --vocabulary 281
refuses '--vocabulary 281: the tokenizer in ' other
train small 1 --vocabulary 200
refuses '--vocabulary 200 is too small' small
train large 1 --vocabulary 60000
refuses '--vocabulary 60000: the text has byte pairs for ' large
finish

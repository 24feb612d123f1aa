#!/usr/bin/env bash
# several_texts.sh BIN: chapter 12 writes several texts at once, from one prompt and from a file of
# prompts: those that it writes alone, on every number of ranks. The JSON file has their tokens and
# their speed.
# shellcheck source-path=SCRIPTDIR source=trust.sh
source "$(dirname "$0")/trust.sh"
wait_for_no_rank

train made 1 --steps 30 --save "$work/made"
ends_with made 0
weights=$work/made/step-00000030
printf 'the light\na\nwing of stone\n' >"$work/prompts.txt"

# tokens NAME KEY: those of a text
tokens() { sed -n "/\"$2\": \[/,/\]/p" "$work/$1.json" | grep -oE '[0-9]+\.' | paste -sd ' '; }
# same NAME KEY OTHER KEY: two texts that have tokens
same() {
  [[ -n $(tokens "$1" "$2") && $(tokens "$1" "$2") == "$(tokens "$3" "$4")" ]] ||
    failed "$2 of $1 is not $4 of $3"
}

for ranks in 1 2 3; do
  write "several-$ranks" "$ranks" --weights "$weights" --prompts "$work/prompts.txt" --sequences 2 \
    --generate 60
  ends_with "several-$ranks" 0
  says "several-$ranks" '[6] wing of stone'
  for text in tokens tokens_2 tokens_3 tokens_4 tokens_5 tokens_6; do
    same "several-$ranks" $text several-1 $text
  done
done
[[ $(tokens several-1 tokens) != "$(tokens several-1 tokens_2)" ]] ||
  failed 'two texts from one prompt have the same draws'
write alone 1 --weights "$weights" --prompt 'the light' --generate 60
same alone tokens several-1 tokens
passed 'six texts from three prompts: the same on 1, 2 and 3 ranks, and the first one alone'

for key in prompt_tokens_per_second tokens_per_second tokens_per_pass weight_bytes_per_pass \
  key_and_value_bytes_per_pass; do
  number=$(sed -n "s/^ *\"$key\": *\([0-9.e+]*\),\{0,1\}$/\1/p" "$work/several-2.json")
  [[ $number =~ [1-9] ]] || failed "several-2.json has no number $key"
done
says several-2 ' tokens a pass'
passed 'the JSON file says how fast, and what a pass reads'
finish

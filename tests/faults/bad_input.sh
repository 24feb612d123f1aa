#!/usr/bin/env bash
# bad_input.sh BIN: every chapter's program refuses bad input with exit status 2 and one sentence,
# said once by rank 0, that names the option and the numbers.
# shellcheck source-path=SCRIPTDIR source=expect.sh
source "$(dirname "$0")/expect.sh"

# refuses PHRASE RANKS PROGRAM ARGS…
refuses() {
  attempt "${@:2}"
  [[ $status == 2 ]] || wrong "${*:3}: exit status 2 was expected"
  [[ $(wc -l <"$work/err") == 1 && $(<"$work/err") == "$3: "* ]] ||
    wrong "${*:3}: one sentence by $3 was expected"
  grep -qF -- "$1" "$work/err" || wrong "${*:3}: the sentence does not say \"$1\""
}

# options_of PROGRAM TYPE: its options with values of this type (INT, FLOAT), from its --help, where
# the default stands as "INT=4" or "INT [4]", by the version of CLI11.
options_of() {
  "$here/../mpirun.sh" 1 "$bin/$1" --help | sed -nE "s/^ +(--[a-z0-9-]+) $2(=| \\[).*/\\1/p"
}

# ---- What every program must refuse, for each of its options -------------------------------------

for chapter in "$here"/../../chapters/[0-9][0-9]_*/; do
  program=$(basename "$chapter")
  option=$(options_of "$program" INT | tail -n 1)
  refuses "unknown option ${option}x; did you mean $option? --help lists the options" 2 "$program" \
    "${option}x" 5
  refuses 'unknown option --qqqqqq; --help lists the options' 1 "$program" --qqqqqq=5
  if [[ $program == @(07|12)_* ]]; then
    refuses 'unknown option --picture; --help lists the options' 2 "$program" --picture picture.svg
  else
    refuses '--picture picture.png: a picture is written as SVG' 2 "$program" --picture picture.png
    refuses '--picture /no/such/folder/a.svg: the file cannot be written' 2 "$program" \
      --picture /no/such/folder/a.svg
    [[ ! -s $work/out ]] || wrong "$program: works before it has tried to write the picture"
  fi
  mapfile -t sizes < <(options_of "$program" INT)
  for size in "${sizes[@]}"; do refuses "$size: must be from" 1 "$program" "$size" -5; done
  refuses "${sizes[0]}: \"many\" is not a whole number" 1 "$program" "${sizes[0]}" many
  refuses "${sizes[0]}: must be from" 1 "$program" "${sizes[0]}" 99999999999999999999
  mapfile -t numbers < <(options_of "$program" FLOAT)
  [[ " ${numbers[*]} " == *' --timeout '* ]] || wrong "$program: --help has no --timeout"
  for number in "${numbers[@]}"; do
    refuses "$number: \"nan\" is not a finite number" 1 "$program" "$number" nan
  done
done

# ---- What does not fit together, or not into this machine: both numbers are named ----------------

huge=1073741824
: >"$work/empty.txt"
echo 'too short' >"$work/short.txt"
printf 'not UTF-8: \xff' >"$work/latin.txt"
printf 'one\n\nthree\n' >"$work/gap.txt"

SHARD_EMULATED_GPUS=0 refuses '--device cuda: no CUDA-capable device is detected' 2 \
  05_parallel_mlp --device cuda
refuses "--size $huge" 1 01_gemm --size $huge
refuses '--in 1 cannot be cut into 2 parts' 2 03_row_parallel_gemm --in 1
refuses "--tokens 24 × --in $huge × --out $huge needs about" 1 03_row_parallel_gemm --in $huge \
  --out $huge
refuses '--out 1 cannot be cut into 2 parts' 2 04_column_parallel_gemm --out 1
refuses '--hidden 1 cannot be cut into 2 parts' 2 05_parallel_mlp --hidden 1
refuses "--tokens $huge × --width 256" 1 05_parallel_mlp --tokens $huge
refuses '--heads 4 cannot be divided evenly among 3 ranks' 3 06_parallel_attention --heads 4
refuses '--width 60 cannot be divided into --heads 7' 1 06_parallel_attention --heads 7
refuses '--timing-context 1000000 needs about' 1 06_parallel_attention --timing-context 1000000
refuses '--heads 9 cannot be divided evenly among 2 ranks' 2 07_transformer_block --heads 9
refuses '--width 37 cannot be divided into --heads 12' 1 07_transformer_block --width 37
refuses "--vocabulary $huge" 1 08_vocab_parallel --vocabulary $huge
refuses '--batch 2 cannot be cut into 3 ranks × --accumulate 4 micro-batches' 3 09_data_parallel \
  --batch 2
refuses '--tp 2 × --dp 2 is a grid of 4 ranks, but the program runs on 3' 3 \
  10_tensor_and_data_parallel --tp 2 --dp 2
refuses '--width 130 is not divisible by --heads 4' 1 10_tensor_and_data_parallel --width 130
refuses '--heads 5' 2 10_tensor_and_data_parallel --tp 2 --heads 5 --width 120
refuses '--batch 1 has too few sequences for --dp 2' 2 10_tensor_and_data_parallel --dp 2 --batch 1
refuses '--steps: must be from 1' 1 10_tensor_and_data_parallel --steps 0
refuses '--data /no/such/file: ' 2 10_tensor_and_data_parallel --data /no/such/file
refuses "--data $work/empty.txt: " 1 10_tensor_and_data_parallel --data "$work/empty.txt"
refuses '--context 64 ' 1 10_tensor_and_data_parallel --data "$work/short.txt"
refuses "--data $work/latin.txt: " 1 10_tensor_and_data_parallel --data "$work/latin.txt"
for option in --json --trace; do
  refuses "$option /no/such/folder/file: the file cannot be written" 2 03_row_parallel_gemm \
    "$option" /no/such/folder/file
done
refuses '--picture draws a ring of at most 8 ranks, not of 9' 9 02_collectives \
  --picture "$work/ring.svg"
refuses '--save-every 5 needs --save' 1 11_checkpoints --save-every 5
refuses '--steps 3: a run that is interrupted' 2 11_checkpoints --steps 3
refuses '--heads 12 is not divisible by --tp 5' 5 11_checkpoints --tp 5
refuses '--weights names a trained model' 1 12_generation --weights "$work/none" --steps 3
refuses "the model's 12 heads cannot be divided among 5 ranks" 5 12_generation
refuses "there is no model.safetensors in $work" 2 12_generation --weights "$work" --prompt a
refuses '--prompts /no/such/file: there is no such file' 2 12_generation --prompts /no/such/file
refuses "--prompts $work/empty.txt: the file is empty" 1 12_generation --prompts "$work/empty.txt"
refuses "--prompts $work/gap.txt, line 2, is empty" 2 12_generation --prompts "$work/gap.txt"
refuses "--prompts $work/latin.txt, line 1" 1 12_generation --prompts "$work/latin.txt"
refuses '--prompt and --prompts both say' 2 12_generation --prompt a --prompts "$work/gap.txt"
refuses '--memory allows 10000 bytes, but with all 6 blocks recomputed a step still keeps' 2 \
  14_recompute --memory 0.01
refuses '--heads 9 cannot be divided evenly among 2 ranks' 2 14_recompute --heads 9 --width 36
refuses '--tp 2 does not divide the 3 ranks' 3 15_sharded_optimizer --tp 2
refuses '--batch 3 has too few sequences for 2 data-parallel ranks × --accumulate 2' 2 \
  15_sharded_optimizer --batch 3
refuses '--precision bf16 needs a GPU' 1 15_sharded_optimizer --precision bf16
refuses '--heads 4 are too few for --tp 5' 5 15_sharded_optimizer --tp 5
refuses '--batch 5 has too few sequences for 3 data-parallel ranks × --accumulate 2' 3 \
  15_sharded_optimizer --tp 3 --heads 3 --width 30 --batch 5
refuses '--batch 1048576 × --context 999 needs about' 1 15_sharded_optimizer --batch 1048576 \
  --context 999
refuses '--context 1000 is too long for the 4000 tokens of the data' 1 15_sharded_optimizer \
  --context 1000
refuses '--rows 1 are fewer than 2 ranks' 2 17_overlap --rows 1
refuses '--timing-rows 1048576 × --timing-in 16384' 2 17_overlap --timing-rows 1048576 \
  --timing-in 16384 --timing-out 16384
refuses '--shard-ranks 2 does not divide the 3 data-parallel ranks' 3 16_fully_sharded \
  --shard-ranks 2
refuses '--unit-blocks 7 is more than --layers 6' 2 16_fully_sharded --unit-blocks 7
refuses '--batch 12 × --context 1000000 needs about' 2 16_fully_sharded --context 1000000
refuses '--batch 1 × --context 2 are fewer rows than 3 ranks' 3 13_sequence_parallel --batch 1 \
  --context 2
refuses '--heads 4 cannot be divided evenly among 3 ranks' 3 13_sequence_parallel --heads 4
refuses '--measure must be none, small or large, not big' 1 13_sequence_parallel --measure big
refuses '--heads 4 is not divisible by --tp 3' 3 22_the_whole_grid --tp 3 --sequence-parallel
refuses '--recompute half: it is none, selective or full' 1 22_the_whole_grid --recompute half
refuses '--shard-optimizer: must be from 0 to 3' 2 22_the_whole_grid --shard-optimizer 4
refuses '--batch 3 has too few sequences for --dp 2 × --accumulate 2' 2 22_the_whole_grid --dp 2 \
  --shard-optimizer 3 --batch 3 --accumulate 2
refuses '--no-prefetch needs --shard-optimizer 3' 2 22_the_whole_grid --no-prefetch
refuses '--memory 5 needs --recompute full' 1 22_the_whole_grid --memory 5
refuses '--memory allows 10000 bytes, but with all 4 blocks recomputed a step still keeps' 2 \
  22_the_whole_grid --tp 2 --sequence-parallel --recompute full --memory 0.01
refuses '--shard-optimizer is one of all that --layouts tries' 2 22_the_whole_grid --layouts \
  --shard-optimizer 2
refuses '--layouts trains models that are not saved' 1 22_the_whole_grid --layouts --save "$work/a"
# Further axes, and what does not go together.
grid() { refuses "$1" "$2" 22_the_whole_grid "${@:3}"; }
grid '--tp 1 × --dp 1 × 2 along other axes is a grid of 2 ranks, but the program runs on 3' 3 \
  --tp 1 --dp 1 --pp 2
grid '--schedule 2f2b: it is gpipe, 1f1b, interleaved or zb-h1' 2 --pp 2 --schedule 2f2b
grid '--schedule interleaved needs --chunks of 2 or more' 2 --pp 2 --schedule interleaved
grid '--chunks 2 needs --schedule interleaved and --pp above 1' 2 --pp 2 --chunks 2
grid '--ep 2 needs --experts' 2 --ep 2 --dp 2
grid '--ep 2 does not divide the 3 ranks of cp-dp' 3 --experts 4 --ep 2 --dp 3
grid '--ep 2 ranks for --experts 1 would leave some without an expert' 2 --experts 1 --top-k 1 \
  --ep 2
grid '--top-k 3 of --experts 2 cannot be chosen' 1 --experts 2 --top-k 3
grid 'experts have no form that takes cut rows' 2 --tp 2 --experts 4 --sequence-parallel
grid '--shard-optimizer 3 with --pp 2' 2 --pp 2 --shard-optimizer 3
grid '--shard-optimizer 3 with --experts' 2 --experts 4 --dp 2 --shard-optimizer 3
grid '--shard-optimizer 2 with --schedule zb-h1' 2 --pp 2 --schedule zb-h1 --shard-optimizer 2
grid '--memory counts what a whole, dense model keeps' 2 --pp 2 --recompute full --memory 5
grid 'a sequence of 3 tokens cannot be cut among 4 context-parallel ranks' 4 --cp 4 --context 3
grid '--pp is one of all that --layouts tries' 2 --layouts --pp 2
# Plans: layouts that cannot be, models that fit nowhere, files that are not of a cluster.
cannot() { refuses "$1" 1 23_planner "${@:2}"; }
printf '{"name": "a", "node": 8, "peak": -1}' >"$work/negative.json"
cannot 'there is no model "gpt9"; the models are gpt2, ' --model gpt9
cannot 'there is no software "megatron"; known are megatron-2019, ' --software megatron
cannot '--heads without --model needs --layers, --width, --context, --vocabulary, too' --heads 12
cannot '--cluster dgx: there is no such file; known are a100-40, ' --cluster dgx
cannot 'dgx.json: there is no such file' --cluster "$work/dgx.json"
cannot "$work/empty.txt is not valid JSON" --cluster "$work/empty.txt"
cannot "$work/negative.json" --cluster "$work/negative.json"
cannot 'width 12289 is not divisible by 96 heads' --model gpt3-175b --width 12289
cannot 'top-k 3 of 2 experts cannot be chosen' --model gpt2 --experts 2 --top-k 3 --layout tp=2
cannot 'a model of 10000 layers of width 1048576 is too large to be counted' --model gpt2 \
  --layers 10000 --width 1048576 --heads 16 --experts 65536
cannot '--layout: there is no "fsdp"; there are tp, cp, pp, ' --layout fsdp=2
cannot '--layout: tp=two is not a whole number from 1 to 1048576' --layout tp=two
cannot '--layout tp=5: 96 heads cannot be divided evenly among tp=5 ranks' --layout tp=5
cannot '--layout dp=7: a batch of 1536 sequences cannot be divided into dp=7 × micro-batches of 1' \
  --layout dp=7
cannot '--layout pp=64,chunks=2: 96 layers are too few for pp=64 × chunks=2' \
  --layout pp=64,chunks=2
cannot '--layout tp=8 is of 8 ranks, but --gpus is 16' --layout tp=8 --gpus 16
cannot '--best lists the best layouts: not with --layout' --layout tp=8 --best 3
cannot '--picture draws the best layouts, or the errors of --check: not with --layout' \
  --layout tp=8 --picture "$work/a.svg"
cannot '--layout and --check cannot be combined' --check --layout tp=8
cannot '--heads is of a plan: not with --check' --check --heads 8
cannot '--heads 0: a model needs at least 1' --layers 2 --width 8 --heads 0 --context 8 \
  --vocabulary 8
cannot 'sp with 8 experts: ' --model gpt2 --experts 8 --layout tp=2,sp
cannot '--gpus is of a plan: not with --check' --check --gpus 8
cannot '--rounds needs --check-here' --rounds 5
cannot 'gpt3-175b with a batch of 8 sequences needs at least 48 GPUs of 80 GB: with tp=' --gpus 8 \
  --batch 8
cannot 'a batch of 1 sequence cannot be spread over 1048573 GPUs' --gpus 1048573 --batch 1
refuses '--curve /no/such/folder/file: the file cannot be written' 2 10_tensor_and_data_parallel \
  --curve /no/such/folder/file
finish

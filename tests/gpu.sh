#!/usr/bin/env bash
# gpu.sh [--smoke]: everything that needs a GPU, in one go of less than eight minutes: builds, runs
# all tests on the GPU, looks for memory errors and races in the kernels, measures, and ends with
# the tables of docs/measurements.md.
#   --smoke   on the emulated GPU, with tiny sizes and few of the tests, which have tests of their
#             own there: tries this script where there is no GPU
# It takes nvcc, cmake, mpirun, compute-sanitizer and PyTorch from where the shell finds them; of
# the last three, what is missing is skipped, counted and shown. SHARD_BUILD names the build folder
# (build-gpu); what each step said is kept in its folder gpu/. Exit status: 0 all passed, 1
# something failed, 2 there is no GPU or no nvcc.
set -uo pipefail
export LC_ALL=C.UTF-8 OMP_NUM_THREADS=2 OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
unset SHARD_EMULATED_GPUS SHARD_DEVICE

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=${SHARD_BUILD:-$root/build-gpu}
bin=$build/bin
out=$build/gpu
# shellcheck source=scripts/cores.sh
source "$root/scripts/cores.sh"
cores=$(cores)
deadline=$((SECONDS + 465))

stop() { echo "gpu.sh: $1" >&2; exit "${2:-2}"; }
have() { command -v "$1" >/dev/null; }

smoke=false
case ${1:-} in
  '') ;;
  --smoke) smoke=true ;;
  *) stop "unknown option $1; there is --smoke" ;;
esac
if $smoke; then
  export SHARD_EMULATED_GPUS=1
else
  nvidia-smi >/dev/null 2>&1 || stop 'there is no NVIDIA GPU here'
  have nvcc || [[ -x /usr/local/cuda/bin/nvcc ]] || stop 'there is no nvcc here'
fi
# Steps beside each other, while nothing is measured: not where each is a job of NCCL's on the same
# GPUs.
gpus=1
$smoke || gpus=$(nvidia-smi --query-gpu=index --format=csv,noheader | wc -l)
at_once=$((cores > 8 && gpus == 1 ? 4 : 1))
mkdir -p "$out" && rm -f "$out"/*.{log,status,json} || exit 2

# ---- Steps ---------------------------------------------------------------------------------------

passed=() failed=() skipped=() names=()

# step NAME SECONDS COMMAND…: runs it for so long at most, and keeps what it says and how it ends.
step() {
  local name=$1 limit=$2 started=$SECONDS rc=0
  shift 2
  ((deadline - SECONDS >= limit)) || limit=$((deadline - SECONDS))
  if ((limit > 0)); then
    timeout --kill-after=5 "$limit" "$@" >"$out/$name.log" 2>&1 </dev/null || rc=$?
  else
    rc=124
    echo 'no time was left for it' >"$out/$name.log"
  fi
  echo "$rc $((SECONDS - started))" >"$out/$name.status"
}

# beside NAME SECONDS COMMAND…: a step beside others; collect waits for all of them and says how
# they ended.
beside() {
  while (($(jobs -rp | wc -l) >= at_once)); do wait -n; done
  names+=("$1")
  step "$@" &
}

collect() {
  local name rc seconds
  wait
  for name in "${names[@]}"; do
    read -r rc seconds <"$out/$name.status" || rc=1
    if ((rc == 0)); then
      passed+=("$name")
      printf '  ok      %-26s %4d s  %s\n' "$name" "$seconds" "$(own_words "$name")"
    else
      failed+=("$name")
      printf '  FAILED  %-26s %4d s  %s\n' "$name" "$seconds" "$(reason "$rc")"
      tail -n 15 "$out/$name.log" | cut -c 1-300 | sed 's/^/          | /'
    fi
  done
  names=()
}

alone() { beside "$@"; collect; }
skip() { skipped+=("$1"); printf '  skipped %-26s %s\n' "$1" "$2"; }
reason() { case $1 in 124 | 137) echo 'stopped: out of time' ;; *) echo "exit status $1" ;; esac; }
own_words() {
  local sanitized='=+ (ERROR|RACECHECK) SUMMARY: .*'
  local summary="passed: .*|[0-9]+ of [0-9]+ checks hold|no checks were made|$sanitized"
  grep -hoE "^($summary)" "$out/$1.log" | tail -n 1
}

# ---- Build ---------------------------------------------------------------------------------------

build_all() {
  local targets=(programs unit_tests parallel_tests gpu_bench) cuda=ON
  if $smoke; then
    cuda=OFF
    targets+=(shard_emulated_gpu solution_01_3)
  else
    targets+=(exercise_on_gpu)
  fi
  # In a folder that is configured already it tries what is built there.
  if ! $smoke || [[ ! -e $build/CMakeCache.txt ]]; then
    alone configure 60 cmake -S "$root" -B "$build" -DSHARD_CUDA=$cuda
  fi
  alone build 300 cmake --build "$build" --target "${targets[@]}" --parallel "$cores"
  ((${#failed[@]} == 0)) || stop 'it does not build, so nothing was tested' 1
}

# ---- Tests ---------------------------------------------------------------------------------------

# on RANKS NAME SECONDS PROGRAM ARGS…: a step on so many ranks, which share the GPU.
on() {
  if (($1 == 1)); then
    beside "${@:2}"
  else
    beside "$2" "$3" "$root/tests/mpirun.sh" "$1" "${@:4}"
  fi
}

# The longest steps, so they begin first. Only the project's own kernels are looked at, whose names
# all contain "shard"; calls of CUDA that fail are the tests' business, which provoke some.
sanitize() {
  local tool options=(--kernel-name kns=shard --report-api-errors no --error-exitcode 9)
  for tool in memcheck racecheck; do
    if $smoke || ! have compute-sanitizer; then
      skip "$tool" 'there is no compute-sanitizer'
      continue
    fi
    beside "${tool}_units" 180 compute-sanitizer --tool $tool "${options[@]}" "$bin/unit_tests" \
      --device=cuda '--source-file-exclude=*attention*'
    beside "${tool}_attention" 120 compute-sanitizer --tool $tool "${options[@]}" \
      "$bin/unit_tests" --device=cuda '--source-file=*attention*'
    beside "${tool}_01" 90 compute-sanitizer --tool $tool "${options[@]}" "$bin/parallel_tests" \
      --device=cuda '--source-file=*/01_gemm_test.cpp'
  done
}

test_all() {
  local ranks rest most_ranks=4 golden=(--device=cuda '--source-file=*/10_golden_test.cpp')
  local units=() blocks=()
  if $smoke; then
    most_ranks=2 units=('--source-file=*/elementwise_test.cpp,*/product_epilogues_test.cpp')
    blocks=('--source-file=*/03_row_parallel_gemm_test.cpp,*/10_launches_test.cpp')
  fi
  have mpirun || { most_ranks=1 && skip several_ranks 'there is no mpirun'; }
  sanitize
  beside unit_tests 120 "$bin/unit_tests" --device=cuda "${units[@]}"
  beside golden_f32 90 "$bin/parallel_tests" "${golden[@]}" '--test-case-exclude=in bf16*'
  beside golden_bf16 90 "$bin/parallel_tests" "${golden[@]}" '--test-case=in bf16*'
  if $smoke; then beside exercise_01_3 30 "$build/exercises/"{examine,solution_01_3.so}
  else beside exercise_01_3 30 "$build/exercises/"{examine,exercise_on_gpu.so}; fi
  for ((ranks = 1; ranks <= most_ranks; ++ranks)); do
    rest=("${blocks[@]}")
    ((ranks > 1)) || rest+=('--source-file-exclude=*/mismatched_collectives_test.cpp')   # takes two
    on $ranks "parallel_tests_${ranks}_ranks" 150 "$bin/parallel_tests" --device=cuda "${rest[@]}"
  done
  run_chapters $most_ranks
  ((gpus > 1 || most_ranks == 1)) || nccl_on_one_gpu
  collect
}

# NCCL lets ranks share a GPU from 2.30 on; before that it needs one for each.
nccl_on_one_gpu() {
  local NCCL_MULTI_RANK_GPU_ENABLE=1
  export NCCL_MULTI_RANK_GPU_ENABLE
  timeout 60 "$root/tests/mpirun.sh" 2 "$bin/02_collectives" --device cuda >"$out/nccl_shares.log" \
    2>&1
  if grep -q 'collectives by NCCL' "$out/nccl_shares.log"; then
    on 4 nccl_parallel_tests 150 "$bin/parallel_tests" --device=cuda
  else
    skip nccl 'this NCCL does not let ranks share a GPU'
  fi
}

run_chapters() {   # on one rank, and on the most
  local name only_ranks quick options ranks small thousand=1000
  local model=(--layers 2 --heads 12 --width 48 --context 32 --validation-fraction 0.01)
  if $smoke; then small=("${model[@]}" --steps 3 --check-steps 1 --sample 4) thousand=12
  else small=("${model[@]}" --steps 24 --sample 20); fi
  for ranks in $(printf '%s\n' 1 "$1" | uniq); do
    while IFS='|' read -r name only_ranks _ _ quick; do   # as its chapter.cmake says
      [[ $only_ranks != 1 || $ranks == 1 ]] || continue
      # All have tests of their own on the emulated GPU.
      ! $smoke || [[ $name == 0[1-5]* ]] || continue
      read -ra options <<<"$quick"
      on "$ranks" "${name:0:2}_$ranks" 90 "$bin/$name" --device cuda "${options[@]}"
    done <"$build/chapters.txt"
  done
  on 1 10_thousand_steps 60 "$bin/10_tensor_and_data_parallel" --device cuda "${model[@]}" \
    --precision bf16 --steps $thousand --check-steps 0 --sample 0 --curve "$out/curve_1000.svg"
  on 1 10_bf16 90 "$bin/10_tensor_and_data_parallel" --device cuda "${small[@]}" --precision bf16 \
    --curve "$out/curve_bf16.svg"
}

# The same steps twice: every bit of the checkpoint must be the same.
compare_two_runs() {
  local run sizes=(--layers 2 --heads 2 --width 128 --context 128 --batch 4)
  ! $smoke || sizes=(--layers 1 --heads 1 --width 32 --context 16 --batch 2)
  rm -rf "$out"/twice_{1,2}
  for run in 1 2; do
    beside "twice_$run" 60 "$bin/11_checkpoints" --device cuda --precision bf16 \
      "${sizes[@]}" --steps 3 --check-steps 0 --sample 0 --validation-fraction 0 \
      --save "$out/twice_$run" --curve "$out/twice_$run.svg"
  done
  collect
  alone same_bits 10 diff -r --exclude=metrics.csv "$out"/twice_{1,2}
}

# ---- Measurements: one after the other -----------------------------------------------------------

layers=12 heads=12 width=768 context=1024 batch=32 vocabulary=50304 precision=bf16 size=()
$smoke || for gib in 40 14 8; do   # a sequence takes nearly 1 GiB
  (($(nvidia-smi --query-gpu=memory.total --format=csv,noheader,nounits |
    head -n 1) < gib * 1024)) && batch=$((gib / 5))
done
if $smoke; then
  layers=2 heads=4 width=32 context=16 batch=2 vocabulary=256 precision=f32 size=(--smoke)
fi

# To chapter 10, a text of so many different characters is one of so many words.
write_text() {
  local number code
  for ((number = 0; number < vocabulary; ++number)); do
    printf -v code '%08x' $((0x20000 + number))
    printf '%b\n' "\\U$code"
  done >"$out/characters.txt"
  { cat "$out/characters.txt" && shuf -r -n $((200 * context)) "$out/characters.txt"; } |
    tr -d '\n' >"$out/text.txt"
}

measure_all() {
  alone ladder 60 "$bin/01_gemm" --device cuda
  alone bench 90 "$bin/gpu_bench" "${size[@]}" --json "$out/bench.json"
  write_text
  local epilogues name
  for epilogues in 1 0; do
    name=gpt2_epilogues_$epilogues
    alone $name 120 env SHARD_EPILOGUES=$epilogues "$bin/10_tensor_and_data_parallel" \
      --device cuda --precision $precision --layers $layers --heads $heads --width $width \
      --context $context --batch $batch --steps 15 --check-steps 0 --sample 0 \
      --validation-fraction 0 --data "$out/text.txt" --curve "$out/$name.svg" \
      --json "$out/$name.json"
  done
  if ! $smoke && timeout 60 python3 -c 'import torch; assert torch.cuda.is_available()' >/dev/null \
    2>&1; then
    alone torch_eager 60 python3 "$root/tests/gpu_torch.py" --batch $batch
    alone torch_compiled 90 python3 "$root/tests/gpu_torch.py" --batch $batch --compile
  else
    skip torch 'there is no PyTorch that finds a GPU'
  fi
}

# ---- The tables ----------------------------------------------------------------------------------

# value FILE KEY: a number among the results of a run.
value() {
  sed -n "s/^ *\"$2\": *\([-0-9.e+]*\),\{0,1\}\$/\1/p" "$out/$1.json" 2>/dev/null | head -n 1
}
calc() { awk "BEGIN { printf \"$1\", $2 }"; }

about() {
  printf '| | |\n|---|---|\n| date | %s |\n' "$(date -u +%F)"
  local rows='| device | \1 |\n| collectives | \2 |'
  sed -nE "s/^02_[a-z]+: 1 rank on (.*); collectives by (.*)\$/$rows/p" "$out/02_1.log"
  $smoke || nvidia-smi --query-gpu=driver_version,power.limit,clocks.max.sm --format=csv,noheader |
    sed -nE '1s/(.*), (.*), (.*)/| driver | \1 |\n| power limit, highest clock | \2, \3 |/p'
  [[ ! -e $out/torch_eager.log ]] ||
    echo "| PyTorch | $(python3 -c 'import torch; print(torch.__version__)') |"
  echo "| steps | ${#passed[@]} passed," \
    "${#failed[@]} failed${failed[*]:+ (${failed[*]})}, ${#skipped[@]}" \
    "skipped${skipped[*]:+ (${skipped[*]})} |"
}

ladder() {
  local columns='time | GFLOP\/s | % of peak | × the library |\n|---|---|---|---|---|'
  local measured='([0-9.]+ (µs|ms|s)) +([0-9.]+) +([0-9.]+|-) +([0-9.]+)'
  sed -nE -e "s/^  \[([0-9]+) × .*/| chapter 01, \1³ | $columns/p" \
    -e "s/^  (.*[^ ]) +[0-9]+ +$measured\$/| \1 | \2 | \4 | \5 | \6 |/p" \
    "$out/ladder.log"
}

# share_of_matmul FLOPS: percent of what matmul() reaches in bf16.
share_of_matmul() {
  local tflops
  tflops=$(value bench bf16_matmul_tflops)
  if [[ -n $tflops ]]; then calc '%.1f' "100 * $1 / 1e12 / $tflops"; else echo -; fi
}

# gpt2_row WHAT TOKENS_PER_SECOND: with the model's operations, 6 for a weight of a matrix and 12 ·
# context · width a layer.
gpt2_row() {
  local operations
  operations="(6 * ($layers * 12 * $width * $width + $vocabulary * $width) \
    + $layers * 12 * $context * $width)"
  [[ -n $2 ]] || { echo "| $1 | failed | | |"; return; }
  echo "| $1 | $(calc '%.0f' "$2") | $(calc '%.2f' "$2 * $operations / 1e12") |" \
    "$(share_of_matmul "$2 * $operations") |"
}

gpt2() {
  echo "| training step, $layers layers of width $width, $batch × $context tokens," \
    "$precision | tokens/s |" \
    'model TFLOP/s | % of matmul() in bf16 |'
  echo '|---|---|---|---|'
  gpt2_row 'chapter 10' "$(value gpt2_epilogues_1 tokens_per_second)"
  gpt2_row 'chapter 10, without epilogues' "$(value gpt2_epilogues_0 tokens_per_second)"
  local way
  for way in eager compiled; do
    [[ ! -e $out/torch_$way.log ]] ||
      gpt2_row "PyTorch, $way" "$(sed -n "s/^$way //p" "$out/torch_$way.log")"
  done
}

kernels_of_torch() {
  local way
  for way in eager compiled; do
    grep -q '^|' "$out/torch_$way.log" 2>/dev/null || continue
    printf "| PyTorch's kernels, %s | calls a step | ms a step |\n|---|---|---|\n" "$way"
    grep '^|' "$out/torch_$way.log"
    echo
  done
}

echo "What each step says is kept in $out"
build_all
test_all
compare_two_runs
measure_all
for table in about ladder; do echo && $table; done
sed -nE '/^(\||$)/p' "$out/bench.log" | cat -s
gpt2
echo
kernels_of_torch
((${#failed[@]} == 0))

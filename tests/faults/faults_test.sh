#!/usr/bin/env bash
# faults_test.sh BIN [cpu|staged|nccl]: ranks that do not fit together end within 5 s, and the user
# reads what each rank was doing: on the CPU, on one emulated GPU that all ranks share, or on one
# for each.
# shellcheck source-path=SCRIPTDIR source=expect.sh
source "$(dirname "$0")/expect.sh"
mode=${2:-cpu} device=(--device cuda)
case $mode in
  cpu) device=(--device cpu) ;;
  staged) export SHARD_EMULATED_GPUS=1 ;;
  nccl) export SHARD_EMULATED_GPUS=3 ;;
esac

# fault_in PROGRAM NAME STATUS ARGS… -- PHRASE…: the program on 3 ranks; each phrase must stand in
# what it says. A STATUS of !0 is any but 0.
fault_in() {
  local program=$1 name=$2 wanted=$3 args=() phrase
  shift 3
  while [[ $1 != -- ]]; do args+=("$1"); shift; done
  shift
  attempt 3 "$program" "${device[@]}" --fault "$name" "${args[@]}"
  [[ $status == "$wanted" || ($wanted == '!0' && $status != 0) ]] ||
    wrong "$name ${args[*]}: exit status $wanted was expected"
  ((seconds <= 5)) || wrong "$name ${args[*]} took too long"
  for phrase; do
    grep -qF -- "$phrase" "$work/out" "$work/err" ||
      wrong "$name ${args[*]}: nothing says \"$phrase\""
  done
}
fault() { fault_in fault_program "$@"; }

fault none 0 -- 'no checks were made'
fault none 0 --check-collectives -- 'no checks were made'
fault late 0 -- 'no checks were made'
fault failed-check 1 -- '  WRONG a check that holds on rank 1 only' '0 of 1 checks hold'
fault throws 1 -- 'rank 1: the disk is full'
fault throws 1 --check-collectives -- 'rank 1: the disk is full'
fault refuses 2 -- 'fault_program: --fault refuses is the same on every rank'
fault refuses-alone '!0' -- 'fault_program: --fault refuses-alone: rank 1 cannot read its file'
left='rank 1 has exited while other ranks of world wait for it:'
fault leaves 1 -- \
  "$left rank 0 is waiting in all_reduce of 128 f32 (#2) on world" \
  'rank 1 has exited' 'rank 2 is waiting in all_reduce of 128 f32 (#2) on world'
fault leaves 1 --check-collectives -- "$left rank 0 is waiting in all_reduce of"
fault leaves-exchange 1 -- \
  "$left rank 0 is waiting in all_to_all of 66 f32 (#2, tokens to their experts) on world"
fault dies '!0' --
late='timed out after 2 s (--timeout):'
fault sleeps 1 --timeout 2 -- \
  "$late rank 0 is waiting in all_reduce of 128 f32 (#2) on world for 2" \
  'rank 1 is not in a collective for 2' 'its last was all_reduce of 128 f32 (#1) on world' \
  'rank 2 is waiting in'
fault sleeps 1 --timeout 2 --check-collectives -- 'timed out after 2 s' \
  'rank 1 is not in a collective'
fault stops 1 --timeout 2 -- \
  "$late rank 0 is waiting in all_reduce of 128 f32 (#2) on world for 2" \
  'rank 1 is stopped by a signal'

told='the ranks of world call different collectives: '
fault other-collective 1 --check-collectives -- "$told" 'rank 1: all_gather of 64 f32 (#2)' \
  'all_reduce of 128 f32 (#2)'
fault other-count 1 --check-collectives -- "$told" 'rank 1: all_reduce of 64 f32 (#2)' \
  ': all_reduce of 128 f32 (#2)'
fault other-type 1 --check-collectives -- "$told" 'rank 1: all_reduce of 128 i32 (#2)' \
  ': all_reduce of 128 f32 (#2)'
fault host-numbers 1 --check-collectives -- "$told" 'rank 1: gather_text (#2)' \
  ': all_reduce of 128 f32 (#2)'

# Messages. Without --synchronous-sends MPI buffers the short ones; NCCL promises no buffer, and the
# emulated one has none.
waits='is waiting to send 128 f32 to rank'
[[ $mode == nccl ]] || fault sends-first 0 -- 'no checks were made'
fault sends-first 1 --timeout 2 --synchronous-sends -- \
  "rank 0 $waits 1 (#1, micro-batch 3, activation) on world for 2" \
  "rank 1 $waits 0 (#1, micro-batch 3, activation) on world for 2"
fault nobody-sends 1 --timeout 2 -- \
  'rank 1 is waiting to receive 128 f32 from rank 0 (#1, micro-batch 3, gradient) on world for' \
  'rank 0 is waiting in all_reduce of 128 f32 (#2) on world for'
told='two ranks of world disagree about a message: '
sent='send of 128 f32 to rank 1 (#1, micro-batch 3, activation)'
[[ $mode == nccl ]] || fault other-label 1 --timeout 2 --check-collectives -- \
  "${told}rank 0: $sent, rank 1:" \
  'rank 1: receive of 128 f32 from rank 0 (#1, micro-batch 3, gradient)'

# A pipeline: who waits names stage and micro-batch.
if [[ $mode == cpu ]]; then
  gradient='(#2, micro-batch 1, gradient of stage 1) on world'
  waits="rank 0 is waiting to receive 15 f32 from rank 1 $gradient"
  fault() { fault_in pipeline_faults "$@"; }
  fault throws 1 -- 'rank 1: the disk is full'
  fault dies '!0' --
  fault sleeps 1 --timeout 2 -- "$waits" 'rank 1 is not in a collective'
  fault stops 1 --timeout 2 -- "$waits" 'rank 1 is stopped by a signal'
  fault sleeps 1 --timeout 2 --micro-batches 2 --synchronous-sends -- "$waits"
  fault none 0 --micro-batches 1 --synchronous-sends -- 'no checks were made'
  attempt 2 18_pipeline --blocking --synchronous-sends --timeout 2 --device cpu
  [[ $status == 1 ]] || wrong "18_pipeline --blocking: exit status 1 was expected"
  for phrase in \
    'rank 0 is waiting to send 320 f32 to rank 1 (#2, micro-batch 1, output of stage 0)' \
    'rank 1 is waiting to send 320 f32 to rank 0 (#1, micro-batch 0, gradient of stage 1)'; do
    grep -qF -- "$phrase" "$work/err" || wrong "18_pipeline --blocking: nothing says \"$phrase\""
  done
fi

if [[ $mode == nccl ]]; then
  SHARD_EMULATED_NCCL_FAILS_AT=2 fault sleeps 1 -- \
    "NCCL's collectives of world; the oldest is all_reduce of 128 f32 (#2): " \
    'remote process exited or there was a network error; the emulation was told to fail here (' \
    'common/nccl/nccl_group.cpp:'
fi
if [[ $mode != cpu ]]; then
  export SHARD_EMULATED_GPU_MEMORY=64000000
  fault fills-memory 1 -- 'rank 1: out of memory on emulated GPU: 8000000 bytes, where ' \
    ' of 64000000 are free, for a tensor [2000000] of f32'
  fault wrong-address 1 -- 'rank 1: cudaMemcpyAsync: invalid argument (' \
    'common/cuda/cuda_backend.cpp:'
fi
finish
